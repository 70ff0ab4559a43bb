"""Runs PUBs on IBM's QPUs inside a Slurm, PBS or LSF job, through the package ``qrmi``.

A job is a task of QRMI's `QuantumResource`: ``task_start`` returns its id, and ``task_status``,
``task_result`` and ``task_stop`` take it, in any process. QRMI has no tags, so that no task can be
searched for. Its own samplers are refused: their jobs cancel what is queued when Python deletes the
job object.

Importing this imports neither ``qrmi`` nor Qiskit.
"""

from __future__ import annotations

import json
import re
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends import provider_errors
from qiskit_job_manager.backends.base import BaseBackend
from qiskit_job_manager.backends.locality import run_author
from qiskit_job_manager.backends.registry import OpenerInfo, describes, scalars_in
from qiskit_job_manager.backends.status_names import state_of
from qiskit_job_manager.errors import (
    BackendError,
    CredentialsError,
    InvalidArgumentError,
    InvalidExperimentError,
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionRefusedError,
    SubmissionTooLargeError,
    TransientBackendError,
    UnknownBackendError,
)
from qiskit_job_manager.model import ExperimentKind, Limits, RemoteState, RemoteStatus
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.views.close_names import did_you_mean, not_one_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit.circuit import QuantumCircuit

    from qiskit_job_manager.backends.ibm.pub_check import IBMPubCheck
    from qiskit_job_manager.model import Blob, RawResult

_TYPES = {
    "ibm-quantum-system": "IBMQuantumSystem",
    "ibm-quantum-compute-service": "IBMQuantumComputeService",
    "qiskit-runtime-service": "IBMQiskitRuntimeService",
}
"""The types of resources that take Qiskit's primitives, and their names in ``ResourceType``."""

_PRIMITIVES = {
    "sampler": ExperimentKind.SAMPLER_PUB,
    "estimator": ExperimentKind.ESTIMATOR_PUB,
}
_OPTIONS = ("primitive", "type")

_BEFORE_ACCEPTING = (
    "ConfigError",
    "EnvVarNotSetError",
    "InvalidInputError",
    "ResourceNotFoundError",
    "UnsupportedFunctionError",
    "UnsupportedPayloadError",
)
"""Errors of QRMI that say that a task was not accepted; each covers no other case."""

_ANSWERED = re.compile(r"response body: (?P<status>\d{3})\b")
_STATUS_OF = {"AuthenticationFailedError": 401, "TaskNotFoundError": 404}
_TOO_LARGE = 413
_SHOWN = 2000
_GOING_ON = (RemoteState.QUEUED, RemoteState.RUNNING)


@describes(
    OpenerInfo("qrmi:ibm_fez", network=True, package="qrmi", install="qiskit-job-manager[qrmi]")
)
def open_qrmi(argument: str | None) -> QRMIBackend:
    """Open a QPU that the workload manager gave to this job, through QRMI.

    It uses the network only when something is run.

    Args:
        argument: What follows ``qrmi:``: the name of the resource, as ``SLURM_JOB_QPU_RESOURCES``
            has it; ``None`` for the only one. The options are ``primitive``, which is ``sampler``
            or ``estimator``, and ``type`` for a resource that no variable names.

    Raises:
        InvalidArgumentError: It cannot be used.
        UnknownBackendError: QRMI is not installed, or this job has no such resource.
    """
    name, _, query = (argument or "").partition("?")
    text = f"qrmi:{argument}" if argument else "qrmi"
    options = _options(query, text)
    package = _package(text)
    own_type = options.get("type")
    name, kind = (name, own_type) if name and own_type else _in_this_job(package, name, text)
    if kind not in _TYPES:
        raise InvalidArgumentError(
            f"{text!r} cannot be opened: {name} is a resource of the type {kind!r}, and Qiskit's "
            f"primitives run on {', '.join(_TYPES)}"
        )
    takes = _PRIMITIVES[options.get("primitive", "sampler")]
    return QRMIBackend(name, kind, takes, uri=f"qrmi:{name}?{query}" if query else f"qrmi:{name}")


def _options(query: str, text: str) -> dict[str, str]:
    try:
        options = {name: str(value) for name, value in scalars_in(query).items()} if query else {}
    except ValueError as error:
        raise InvalidArgumentError(f"{text!r} cannot be opened: {error}") from error
    for name in options:
        if name not in _OPTIONS:
            raise InvalidArgumentError(
                f"{text!r} cannot be opened: it has no option {name!r}; known are "
                f"{' and '.join(_OPTIONS)}{did_you_mean(name, _OPTIONS)}"
            )
    if options.get("primitive", "sampler") not in _PRIMITIVES:
        raise InvalidArgumentError(
            f"{text!r} cannot be opened: "
            + not_one_of("primitive", options["primitive"], _PRIMITIVES)
        )
    return options


