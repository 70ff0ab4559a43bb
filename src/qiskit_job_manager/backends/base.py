"""`BaseBackend`, the base class of adapters: what the port asks for, with defaults.

Importing this does not import Qiskit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeGuard

from qiskit_job_manager.errors import CodecError, SubmissionRefusedError, TransientBackendError
from qiskit_job_manager.model import ExperimentKind, Limits
from qiskit_job_manager.ports import Backend, Capabilities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit.circuit import QuantumCircuit
    from qiskit.result import Result

    from qiskit_job_manager.model import Blob, RawResult, RemoteFigures, RemoteStatus

_OPTIONAL = frozenset({"wait_for_ends"})

PORT_MEMBERS = frozenset(name for name in vars(Backend) if not name.startswith("_")) - _OPTIONAL
"""The names of the methods and properties that the port `Backend` asks for in any case."""


class BaseBackend(ABC):
    """What a `Backend` needs beyond sending, asking and fetching, with a default for each.

    A class that derives from it defines `name`, `submit`, `status` (or `statuses`) and `fetch`. It
    overrides whatever else its service can do, and says so in `capabilities`. The contract of each
    method is in `Backend`; ``docs/adapters.md`` has a complete example.

    One adapter belongs to one manager. Its methods are called from several threads at once.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Name for people and for `ManagedResults.backend_name`."""

    @property
    def uri(self) -> str | None:
        """``None``: another process cannot open it by a name."""
        return None

    @property
    def account(self) -> str:
        """The name: the limits on pending jobs and submissions count for this backend alone."""
        return self.name

    @property
    def takes(self) -> ExperimentKind:
        """Circuits."""
        return ExperimentKind.CIRCUIT

    @property
    def capabilities(self) -> Capabilities:
        """None: jobs outlive this process, and can neither be found by a tag nor cancelled."""
        return Capabilities(cancels=False)

    @property
    def qiskit_backend(self) -> Any:
        """The Qiskit backend to transpile for; ``None``: circuits are not transpiled."""
        return None

    @property
    def kept_options(self) -> Mapping[str, Any]:
        """Run options that a job set stores unless the user gives others, as plain JSON values.

        A seed that sits in the backend is one: each job gets a seed that is derived from it.
        """
        return {}

    def limits(self) -> Limits:
        """Return that no limit is known."""
        return Limits()

    def calibration(self) -> Mapping[str, Any] | None:
        """Return what the Qiskit backend says of its qubits and gates; ``None`` without one."""
        from qiskit_job_manager.backends.calibration import calibration_of

        backend = self.qiskit_backend
        return None if backend is None else calibration_of(backend)

    def check(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:  # noqa: ARG002  # part of the port
        """Check that a circuit is one, and that its parameters are bound; accept any PUB.

        Raises:
            InvalidExperimentError: It cannot run.
        """
        if self.takes is ExperimentKind.CIRCUIT:
            from qiskit_job_manager.backends.checks.circuits import check_is_bound

            check_is_bound(experiment, index)

    def estimate_usage_s(self, circuits: int, shots: int | None) -> float | None:  # noqa: ARG002  # part of the port
        """Return ``None``: running costs nothing, or the cost is not known."""
        return None

    @abstractmethod
    def submit(
        self, payload: Blob, options: Mapping[str, Any], tag: str, labels: Sequence[str] = ()
    ) -> str:
        """Send one job, once, and return the backend's id of it; see `Backend.submit`."""

    def find(self, tag: str) -> Sequence[str]:
        """Raise, as no job can be found by its tag; called only where `capabilities` say so."""
        raise NotImplementedError(f"{self.name} cannot search for the tag {tag}")

    def find_duplicates(self, label: str) -> Mapping[str, Sequence[str]]:
        """Raise, as no job can be found by a label; called only where `capabilities` say so."""
        raise NotImplementedError(f"{self.name} cannot search for the label {label}")

    def fetch_usage(self, label: str, remote_ids: Sequence[str]) -> Mapping[str, RemoteFigures]:
        """Raise, as no usage is known; called only where `capabilities` say so."""
        raise NotImplementedError(f"{self.name} does not measure the jobs of {label}")

    def status(self, remote_id: str) -> RemoteStatus:
        """Ask about one job.

        Raises:
            TransientBackendError: It could not be asked about.
            CredentialsError: The user must log in again.
        """
        raise NotImplementedError(f"{type(self).__name__} has neither status() nor statuses()")

    def statuses(self, remote_ids: Sequence[str]) -> Mapping[str, RemoteStatus]:
        """Ask about one job after the other; those that could not be asked about are left out."""
        found: dict[str, RemoteStatus] = {}
        trouble: TransientBackendError | None = None
        for remote_id in remote_ids:
            try:
                found[remote_id] = self.status(remote_id)
            except TransientBackendError as error:
                trouble = error
        if trouble is not None and not found:
            raise trouble
        return found

    @abstractmethod
    def fetch(self, remote_id: str) -> RawResult:
        """Fetch the result of a job that has ended, as raw bytes; see `Backend.fetch`."""

    def wait_for_ends(self, timeout_s: float) -> Mapping[str, RemoteStatus]:
        """Raise, as no end is reported; called only where `capabilities` say so."""
        raise NotImplementedError(f"{self.name} reports no ends, within {timeout_s} s or later")

    def cancel(self, remote_id: str) -> None:  # noqa: B027  # a default, not an abstract method
        """Do nothing, as no job can be cancelled."""

    def error_message(self, remote_id: str) -> str | None:
        """Return the message of the job's status."""
        status = self.statuses([remote_id]).get(remote_id)
        return None if status is None else status.message

    # -- for classes that derive from it --------------------------------------------------------

    def circuits_in(self, payload: Blob) -> list[QuantumCircuit]:
        """Return the circuits of a job, in order.

        Raises:
            SubmissionRefusedError: The payload cannot be read; nothing was sent.
        """
        from qiskit_job_manager.codec.circuits import unpack

        try:
            return unpack(payload)
        except CodecError as error:
            raise SubmissionRefusedError(f"nothing was sent to {self.name}: {error}") from error

    @staticmethod
    def encode_result(result: Result) -> RawResult:
        """Encode Qiskit's result of a job, as `fetch` returns it."""
        from qiskit_job_manager.codec.results import encode_result

        return encode_result(result)


def is_adapter(candidate: object) -> TypeGuard[Backend]:
    """Say whether an object is an adapter: a `BaseBackend`, or all that the port asks for."""
    if isinstance(candidate, type):
        return False
    if isinstance(candidate, BaseBackend):
        return True
    return all(hasattr(candidate, name) for name in PORT_MEMBERS)
