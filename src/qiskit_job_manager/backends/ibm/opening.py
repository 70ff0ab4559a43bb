"""Makes the adapter for a name, or for an object of IBM's client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.ibm.account import how_saved, saved_account
from qiskit_job_manager.backends.ibm.adapter import IBMBackendAdapter
from qiskit_job_manager.backends.ibm.connection import Connection, OpenBackend
from qiskit_job_manager.backends.ibm.execution_mode import ExecutionModes, session_in
from qiskit_job_manager.backends.ibm.primitive_factory import PrimitiveFactory
from qiskit_job_manager.backends.ibm.uri import (
    LISTING_LAG_S,
    Execution,
    IBMUri,
    Primitive,
    parse,
    with_options,
)
from qiskit_job_manager.backends.registry import OpenerInfo, describes
from qiskit_job_manager.errors import InvalidArgumentError, UnknownBackendError

if TYPE_CHECKING:
    from collections.abc import Iterator


_PRIMITIVES = {
    "qiskit_ibm_runtime.sampler.SamplerV2": Primitive.SAMPLER,
    "qiskit_ibm_runtime.estimator.EstimatorV2": Primitive.ESTIMATOR,
    "qiskit_ibm_runtime.executor_sampler.sampler.Sampler": Primitive.EXECUTOR_SAMPLER,
    "qiskit_ibm_runtime.executor_estimator.estimator.Estimator": Primitive.EXECUTOR_ESTIMATOR,
}
_MODES = {
    "qiskit_ibm_runtime.batch.Batch": Execution.BATCH,
    "qiskit_ibm_runtime.session.Session": Execution.SESSION,
}
_BACKEND = "qiskit_ibm_runtime.ibm_backend.IBMBackend"
_RETIRED = "qiskit_ibm_runtime.ibm_backend.IBMRetiredBackend"


@describes(
    OpenerInfo(
        "ibm:ibm_fez",
        network=True,
        package="qiskit_ibm_runtime",
        install="qiskit-job-manager[ibm]",
    )
)
def open_ibm(argument: str | None) -> IBMBackendAdapter:
    """Open a backend of IBM's by its name, with the user's saved account.

    It uses the network only when something is run.

    Args:
        argument: What follows ``ibm:``, such as ``ibm_fez`` or ``ibm_fez?execution=batch``. The
            options are the fields of `IBMUri`, and ``private=true``.

    Raises:
        InvalidArgumentError: It cannot be used.
        UnknownBackendError: IBM's client is not installed.
    """
    uri = parse(argument)
    try:
        factory = PrimitiveFactory(uri.primitive, uri.primitive_options)
        factory.options({})
        account = saved_account(uri.account, uri.channel)
    except ImportError as error:
        raise UnknownBackendError(
            f"{uri.text!r} needs IBM's client, which is not installed: "
            'pip install "qiskit-job-manager[ibm]"'
        ) from error
    return IBMBackendAdapter(
        connection=Connection(uri),
        factory=factory,
        modes=ExecutionModes(uri.execution, uri.session),
        takes=uri.primitive.takes,
        listing_lag_s=uri.listing_lag_s,
        uri=uri.text,
        account=account,
    )


def is_ibm(candidate: object) -> bool:
    """Say whether it is an object of IBM's client that stands for a real backend.

    This does not import the client. Primitives, batches and sessions over other backends, such as
    fake ones, run in this process, and do not count.
    """
    return _backend_behind(candidate) is not None


def adapted(candidate: Any, *, listing_lag_s: float = LISTING_LAG_S) -> IBMBackendAdapter:
    """Return the adapter to a backend, batch, session or primitive of IBM's client.

    The object is not changed; its present options are copied.

    Args:
        candidate: What the user handed over.
        listing_lag_s: Seconds after which an accepted job is surely listed.

    Raises:
        InvalidArgumentError: It cannot be used; the message says why.
    """
    backend = _backend_behind(candidate)
    if backend is None:
        raise InvalidArgumentError(
            f"{type(candidate).__name__} is no backend, batch, session or primitive of IBM's client"
        )
    if _known_as(backend, (_RETIRED,)):
        raise InvalidArgumentError(
            f"backend {backend.name!r} is retired: choose another one, and transpile the circuits "
            "for it"
        )
    primitive = _found(candidate, _PRIMITIVES) or Primitive.EXECUTOR_SAMPLER
    mode = _mode_of(candidate)
    execution = _found(mode, _MODES) or Execution.JOB
    options = getattr(candidate, "options", None) if _found(candidate, _PRIMITIVES) else None
    factory = PrimitiveFactory(primitive, options)
    opened = OpenBackend(backend.service, backend)
    uri = _uri_of(opened, primitive, execution, session_in(mode), listing_lag_s)
    plain = factory.json_options
    named = None if uri is None or plain is None else with_options(uri, plain)
    return IBMBackendAdapter(
        connection=Connection(uri, opened),
        factory=factory,
        modes=ExecutionModes(execution, session_in(mode), mode),
        takes=primitive.takes,
        listing_lag_s=listing_lag_s,
        uri=None if named is None else named.text,
        account=opened.service.active_account(),
    )


def _uri_of(
    opened: OpenBackend,
    primitive: Primitive,
    execution: Execution,
    session: str | None,
    listing_lag_s: float,
) -> IBMUri | None:
    """Return the name by which another process opens the same, or ``None``."""
    saved = how_saved(opened.service)
    if saved is None:
        return None
    return IBMUri(
        backend=opened.backend.name,
        instance=opened.backend._instance,
        primitive=primitive,
        execution=execution,
        session=session,
        fractional_gates=bool(opened.backend.options.use_fractional_gates),
        listing_lag_s=listing_lag_s,
        **saved,
    )


def _backend_behind(candidate: Any) -> Any | None:
    """Return the client's backend that an object stands for, or ``None``."""
    if isinstance(candidate, type):
        return None
    if _known_as(candidate, (_BACKEND,)):
        return candidate
    if _found(candidate, _MODES) is None and _found(candidate, _PRIMITIVES) is None:
        return None
    found = candidate._backend
    return found if _known_as(found, (_BACKEND,)) else None


def _mode_of(candidate: Any) -> Any | None:
    """Return the batch or session that an object is or runs in, or ``None``."""
    if _found(candidate, _MODES) is not None:
        return candidate
    return candidate.mode if _found(candidate, _PRIMITIVES) is not None else None


def _found(candidate: Any, known: dict[str, Any]) -> Any | None:
    return next((known[name] for name in _names(candidate) if name in known), None)


def _known_as(candidate: Any, names: tuple[str, ...]) -> bool:
    return any(name in names for name in _names(candidate))


def _names(candidate: Any) -> Iterator[str]:
    """Yield the names of an object's classes, the most derived first."""
    for cls in type(candidate).__mro__:
        yield f"{cls.__module__}.{cls.__qualname__}"
