"""Follows jobs by the objects that a provider's ``run()`` returned.

The jobs of one backend that this process holds on to.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit.primitives import PrimitiveJob

from qiskit_job_manager.backends import provider_errors
from qiskit_job_manager.backends.base import BaseBackend
from qiskit_job_manager.backends.status_names import status_of
from qiskit_job_manager.errors import (
    BackendError,
    CredentialsError,
    JobOutOfReachError,
    RemoteJobFailedError,
    ResultGoneError,
)
from qiskit_job_manager.model import RemoteState, RemoteStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit_job_manager.model import RawResult


_WATCH_S = 0.1  # while a job is asked about it cannot be cancelled, so not for long


class JobFollower(BaseBackend):
    """The side of an adapter that asks about jobs; a class derived from it sends them.

    Jobs of earlier processes are found again by ``retrieve_job(id)``, where the provider's object
    has that.

    Args:
        source: The provider's object with ``run()``.
        volatile: Whether jobs die with this process.
    """

    def __init__(self, source: Any, *, volatile: bool) -> None:
        self._source = source
        self._volatile = volatile
        self._cache = JobCache()

    def encoded(self, answer: Any, what: str) -> RawResult:
        """Encode what a job's ``result()`` returned; ``what`` it is, for messages.

        Raises:
            ResultGoneError: It says that there is none any more.
            RemoteJobFailedError: It is none, and nothing of it can be kept.
        """
        raise NotImplementedError

    # -- the port -------------------------------------------------------------------------------

    def statuses(self, remote_ids: Sequence[str]) -> Mapping[str, RemoteStatus]:
        """Ask about one job after the other; of those that run here, wait a moment for an end."""
        self._watch(remote_ids)
        return super().statuses(remote_ids)

    def status(self, remote_id: str) -> RemoteStatus:
        """Ask about one job; one that is not there any more, or out of reach, is told as such."""
        ended = self._cache.ended(remote_id)
        if ended is not None:
            return ended.status
        try:
            status = self._ask(remote_id)
        except ResultGoneError as error:
            return RemoteStatus(RemoteState.GONE, message=str(error))
        except JobOutOfReachError as error:
            return RemoteStatus(RemoteState.OUT_OF_REACH, message=str(error))
        except RemoteJobFailedError as error:
            status = RemoteStatus(RemoteState.ERROR, message=str(error))
            self._cache.end(remote_id, Ended(status))
        if status.state is RemoteState.CANCELLED:
            self._cache.end(remote_id, Ended(status))  # nobody will fetch it
        return status

    def fetch(self, remote_id: str) -> RawResult:
        """Read and encode a result; waits for it if the job could not tell its status."""
        ended = self._cache.ended(remote_id)
        if ended is not None:
            return _what_came_of(ended, remote_id)
        raw = self._read(remote_id, self._job(remote_id))
        self._cache.end(remote_id, Ended(RemoteStatus(RemoteState.DONE), raw))
        return raw

    def _read(self, remote_id: str, job: Any) -> RawResult:
        try:
            answer = job.result()
        except Exception as error:
            raise self._no_result(remote_id, job, error) from error
        return self.encoded(answer, f"the result of the job {remote_id}")

    def cancel(self, remote_id: str) -> None:
        """Ask for a job to be cancelled; whatever the job cannot do is left to its status.

        Raises:
            TransientBackendError: The request may not have arrived.
            CredentialsError: The user must log in again.
        """
        if self._cache.ended(remote_id) is not None:
            return
        try:
            self._job(remote_id).cancel()
        except (JobOutOfReachError, ResultGoneError, RemoteJobFailedError):
            return
        except BackendError:
            raise
        except Exception as error:
            # A job that has ended, or cannot be cancelled at all, says so in many ways; to ask
            # again would change nothing.
            if provider_errors.is_about_network(error) and not provider_errors.is_definite(error):
                raise provider_errors.read_error(
                    error, f"the answer to cancelling {remote_id}"
                ) from error

    def error_message(self, remote_id: str) -> str | None:
        """Return what the job or its ``error_message()`` says, if anything."""
        ended = self._cache.ended(remote_id)
        if ended is not None and ended.status.message:
            return ended.status.message
        try:
            return _own_words(self._job(remote_id))
        except RemoteJobFailedError as error:
            return str(error)
        except (JobOutOfReachError, ResultGoneError):
            return None

    # -- jobs by their ids ----------------------------------------------------------------------

    def _keep(self, job: Any, tag: str) -> str:
        """Hold a job that was accepted, and return the id that it is held by."""
        return self._cache.put(_id_of(job), job, tag)

    def _job(self, remote_id: str) -> Any:
        """Return a job object, held here or retrieved.

        Raises:
            ResultGoneError: The job died with its process, or the provider says that it has none.
            JobOutOfReachError: Only the process that sent it could ask about it.
            RemoteJobFailedError: The provider says so in place of giving it.
            TransientBackendError: The provider could not be asked.
            CredentialsError: The user must log in again.
        """
        job = self._cache.job(remote_id)
        if job is not None:
            return job
        retrieve = getattr(self._source, "retrieve_job", None)
        if self._volatile:
            msg = f"the job {remote_id} on {self.name} ended with the process that started it"
            raise ResultGoneError(msg)
        if not callable(retrieve):
            msg = (
                f"{self.name} has no retrieve_job(), so that the job {remote_id}, which another "
                "process sent, can be read only by the means of its provider"
            )
            raise JobOutOfReachError(msg)
        try:
            job = retrieve(remote_id)
        except Exception as error:
            raise _asking_failed(error, f"the job {remote_id} on {self.name}") from error
        if job is None:
            raise ResultGoneError(f"{self.name} has no job {remote_id}")
        self._cache.keep(remote_id, job)
        return job

    def _watch(self, remote_ids: Sequence[str]) -> None:
        """Wait until one of some jobs has ended, if all of them can tell that here."""
        futures = [_future_of(self._cache.job(remote_id)) for remote_id in remote_ids]
        known = [future for future in futures if future is not None]
        if known and len(known) == len(futures):
            wait(known, _WATCH_S, FIRST_COMPLETED)

    def _ask(self, remote_id: str) -> RemoteStatus:
        job = self._job(remote_id)
        try:
            return _status_by_future(job) or status_of(job)
        except Exception as error:
            raise _asking_failed(error, f"the status of the job {remote_id}") from error

    def _no_result(self, remote_id: str, job: Any, error: Exception) -> BackendError:
        """Say what it means that reading a result failed."""
        sorted_out = provider_errors.read_error(error, f"the result of the job {remote_id}")
        if isinstance(sorted_out, CredentialsError | ResultGoneError):
            return sorted_out
        if not self._failed_for_good(remote_id, job, error):
            return sorted_out
        message = _own_words(job) or provider_errors.message_of(error)
        self._cache.end(remote_id, Ended(RemoteStatus(RemoteState.ERROR, message=message)))
        return RemoteJobFailedError(message)

    def _failed_for_good(self, remote_id: str, job: Any, error: Exception) -> bool:
        """Say whether a job has no result, rather than none that could be read now.

        What ran here, or is not about a network, fails the same way every time.
        """
        if _status_by_future(job) is not None or provider_errors.says_job_failed(error):
            return True
        if provider_errors.is_about_network(error):
            return False
        if self._volatile:
            return True
        try:
            status = self._ask(remote_id)
        except BackendError:
            return False
        return status.state in (RemoteState.ERROR, RemoteState.CANCELLED)


def _asking_failed(error: Exception, what: str) -> BackendError:
    """Sort what asking for a job or its status raised; some providers say so that it failed."""
    if provider_errors.says_job_failed(error):
        return RemoteJobFailedError(provider_errors.message_of(error))
    return provider_errors.read_error(error, what)


def _status_by_future(job: Any) -> RemoteStatus | None:
    """Return the status of a job that is a function on a thread of this process.

    Qiskit's `PrimitiveJob` calls one that has not been started yet failed, and goes on saying so
    after it has succeeded. Whether one that has ended did fail is told by its result.
    """
    future = _future_of(job)
    if future is None:
        return None
    if future.cancelled():
        return RemoteStatus(RemoteState.CANCELLED)
    if future.done():
        return RemoteStatus(RemoteState.DONE)
    return RemoteStatus(RemoteState.RUNNING if future.running() else RemoteState.QUEUED)


def _future_of(job: Any) -> Future[Any] | None:
    future = getattr(job, "_future", None) if isinstance(job, PrimitiveJob) else None
    return future if isinstance(future, Future) else None


def _id_of(job: Any) -> str:
    """Return a job's own id, or ``""``: a job that was accepted is not lost for want of one."""
    try:
        own = job.job_id()
    except Exception:  # noqa: BLE001  # anything a provider's code may raise
        return ""
    return "" if own is None else str(own)


def _own_words(job: Any) -> str | None:
    """Return what the provider's ``error_message()`` says, which is no part of Qiskit's jobs."""
    try:
        text = job.error_message()
    except Exception:  # noqa: BLE001  # most jobs have none, others may raise anything
        return None
    return str(text) if text else None


def _what_came_of(ended: Ended, remote_id: str) -> RawResult:
    if ended.result is not None:
        return ended.result
    raise RemoteJobFailedError(
        ended.status.message or f"the job {remote_id} was {ended.status.state}, without a result"
    )


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


class JobCache:
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
