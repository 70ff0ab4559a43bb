"""The adapter to any Qiskit `BackendV2` with ``run()``."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends import failures
from qiskit_job_manager.backends.answers import job_in, result_in, tell_at_end, tells_its_end
from qiskit_job_manager.backends.checking import CircuitCheck
from qiskit_job_manager.backends.figures import limits_of
from qiskit_job_manager.backends.helper import HelpedJob, HelperError
from qiskit_job_manager.backends.origins import is_local, is_reentrant, refuse_runless
from qiskit_job_manager.backends.sharing import Sharing
from qiskit_job_manager.backends.shelf import Ended, JobShelf
from qiskit_job_manager.backends.uris import uri_of
from qiskit_job_manager.backends.words import status_of
from qiskit_job_manager.codec.circuits import unpack
from qiskit_job_manager.codec.results import encode_result
from qiskit_job_manager.errors import (
    BackendError,
    CodecError,
    CredentialsError,
    JobOutOfReachError,
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionRefusedError,
    TransientBackendError,
)
from qiskit_job_manager.model import ExperimentKind, RemoteState, RemoteStatus
from qiskit_job_manager.ports import Capabilities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit_job_manager.model import Blob, Limits, RawResult

# One for all of them, as several may share a simulator. Their run() is Python and holds the GIL,
# so that running two at once would gain nothing.
_one_at_a_time = threading.Lock()

_GOING_ON = frozenset({RemoteState.QUEUED, RemoteState.RUNNING})
_WATCH_S = 0.1  # while a job is asked about it cannot be cancelled, so not for long


class QiskitBackend:
    """Runs circuits on a Qiskit `BackendV2`.

    Jobs are followed by the objects that ``run()`` returned. Those of earlier processes are found
    again by the backend's ``retrieve_job(id)``, where it has that.

    Args:
        backend: The Qiskit backend; it may be shared with others.
        volatile: Whether jobs die with this process; ``None``: only if it is known to be local.
        uri: The name that it was opened by; without one it is worked out, if it can be.

    Attributes:
        qiskit_backend: The Qiskit backend, to transpile for.
    """

    def __init__(
        self, backend: Any, *, volatile: bool | None = None, uri: str | None = None
    ) -> None:
        refuse_runless(backend)
        self.qiskit_backend = backend
        self._local = is_local(backend)
        self._volatile = self._local if volatile is None else volatile
        self._uri = uri_of(backend) if uri is None else uri
        self._run_guard = nullcontext() if is_reentrant(backend) else _one_at_a_time
        self._check = CircuitCheck(backend)
        self._shelf = JobShelf()
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
    def account(self) -> str:
        """The backend's name: more about who pays is not to be known from a Qiskit backend."""
        return self.name

    @property
    def takes(self) -> ExperimentKind:
        """Circuits, as ``run()`` does."""
        return ExperimentKind.CIRCUIT

    @property
    def capabilities(self) -> Capabilities:
        """Qiskit's interface has no marks to find jobs by, and asks about one job at a time.

        Asking a local job costs next to nothing, so all of them are asked together.
        """
        return Capabilities(volatile=self._volatile, bulk_status=self._local)

    def limits(self) -> Limits:
        """Return what the backend says of its limits, and for local ones what serves best."""
        return limits_of(self.qiskit_backend, local=self._local)

    def check(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:
        """Check that one circuit can run here; see `CircuitCheck`."""
        self._check(experiment, index, options)
        self._sharing.expect(experiment)

    def submit(
        self,
        payload: Blob,
        options: Mapping[str, Any],
        tag: str,
        labels: Sequence[str] = (),  # noqa: ARG002  # as the port has it
    ) -> str:
        """Send one job; the tag stays here, as Qiskit's interface has no place for it."""
        helped = self._sharing.give(payload, options)
        job = self._begin(payload, options) if helped is None else helped
        if self._local:
            tell_at_end(job, self._one_ended.set)
        return self._shelf.put(_id_of(job), job, tag)

    def _begin(self, payload: Blob, options: Mapping[str, Any]) -> Any:
        """Have the Qiskit backend run a job, and return its job object."""
        try:
            circuits = unpack(payload)
        except CodecError as error:
            raise SubmissionRefusedError(f"nothing was sent to {self.name}: {error}") from error
        try:
            with self._run_guard:
                answer = self._run(circuits, options)
        except Exception as error:
            raise failures.of_submission(error, self.name, volatile=self._volatile) from error
        job = job_in(answer, self.name, volatile=self._volatile)
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

    def estimate_usage_s(self, circuits: int, shots: int | None) -> None:  # as the port has it
        """Nothing is known of what it costs."""

    def find(self, tag: str) -> Sequence[str]:
        """Not to be called, as the capabilities say.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(f"{self.name} cannot search for the tag {tag}")

    def twins(self, label: str) -> Mapping[str, Sequence[str]]:
        """Not to be called, as the capabilities say.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(f"{self.name} cannot search for the label {label}")

    def statuses(self, remote_ids: Sequence[str]) -> Mapping[str, RemoteStatus]:
        """Ask about one job after the other.

        Where all run here, this waits a moment for the first that ends: to be told costs less than
        to ask often, as the simulators leave little of Python's time to others.
        """
        self._one_ended.clear()
        found = self._statuses(remote_ids)
        if self._are_running_here(found):
            self._one_ended.wait(_WATCH_S)
            found = self._statuses(remote_ids)
        return found

    def _are_running_here(self, found: Mapping[str, RemoteStatus]) -> bool:
        jobs = (self._shelf.job(remote_id) for remote_id in found)
        going_on = all(each.state in _GOING_ON for each in found.values())
        return self._local and bool(found) and going_on and all(map(tells_its_end, jobs))

    def _statuses(self, remote_ids: Sequence[str]) -> Mapping[str, RemoteStatus]:
        found: dict[str, RemoteStatus] = {}
        trouble: BackendError | None = None
        for remote_id in remote_ids:
            try:
                found[remote_id] = self._status(remote_id)
            except TransientBackendError as error:
                trouble = error
        if trouble is not None and not found:
            raise trouble
        return found

    def fetch(self, remote_id: str) -> RawResult:
        """Read and encode a result; waits for it if the job could not tell its status."""
        ended = self._shelf.ended(remote_id)
        if ended is not None:
            return _what_came_of(ended, remote_id)
        raw = self._read(remote_id, self._job(remote_id))
        self._shelf.end(remote_id, Ended(RemoteStatus(RemoteState.DONE), raw))
        return raw

    def _read(self, remote_id: str, job: Any) -> RawResult:
        """Return the encoded result of a job; what the helper could not do is done here."""
        if isinstance(job, HelpedJob):
            try:
                return job.raw_result()
            except HelperError:
                self._sharing.note_declined()
            job = self._begin_after_all(job)
        try:
            result = job.result()
        except Exception as error:
            raise self._no_result(remote_id, job, error) from error
        return encode_result(result_in(result, f"the result of the job {remote_id}"))

    def _begin_after_all(self, job: HelpedJob) -> Any:
        try:
            return self._begin(job.payload, job.options)
        except SubmissionRefusedError as error:
            raise RemoteJobFailedError(str(error)) from error

    def cancel(self, remote_id: str) -> None:
        """Ask for a job to be cancelled; whatever the job cannot do is left to its status.

        Raises:
            TransientBackendError: The request may not have arrived.
            CredentialsError: The user must log in again.
        """
        if self._shelf.ended(remote_id) is not None:
            return
        try:
            self._job(remote_id).cancel()
        except (JobOutOfReachError, ResultGoneError):
            return
        except BackendError:
            raise
        except Exception as error:
            # A job that has ended, or cannot be cancelled at all, says so in many ways; to ask
            # again would change nothing.
            if failures.is_about_network(error) and not failures.is_definite(error):
                raise failures.of_read(error, f"the answer to cancelling {remote_id}") from error

    def error_message(self, remote_id: str) -> str | None:
        """Return what the job or its ``error_message()`` says, if anything."""
        ended = self._shelf.ended(remote_id)
        if ended is not None and ended.status.message:
            return ended.status.message
        try:
            return _own_words(self._job(remote_id))
        except (JobOutOfReachError, ResultGoneError):
            return None

    # -- jobs by their ids ----------------------------------------------------------------------

    def _job(self, remote_id: str) -> Any:
        """Return a job object, held here or retrieved.

        Raises:
            ResultGoneError: The job died with its process, or the backend says that it has none.
            JobOutOfReachError: Only the process that sent it could ask about it.
            TransientBackendError: The backend could not be asked.
            CredentialsError: The user must log in again.
        """
        job = self._shelf.job(remote_id)
        if job is not None:
            return job
        retrieve = getattr(self.qiskit_backend, "retrieve_job", None)
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
            raise failures.of_read(error, f"the job {remote_id} on {self.name}") from error
        if job is None:
            raise ResultGoneError(f"{self.name} has no job {remote_id}")
        self._shelf.keep(remote_id, job)
        return job

    def _status(self, remote_id: str) -> RemoteStatus:
        ended = self._shelf.ended(remote_id)
        if ended is not None:
            return ended.status
        try:
            status = self._ask(remote_id)
        except ResultGoneError as error:
            return RemoteStatus(RemoteState.GONE, message=str(error))
        except JobOutOfReachError as error:
            return RemoteStatus(RemoteState.OUT_OF_REACH, message=str(error))
        if status.state is RemoteState.CANCELLED:
            self._shelf.end(remote_id, Ended(status))  # nobody will fetch it
        return status

    def _ask(self, remote_id: str) -> RemoteStatus:
        job = self._job(remote_id)
        try:
            return status_of(job)
        except Exception as error:
            raise failures.of_read(error, f"the status of the job {remote_id}") from error

    def _no_result(self, remote_id: str, job: Any, error: Exception) -> BackendError:
        """Say what it means that reading a result failed."""
        sorted_out = failures.of_read(error, f"the result of the job {remote_id}")
        if isinstance(sorted_out, CredentialsError | ResultGoneError):
            return sorted_out
        if not self._failed_for_good(remote_id, error):
            return sorted_out
        message = _own_words(job) or failures.words(error)
        self._shelf.end(remote_id, Ended(RemoteStatus(RemoteState.ERROR, message=message)))
        return RemoteJobFailedError(message)

    def _failed_for_good(self, remote_id: str, error: Exception) -> bool:
        """Say whether a job has no result, rather than none that could be read now.

        What runs here and is not about a network fails the same way every time.
        """
        if failures.is_about_network(error):
            return False
        if self._volatile:
            return True
        try:
            status = self._ask(remote_id)
        except BackendError:
            return False
        return status.state in (RemoteState.ERROR, RemoteState.CANCELLED)


def _id_of(job: Any) -> str:
    """Return a job's own id, or ``""``: a job that was accepted is not lost for want of one."""
    try:
        own = job.job_id()
    except Exception:  # noqa: BLE001  # anything a provider's code may raise
        return ""
    return "" if own is None else str(own)


def _own_words(job: Any) -> str | None:
    """Return what the provider's ``error_message()`` says, which is no part of Qiskit's Job."""
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
