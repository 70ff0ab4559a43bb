"""From a name, or from an object of IBM's client, to an adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.ibm.account import account_named, saved_as
from qiskit_job_manager.backends.ibm.adapter import IBMBackendAdapter
from qiskit_job_manager.backends.ibm.connection import Link, Opened
from qiskit_job_manager.backends.ibm.execution_mode import Modes, session_in
from qiskit_job_manager.backends.ibm.primitive_factory import Template
from qiskit_job_manager.backends.ibm.uri import (
    LISTING_LAG_S,
    Execution,
    Primitive,
    Spec,
    parse,
    with_options,
)
from qiskit_job_manager.backends.registry import About, described
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


@described(
    About(
        "ibm:ibm_fez",
        network=True,
        package="qiskit_ibm_runtime",
        install="qiskit-job-manager[ibm]",
    )
)
def open_ibm(argument: str | None) -> IBMBackendAdapter:
    """Open a backend of IBM's by its name, with the user's saved account.

    The network is asked when something is to be run, and not before.

    Args:
        argument: What follows ``ibm:``, such as ``ibm_fez`` or ``ibm_fez?execution=batch``. The
            options are the fields of `Spec`, and ``private=true``.

    Raises:
        InvalidArgumentError: It cannot be used.
        UnknownBackendError: IBM's client is not installed.
    """
    spec = parse(argument)
    try:
        template = Template(spec.primitive, spec.primitive_options)
        template.options({})
        account = account_named(spec.account, spec.channel)
    except ImportError as error:
        raise UnknownBackendError(
            f"{spec.uri!r} needs IBM's client, which is not installed: "
            'pip install "qiskit-job-manager[ibm]"'
        ) from error
    return IBMBackendAdapter(
        link=Link(spec),
        template=template,
        modes=Modes(spec.execution, spec.session),
        takes=spec.primitive.takes,
        listing_lag_s=spec.listing_lag_s,
        uri=spec.uri,
        account=account,
    )


def is_ibm(candidate: object) -> bool:
    """Say whether it is an object of IBM's client that stands for a real backend.

    The client is not imported for it. Primitives, batches and sessions over other backends, such as
    fake ones, run here and are none.
    """
    return _backend_behind(candidate) is not None


def adapted(candidate: Any, *, listing_lag_s: float = LISTING_LAG_S) -> IBMBackendAdapter:
    """Return the adapter to a backend, batch, session or primitive of IBM's client.

    The object is not changed, and its options are copied as they are now.

    Args:
        candidate: What the user handed over.
        listing_lag_s: Seconds after which an accepted job is sure to be listed.

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
            f"backend {backend.name!r} is retired: choose another one, for which the circuits are "
            "to be transpiled anew"
        )
    primitive = _found(candidate, _PRIMITIVES) or Primitive.SAMPLER
    mode = _mode_of(candidate)
    execution = _found(mode, _MODES) or Execution.JOB
    options = getattr(candidate, "options", None) if _found(candidate, _PRIMITIVES) else None
    template = Template(primitive, options)
    opened = Opened(backend.service, backend)
    spec = _spec_of(opened, primitive, execution, session_in(mode), listing_lag_s)
    plain = template.json_options
    named = None if spec is None or plain is None else with_options(spec, plain)
    return IBMBackendAdapter(
        link=Link(spec, opened),
        template=template,
        modes=Modes(execution, session_in(mode), mode),
        takes=primitive.takes,
        listing_lag_s=listing_lag_s,
        uri=None if named is None else named.uri,
        account=opened.service.active_account(),
    )


def _spec_of(
    opened: Opened,
    primitive: Primitive,
    execution: Execution,
    session: str | None,
    listing_lag_s: float,
) -> Spec | None:
    """Return how another process opens the same, or ``None`` where it cannot."""
    saved = saved_as(opened.service)
    if saved is None:
        return None
    return Spec(
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
    """Return the client's backend that something stands for, or ``None``."""
    if isinstance(candidate, type):
        return None
    if _known_as(candidate, (_BACKEND,)):
        return candidate
    if _found(candidate, _MODES) is None and _found(candidate, _PRIMITIVES) is None:
        return None
    found = candidate._backend
    return found if _known_as(found, (_BACKEND,)) else None


def _mode_of(candidate: Any) -> Any | None:
    """Return the batch or session that something is, or is to run in, or ``None``."""
    if _found(candidate, _MODES) is not None:
        return candidate
    return candidate.mode if _found(candidate, _PRIMITIVES) is not None else None


def _found(candidate: Any, known: dict[str, Any]) -> Any | None:
    return next((known[name] for name in _names(candidate) if name in known), None)


def _known_as(candidate: Any, names: tuple[str, ...]) -> bool:
    return any(name in names for name in _names(candidate))


def _names(candidate: Any) -> Iterator[str]:
    """Yield the names of the classes that it is of, the nearest first."""
    for cls in type(candidate).__mro__:
        yield f"{cls.__module__}.{cls.__qualname__}"
