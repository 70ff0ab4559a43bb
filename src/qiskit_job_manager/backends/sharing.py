"""Which jobs of a local backend go to the helper process."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.answers import tell_at_end, tells_its_end
from qiskit_job_manager.backends.helper import Helper, the_helper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qiskit_job_manager.backends.helper import HelpedJob
    from qiskit_job_manager.model import Blob

WORTH_AFTER_S = 0.5
"""A helper is started when jobs wait that have kept this process at simulating for so long without
a pause. Its start costs a second of another core, so that little is wasted if no more come."""

_S_AN_INSTRUCTION = 20e-6
"""What Aer takes at least for an instruction of a circuit, to translate it; 20 to 30 measured."""

WORTH_FROM_S = 2.0
"""So it is, at once, when so much is expected."""


class Sharing:
    """Divides the jobs of one backend between this process and the helper.

    One belongs to each adapter. Safe to use from any thread.

    Args:
        backend: The Qiskit backend.
        uri: How the helper opens an equal one; ``None``: it cannot.
        helper: The helper.
        seconds: Gives seconds that only grow.
    """

    def __init__(
        self,
        backend: Any,
        uri: str | None,
        helper: Helper = the_helper,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uri = uri
        self._device = getattr(backend.options, "device", "CPU")
        self._helper = helper
        self._seconds = seconds
        self._here = 0
        self._busy_since_s = 0.0
        self._expected_s = 0.0
        self._lock = threading.Lock()
        self._helps = uri is not None and _cores() > 1

    def expect(self, circuit: Any) -> None:
        """Take note of a circuit that is to be simulated, before any is."""
        if self._helps:
            self._expected_s += len(circuit.data) * _S_AN_INSTRUCTION
            if self._expected_s >= WORTH_FROM_S:
                self._expected_s = 0.0
                self._helper.start()

    def note_begun(self, job: Any) -> None:
        """Count a job that this process simulates until it ends."""
        if not tells_its_end(job):
            self._helps = False
            return
        with self._lock:
            if not self._here:
                self._busy_since_s = self._seconds()
            self._here += 1
        tell_at_end(job, self._note_ended)

    def give(self, payload: Blob, options: Mapping[str, Any]) -> HelpedJob | None:
        """Give a job to the helper, or return ``None`` when it is to be simulated here."""
        # A second process on the same accelerator would share its memory, and gain nothing.
        if not self._helps or options.get("device", self._device) != "CPU" or self._uri is None:
            return None
        if self._helper.is_ready and self._here and self._helper.backlog <= self._here:
            return self._helper.run(self._uri, payload, options)
        if self._here and self._seconds() >= self._busy_since_s + WORTH_AFTER_S:
            self._helper.start()
        return None

    def note_declined(self) -> None:
        """Take note that the helper could not do a job, and give it no more of this backend."""
        self._helps = False

    def _note_ended(self) -> None:
        with self._lock:
            self._here -= 1


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
