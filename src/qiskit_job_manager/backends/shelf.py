"""The jobs of one backend that this process holds on to."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit_job_manager.model import RawResult, RemoteStatus

ENDED_KEPT = 32


@dataclass(frozen=True, slots=True)
class Ended:
    """What is left of a job after its end.

    Attributes:
        status: Its last status.
        result: Its encoded result, or ``None`` where there is none.
    """

    status: RemoteStatus
    result: RawResult | None = None


class JobShelf:
    """Holds Qiskit's job objects until they have ended, and then briefly what came of them.

    A job object holds its circuits and its result, so that keeping all of them would let memory
    grow with the job set. Not to keep anything would lose a result that the store could not take
    at once; so the encoded results of the last `ENDED_KEPT` jobs stay, more than can be on their
    way to the store. Safe to use from any thread.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, Any] = {}
        self._ended: OrderedDict[str, Ended] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, remote_id: str, job: Any, tag: str) -> str:
        """Hold a job, and return the id that it is held by: its own, made unique by the tag."""
        with self._lock:
            other = self._jobs.get(remote_id, job)
            if not remote_id or other is not job or remote_id in self._ended:
                remote_id = f"{remote_id}#{tag}"
            self._jobs[remote_id] = job
            return remote_id

    def keep(self, remote_id: str, job: Any) -> None:
        """Hold a job that was found again by its id."""
        with self._lock:
            self._jobs.setdefault(remote_id, job)

    def job(self, remote_id: str) -> Any | None:
        """Return the job object, or ``None`` when it is not held."""
        with self._lock:
            return self._jobs.get(remote_id)

    def ended(self, remote_id: str) -> Ended | None:
        """Return what came of a job, or ``None`` when that is not known, or not any more."""
        with self._lock:
            return self._ended.get(remote_id)

    def end(self, remote_id: str, ended: Ended) -> None:
        """Let go of the job object and keep what came of it."""
        with self._lock:
            self._jobs.pop(remote_id, None)
            self._ended[remote_id] = ended
            self._ended.move_to_end(remote_id)
            while len(self._ended) > ENDED_KEPT:
                self._ended.popitem(last=False)