def _package(text: str) -> Any:
    try:
        import qrmi
    except ImportError as error:
        raise UnknownBackendError(
            f'{text!r} needs QRMI, which is not installed: pip install "qiskit-job-manager[qrmi]"'
        ) from error
    return qrmi


def _in_this_job(package: Any, name: str, text: str) -> tuple[str, str]:
    """Return the name and the type of a resource that the workload manager gave to this job."""
    try:
        names, types = package.get_job_qpu_resources_and_types()
    except (RuntimeError, ValueError) as error:
        raise UnknownBackendError(
            f"{text!r} cannot be opened: {error} Run it inside a job of the workload manager, or "
            f"say what it is, as in 'qrmi:{name or 'ibm_fez'}?type=ibm-quantum-compute-service'"
        ) from error
    found = dict(zip(map(str.strip, names), map(str.strip, types), strict=True))
    if not name and len(found) == 1:
        return next(iter(found.items()))
    if name not in found:
        has = ", ".join(found) or "none"
        raise UnknownBackendError(f"{text!r} cannot be opened: the QPUs of this job are {has}")
    return name, found[name]


def refuse_own_objects(candidate: object) -> None:
    """Refuse QRMI's own samplers, estimators and resources, and name the backend to use instead.

    Raises:
        InvalidArgumentError: It is one of them.
    """
    package = sys.modules.get("qrmi")
    if package is None:
        return
    resource = candidate if isinstance(candidate, package.QuantumResource) else None
    author = run_author(candidate)
    if author in ("qrmi.primitives.base_sampler", "qrmi.primitives.base_estimator"):
        resource, why = getattr(candidate, "_qrmi", None), "its jobs cancel what is queued"
    elif author == "qrmi.primitives.ibm.backend":
        resource, why = getattr(candidate, "_qrmi", None), "its run() only raises"
    elif resource is not None:
        why = "it serves one call at a time"
    else:
        return
    raise InvalidArgumentError(
        f"backend is a {type(candidate).__name__} of QRMI, which cannot be used here: {why}. Give "
        f"the name of the resource instead: {_name_for(resource, author)!r}"
    )


def _name_for(resource: Any, author: str) -> str:
    try:
        name = str(resource.resource_id())
    except Exception:  # noqa: BLE001  # it only completes a message
        name = "NAME"
    return f"qrmi:{name}?primitive=estimator" if "estimator" in author else f"qrmi:{name}"


