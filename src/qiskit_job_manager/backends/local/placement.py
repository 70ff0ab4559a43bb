"""Decides which jobs of a local backend go to the helper process."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.job_results import call_at_end, reports_end
from qiskit_job_manager.backends.local.helper import Helper, the_helper, the_second_helper
from qiskit_job_manager.backends.local.simulation_time import NARROW, simulation_s, width
from qiskit_job_manager.backends.locality import is_aer, is_fake

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qiskit_job_manager.backends.local.helper import HelpedJob
    from qiskit_job_manager.model import Blob

WORTH_AFTER_S = 0.5
"""A helper is started when jobs wait that have kept this process at simulating for so long without
a pause. Its start costs half a second of another core, so that little is wasted if no more come."""

_S_AN_INSTRUCTION = 20e-6
"""What Aer takes at least for an instruction of a circuit, to translate it; 20 to 30 measured."""

WORTH_FROM_S = 2.0
"""So it is, at once, when so much is expected."""

LONG_S = 1.0
"""A job that Aer simulates for so long in one call is the helper's, as nothing else gets anywhere
in a process that simulates."""

_LONG_PART_S = 0.1
"""A circuit that is simulated for so long makes its job a long one, if there are more like it."""


class Sharing:
    """Divides the jobs of one backend between this process and its helpers.

    What is simulated for long goes to the helper, or, where there is a second core, to a second
    helper for which it need not wait; what is wide only to the first, so that two together take no
    more memory than one. Of all other jobs the helper takes every other one, where there is a
    second core. One belongs to each adapter. Safe to use from any thread.

    Args:
        backend: The Qiskit backend.
        uri: How the helper opens an equal one; ``None``: it cannot.
        helpers: The helper, and the second one.
        seconds: Gives seconds that only grow.
    """

    def __init__(
        self,
        backend: Any,
        uri: str | None,
        helpers: tuple[Helper, Helper] = (the_helper, the_second_helper),
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uri = uri
        self._defaults = backend.options
        self._noisy = is_fake(backend)
        self._helper, self._second = helpers
        self._seconds = seconds
        self._here = 0
        self._busy_since_s = 0.0
        self._expected_s = 0.0
        self._expected_long_s = 0.0
        self._lock = threading.Lock()
        self._has_cores = _cores() > 1
        self._shares = uri is not None and self._has_cores
        self._relieves = uri is not None and (self._noisy or is_aer(backend))

    def expect(self, circuit: Any, options: Mapping[str, Any]) -> None:
        """Count a circuit that will be simulated, before the first job."""
        if self._shares:
            self._expected_s += len(circuit.data) * _S_AN_INSTRUCTION
            if self._expected_s >= WORTH_FROM_S:
                self._expected_s = 0.0
                self._helper.start()
        if self._relieves and not self._expects_long() and self._may_help(options):
            circuit_s = self._simulation_s(circuit, options)
            self._expected_long_s += circuit_s if circuit_s >= _LONG_PART_S else 0.0
            if self._expects_long():
                self._helper.start()

    def note_begun(self, job: Any) -> None:
        """Count a job that this process simulates until it ends."""
        if not reports_end(job):
            self._shares = False
            return
        with self._lock:
            if not self._here:
                self._busy_since_s = self._seconds()
            self._here += 1
        call_at_end(job, self._note_ended)

    def give(self, payload: Blob, options: Mapping[str, Any]) -> HelpedJob | None:
        """Give a job to the helper, or return ``None`` if its circuits must be known first.

        They must be known if long jobs are expected.
        """
        if self._relieves and self._expects_long():
            return None
        return self._share(payload, options)

    def give_known(
        self, payload: Blob, options: Mapping[str, Any], circuits: Sequence[Any]
    ) -> HelpedJob | None:
        """Give a job to the helper, or return ``None`` if this process simulates it.

        Args:
            payload: The encoded circuits.
            options: The run options.
            circuits: The circuits.
        """
        if self._uri is None or not self._relieves or not self._may_help(options):
            return None
        if self._is_long(circuits, options):
            self._expected_long_s = LONG_S
            return self._helper_for(circuits).run(self._uri, payload, options, long=True)
        return self._share(payload, options) if self._expects_long() else None

    def _share(self, payload: Blob, options: Mapping[str, Any]) -> HelpedJob | None:
        if not self._shares or self._uri is None or not self._may_help(options):
            return None
        if self._helper.is_ready and self._here and self._has_room:
            return self._helper.run(self._uri, payload, options)
        if self._here and self._seconds() >= self._busy_since_s + WORTH_AFTER_S:
            self._helper.start()
        return None

    def _helper_for(self, circuits: Sequence[Any]) -> Helper:
        """Return the helper that begins a long job first, if it may have it."""
        if not self._helper.has_long or not self._has_cores or not self._second.is_usable:
            return self._helper
        if any(width(circuit) > NARROW for circuit in circuits):
            return self._helper
        return min(self._helper, self._second, key=lambda helper: helper.backlog)

    @property
    def _has_room(self) -> bool:
        return self._helper.backlog <= self._here and not self._helper.has_long

    def _expects_long(self) -> bool:
        return self._expected_long_s >= LONG_S

    def _may_help(self, options: Mapping[str, Any]) -> bool:
        # A second process on the same accelerator would share its memory, and gain nothing.
        return self._helper.is_usable and self._option(options, "device", "CPU") == "CPU"

    def _is_long(self, circuits: Sequence[Any], options: Mapping[str, Any]) -> bool:
        total_s = 0.0
        for circuit in circuits:
            total_s += self._simulation_s(circuit, options)
            if total_s >= LONG_S:
                return True
        return False

    def _simulation_s(self, circuit: Any, options: Mapping[str, Any]) -> float:
        shots = self._option(options, "shots", 1024)
        method = self._option(options, "method", "automatic")
        if not isinstance(shots, int):
            return 0.0  # which Aer will refuse
        return simulation_s(circuit, shots, method, noisy=self._noisy)

    def _option(self, options: Mapping[str, Any], name: str, default: Any) -> Any:
        own = options.get(name)
        return getattr(self._defaults, name, default) if own is None else own

    def note_declined(self) -> None:
        """Record that the helper could not do a job; it gets no more jobs of this backend."""
        self._shares = False

    def _note_ended(self) -> None:
        with self._lock:
            self._here -= 1


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
