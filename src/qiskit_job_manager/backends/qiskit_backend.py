"""The adapter to any Qiskit `BackendV2` with ``run()``."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends import provider_errors
from qiskit_job_manager.backends.base import BaseBackend
from qiskit_job_manager.backends.checks.circuits import CircuitCheck
from qiskit_job_manager.backends.job_follower import JobFollower
from qiskit_job_manager.backends.job_results import (
    call_at_end,
    job_in_answer,
    reports_end,
    result_in_answer,
)
from qiskit_job_manager.backends.limits import limits_of
from qiskit_job_manager.backends.local.helper import HelpedJob, HelperError
from qiskit_job_manager.backends.local.placement import Sharing
from qiskit_job_manager.backends.locality import is_local, is_reentrant, refuse_runless
from qiskit_job_manager.backends.seeds import backend_seed
from qiskit_job_manager.backends.uris import uri_of
from qiskit_job_manager.codec.circuits import unpack, were_proved_here
from qiskit_job_manager.codec.results import encode_result
from qiskit_job_manager.errors import CodecError, RemoteJobFailedError, SubmissionRefusedError
from qiskit_job_manager.model import RemoteState, RemoteStatus
from qiskit_job_manager.ports import Capabilities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit_job_manager.model import Blob, Limits, RawResult

# One for all of them, as several may share a simulator. Their run() is Python and holds the GIL,
# so that running two at once would gain nothing.
_one_at_a_time = threading.Lock()

_GOING_ON = frozenset({RemoteState.QUEUED, RemoteState.RUNNING})
_WATCH_S = 0.1  # while a job is asked about it cannot be cancelled, so not for long


class QiskitBackend(JobFollower):
    """Runs circuits on a Qiskit `BackendV2`.

    Jobs are followed by the objects that ``run()`` returned. Those of earlier processes are found
    again by the backend's ``retrieve_job(id)``, where it has that.

    Args:
        backend: The Qiskit backend; it may be shared with others.
        volatile: Whether jobs die with this process; ``None``: only if it is known to be local.
        uri: The name that it was opened by; without one it is worked out, if it can be.
    """

    def __init__(
        self, backend: Any, *, volatile: bool | None = None, uri: str | None = None
    ) -> None:
        refuse_runless(backend)
        self._local = is_local(backend)
        super().__init__(backend, volatile=self._local if volatile is None else volatile)
        self._backend = backend
        self._uri = uri_of(backend) if uri is None else uri
        self._run_guard = nullcontext() if is_reentrant(backend) else _one_at_a_time
        self._check = CircuitCheck(backend)
        self._one_ended = threading.Event()
        self._sharing = Sharing(backend, self._uri if self._local and self._volatile else None)

    @property
    def name(self) -> str:
        """The Qiskit backend's name, or that of its class where it has none."""
        return str(getattr(self.qiskit_backend, "name", None) or type(self.qiskit_backend).__name__)

    @property
    def uri(self) -> str | None:
        """What `open_backend` takes, or ``None`` when only an object can be handed over."""
        return self._uri

    @property
    def qiskit_backend(self) -> Any:
        """The Qiskit backend, to transpile for."""
        return self._backend

    @property
    def capabilities(self) -> Capabilities:
        """Qiskit's interface has no marks to find jobs by, and asks about one job at a time.

        Asking a local job costs next to nothing, so all of them are asked together.
        """
        return Capabilities(volatile=self._volatile, bulk_status=self._local)

    @property
    def kept_options(self) -> Mapping[str, Any]:
        """The seed among the backend's options; each job gets one derived from it."""
        return backend_seed(self._backend)

    def limits(self) -> Limits:
        """Return what the backend says of its limits, and for local ones what serves best."""
        return limits_of(self.qiskit_backend, local=self._local)

    def check(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:
        """Check that one circuit can run here; see `CircuitCheck`."""
        self._check(experiment, index, options)
        self._sharing.expect(experiment, options)

    def submit(
        self,
        payload: Blob,
        options: Mapping[str, Any],
        tag: str,
        labels: Sequence[str] = (),  # noqa: ARG002  # part of the port
    ) -> str:
        """Send one job; the tag stays here, as Qiskit's interface has no place for it."""
        if not self._was_proved(payload):
            self._unpacked(payload)  # refuses it here; a worker would lose all circuits of the job
        job = self._sharing.give(payload, options)
        if job is None:
            circuits = self._unpacked(payload)
            job = self._sharing.give_known(payload, options, circuits)
            job = self._begin(circuits, options) if job is None else job
        if self._local:
            call_at_end(job, self._one_ended.set)
        return self._keep(job, tag)

    def _was_proved(self, payload: Blob) -> bool:
        try:
            return were_proved_here(payload)
        except CodecError:
            return False

    def _unpacked(self, payload: Blob) -> list[Any]:
        try:
            return unpack(payload)
        except CodecError as error:
            raise SubmissionRefusedError(f"nothing was sent to {self.name}: {error}") from error

    def _begin(self, circuits: list[Any], options: Mapping[str, Any]) -> Any:
        """Have the Qiskit backend run a job, and return its job object."""
        try:
            with self._run_guard:
                answer = self._run(circuits, options)
        except Exception as error:
            raise provider_errors.submission_error(
                error, self.name, volatile=self._volatile
            ) from error
        job = job_in_answer(answer, self.name, volatile=self._volatile)
        if self._local:
            self._sharing.note_begun(job)
        return job

    def _run(self, circuits: list[Any], options: Mapping[str, Any]) -> Any:
        """Call ``run()`` with a list, as Qiskit has it, even with a list of one circuit.

        A backend that takes no list is called again with the circuit itself only where a second
        call cannot be paid for twice.
        """
        try:
            return self.qiskit_backend.run(circuits, **options)
        except (TypeError, AttributeError):
            if not self._volatile or len(circuits) != 1:
                raise
            return self.qiskit_backend.run(circuits[0], **options)

    def statuses(self, remote_ids: Sequence[str]) -> Mapping[str, RemoteStatus]:
        """Ask about one job after the other.

        Where all run here, this waits a moment for the first that ends: to be told costs less than
        to ask often, as the simulators leave little of Python's time to others.
        """
        self._one_ended.clear()
        found = BaseBackend.statuses(self, remote_ids)
        if self._are_running_here(found):
            self._one_ended.wait(_WATCH_S)
            found = BaseBackend.statuses(self, remote_ids)
        return found

    def _are_running_here(self, found: Mapping[str, RemoteStatus]) -> bool:
        jobs = (self._cache.job(remote_id) for remote_id in found)
        going_on = all(each.state in _GOING_ON for each in found.values())
        return self._local and bool(found) and going_on and all(map(reports_end, jobs))

    def _read(self, remote_id: str, job: Any) -> RawResult:
        """Return the encoded result of a job; what the helper could not do is done here."""
        if isinstance(job, HelpedJob):
            try:
                return job.raw_result()
            except HelperError:
                self._sharing.note_declined()
            job = self._begin_after_all(job)
        return super()._read(remote_id, job)

    def encoded(self, answer: Any, what: str) -> RawResult:
        """Encode the `qiskit.result.Result` of a job."""
        return encode_result(result_in_answer(answer, what))

    def _begin_after_all(self, job: HelpedJob) -> Any:
        try:
            return self._begin(self._unpacked(job.payload), job.options)
        except SubmissionRefusedError as error:
            raise RemoteJobFailedError(str(error)) from error