class QRMIBackend(BaseBackend):
    """Runs PUBs on one resource of QRMI that takes Qiskit's primitives.

    Args:
        name: Name of the resource.
        kind: Its type, such as ``"ibm-quantum-compute-service"``.
        takes: Whether it runs a sampler or an estimator.
        uri: The name that opens it again.
    """

    def __init__(self, name: str, kind: str, takes: ExperimentKind, *, uri: str) -> None:
        self._name = name
        self._kind = kind
        self._takes = takes
        self._uri = uri
        self._idle: deque[Any] = deque()
        self._stopped: set[str] = set()
        self._device: Any = None
        self._pubs: IBMPubCheck | None = None

    @property
    def name(self) -> str:
        """The name of the resource."""
        return self._name

    @property
    def uri(self) -> str:
        """The name that opens it again, where the workload manager gives the same resource."""
        return self._uri

    @property
    def takes(self) -> ExperimentKind:
        """PUBs of a sampler, or of an estimator; a sampler takes circuits as well."""
        return self._takes

    @property
    def capabilities(self) -> Capabilities:
        """Tasks are asked about by their ids alone; QRMI has no tags."""
        return Capabilities()

    @property
    def qiskit_backend(self) -> Any:
        """The device, to transpile for; this reads its target over the network."""
        if self._device is None:
            try:
                from qrmi.primitives.ibm.backend import get_backend
            except ImportError as error:
                raise UnknownBackendError(
                    f"{self._uri!r} needs QRMI with IBM's client: "
                    'pip install "qiskit-job-manager[qrmi]"'
                ) from error
            try:
                self._device = get_backend(self._resource())
            except Exception as error:
                raise self._read_error(error, f"the target of {self._name}") from error
        return self._device

    def limits(self) -> Limits:
        """Return the known limits of IBM's service; see `backends.ibm.limits`."""
        from qiskit_job_manager.backends.ibm.limits import (
            EXECUTIONS_PER_JOB,
            SUBMISSIONS_PER_MINUTE,
        )

        direct = self._kind == "ibm-quantum-system"
        return Limits(
            executions_per_job=EXECUTIONS_PER_JOB,
            submissions_per_minute=None if direct else SUBMISSIONS_PER_MINUTE,
        )

    def check(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:
        """Check one PUB; the first one reads the target of the device.

        Raises:
            InvalidExperimentError: It cannot run, or OpenQASM 3 cannot say what it is.
            BackendError: The target cannot be read.
        """
        from qiskit_job_manager.backends.checks.pubs import circuit_in
        from qiskit_job_manager.backends.ibm.pub_check import IBMPubCheck

        if self._pubs is None:
            self._pubs = IBMPubCheck(self._takes, lambda: self.qiskit_backend)
        self._pubs(experiment, index, options)
        circuit = circuit_in(experiment)
        if circuit is None:  # pragma: no cover  # refused above
            return
        try:
            _program(circuit)
        except ValueError as error:
            text = f"experiment {index} ({circuit.name!r}) cannot be sent as OpenQASM 3: {error}"
            raise InvalidExperimentError(text) from error

    # -- tasks ------------------------------------------------------------------------------------

    def submit(
        self,
        payload: Blob,
        options: Mapping[str, Any],
        tag: str,  # noqa: ARG002  # part of the port
        labels: Sequence[str] = (),  # noqa: ARG002  # part of the port
    ) -> str:
        """Start one task, once; the tag is not sent, because QRMI has no place for it."""
        from qiskit_job_manager.backends.ibm.limits import CLIENT_BYTES

        text = json.dumps(self._input(payload, options))
        if len(text) > CLIENT_BYTES:
            raise SubmissionTooLargeError(
                f"nothing was sent to {self._name}: the job has {len(text):,} bytes, and the "
                f"service takes {CLIENT_BYTES:,}"
            )
        program = "sampler" if self._takes is ExperimentKind.SAMPLER_PUB else "estimator"
        try:
            task = _package(self._uri).Payload.QiskitPrimitive(input=text, program_id=program)
            return str(self._call("task_start", task))
        except Exception as error:
            raise self._submission_error(error) from error

    def status(self, remote_id: str) -> RemoteStatus:
        """Ask about one task.

        QRMI deletes a task of the type ``ibm-quantum-system`` when it stops it.
        """
        try:
            said = self._call("task_status", remote_id)
        except Exception as error:
            found = self._read_error(error, f"the status of the task {remote_id}")
            if not isinstance(found, ResultGoneError):
                raise found from error
            if remote_id in self._stopped:
                return RemoteStatus(RemoteState.CANCELLED)
            return RemoteStatus(RemoteState.GONE, message=str(found))
        state = state_of(str(said).rpartition(".")[2])
        return RemoteStatus(state or RemoteState.RUNNING, message=None if state else str(said))

    def fetch(self, remote_id: str) -> RawResult:
        """Fetch the text that the service sent as the result of a task."""
        from qiskit_job_manager.backends.ibm.fetch import parse_json
        from qiskit_job_manager.codec.ibm_json import encode_runtime_text

        what = f"the result of the task {remote_id}"
        try:
            text = str(self._call("task_result", remote_id).value)
        except Exception as error:
            raise self._no_result(remote_id, error, what) from error
        if parse_json(text) is None:
            raise TransientBackendError(f"what came is not {what}")
        return encode_runtime_text(text)

    def cancel(self, remote_id: str) -> None:
        """Stop a task that waits or runs; one that has ended stays, as stopping may delete it."""
        if self.status(remote_id).state not in _GOING_ON:
            return
        self._stopped.add(remote_id)
        try:
            self._call("task_stop", remote_id)
        except Exception as error:
            found = self._read_error(error, f"the answer to stopping {remote_id}")
            if not isinstance(found, ResultGoneError):
                raise found from error

    def error_message(self, remote_id: str) -> str | None:
        """Return the end of the log of a task that failed."""
        if self.status(remote_id).state is not RemoteState.ERROR:
            return None
        return self._log(remote_id)

    # -- inside -----------------------------------------------------------------------------------

    def _call(self, method: str, *arguments: Any) -> Any:
        """Call a method of a resource that no other thread uses.

        A resource that is called again before an earlier call has returned raises "Already
        borrowed", so that each call gets one that is idle, or another one.
        """
        try:
            resource = self._idle.pop()
        except IndexError:
            resource = self._resource()
        try:
            return getattr(resource, method)(*arguments)
        finally:
            self._idle.append(resource)

    def _resource(self) -> Any:
        package = _package(self._uri)
        kind = getattr(package.ResourceType, _TYPES[self._kind])
        return package.QuantumResource(self._name, kind)

    def _input(self, payload: Blob, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the input of IBM's program, in the form that QRMI's own primitives send."""
        from qiskit_job_manager.backends.job_pubs import PUB_OPTIONS, job_pubs

        pubs: list[Any] = job_pubs(payload, self._takes, options, self._name)
        form = _sampled if self._takes is ExperimentKind.SAMPLER_PUB else _estimated
        own = {n: v for n, v in options.items() if n not in PUB_OPTIONS and v is not None}
        try:
            written = [form(pub) for pub in pubs]
        except ValueError as error:
            raise SubmissionRefusedError(f"nothing was sent to {self._name}: {error}") from error
        return {"pubs": written, "options": own, "version": 2, "support_qiskit": True}

    def _submission_error(self, error: Exception) -> BackendError:
        answered = _with_status(error)
        if answered.status_code == _TOO_LARGE:
            return SubmissionTooLargeError(f"{self._name} did not accept the job: {error}")
        refusals = (type(error),) if type(error).__name__ in _BEFORE_ACCEPTING else ()
        if refusals:
            return provider_errors.submission_error(
                error, self._name, volatile=False, refusals=refusals
            )
        return provider_errors.submission_error(answered, self._name, volatile=False)

    def _read_error(self, error: Exception, what: str) -> BackendError:
        if isinstance(error, BackendError):
            return error
        return provider_errors.read_error(_with_status(error), what)

    def _no_result(self, remote_id: str, error: Exception, what: str) -> BackendError:
        """Return the error to raise after reading a result failed."""
        found = self._read_error(error, what)
        if isinstance(found, CredentialsError | ResultGoneError):
            return found
        if type(error).__name__ != "TaskNotReadyError":
            return found
        state = self.status(remote_id).state
        if state not in (RemoteState.ERROR, RemoteState.CANCELLED):
            return TransientBackendError(f"the task {remote_id} is still {state}")
        log = self._log(remote_id) if state is RemoteState.ERROR else None
        return RemoteJobFailedError(f"{error}: {log}" if log else str(error))

    def _log(self, remote_id: str) -> str | None:
        try:
            text = str(self._call("task_logs", remote_id)).strip()
        except Exception:  # noqa: BLE001  # a task without a log has failed all the same
            return None
        return text[-_SHOWN:] or None


class _AnsweredError(Exception):
    """What QRMI raised, with the HTTP status that its text or its class says."""

    def __init__(self, text: str, status: int | None) -> None:
        super().__init__(text)
        self.status_code = status


def _with_status(error: Exception) -> _AnsweredError:
    text = str(error)
    answered = _ANSWERED.search(text)
    known = _STATUS_OF.get(type(error).__name__)
    return _AnsweredError(text, int(answered["status"]) if answered else known)


def _sampled(pub: Any) -> list[Any]:
    program, values = _program(pub.circuit), None
    if pub.circuit.num_parameters:
        values = pub.parameter_values.as_array(pub.circuit.parameters).tolist()
    return [program, values, pub.shots] if pub.shots else [program, values]


def _estimated(pub: Any) -> list[Any]:
    values = pub.parameter_values.as_array(pub.circuit.parameters).tolist()
    written = [_program(pub.circuit), pub.observables.tolist(), values]
    return written if pub.precision is None else [*written, pub.precision]


def _program(circuit: QuantumCircuit) -> str:
    """Return a circuit in OpenQASM 3, with parameters whose names are in the order of the values.

    The service sorts parameters by name. OpenQASM has no ``a[10]``; the exporter writes ``_a_10_``,
    which comes before ``_a_2_``, and the values would belong to other parameters. And the exporter
    writes a circuit with a layout with the qubits that it uses, and no others: observables, which
    are for all qubits of the device, would then not fit.

    Raises:
        ValueError: OpenQASM 3 cannot say what it is.
    """
    from qiskit import qasm3
    from qiskit.circuit import Parameter

    width = len(str(circuit.num_parameters))
    ordered = {old: Parameter(f"p{place:0{width}}") for place, old in enumerate(circuit.parameters)}
    whole = circuit.assign_parameters(ordered) if ordered else circuit.copy()
    whole._layout = None  # there is no public way
    try:
        text: str = qasm3.dumps(
            whole,
            disable_constants=True,
            allow_aliasing=True,
            experimental=qasm3.ExperimentalFeatures.SWITCH_CASE_V1,
        )
    except Exception as error:
        # The exporter raises whatever the parts of a circuit raise.
        raise ValueError(provider_errors.message_of(error)) from error
    _check_registers(circuit, text)
    return text


def _check_registers(circuit: QuantumCircuit, text: str) -> None:
    """Check that the results will come under the names of the circuit's registers."""
    inside = {bit for register in circuit.cregs for bit in register}
    if any(bit not in inside for bit in circuit.clbits):
        raise ValueError("it has classical bits outside all registers, whose results have no name")
    for register in circuit.cregs:
        if not re.search(rf"^(bit\[\d+\]|let) {re.escape(register.name)}\b", text, re.MULTILINE):
            raise ValueError(f"a register cannot be called {register.name!r} there")
