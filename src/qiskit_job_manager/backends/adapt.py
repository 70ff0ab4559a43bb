"""Finds the adapter for what a user hands over as a backend."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.base import is_adapter
from qiskit_job_manager.backends.qrmi import refuse_own_objects
from qiskit_job_manager.backends.registry import open_backend
from qiskit_job_manager.backends.run_options import with_kept_options
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model import ExperimentKind
from qiskit_job_manager.planning import SEED_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit_job_manager.ports import Backend

logger = logging.getLogger(__name__)

_RIGHT = (
    "a Qiskit BackendV2 object such as AerSimulator() is, a V2 primitive such as "
    "StatevectorSampler(), or the name of a backend such as 'aer' or 'sampler:aer'"
)


def adapt(
    backend: object,
    *,
    volatile: bool | None = None,
    takes: ExperimentKind = ExperimentKind.CIRCUIT,
    concurrent: bool | None = None,
    refusals: tuple[type[BaseException], ...] = (),
) -> Backend:
    """Return the adapter for what a user hands over as a backend.

    Args:
        backend: A Qiskit ``BackendV2`` object, a V2 primitive, the name of one of these, or an
            adapter.
        volatile: Whether its jobs die with this process; ``None``: only if it is known to be local,
            see `qiskit_job_manager.backends.locality`. An adapter says it itself.
        takes: The kind of the experiments. PUBs run on a Qiskit backend through Qiskit's
            ``BackendSamplerV2`` or ``BackendEstimatorV2``.
        concurrent: Whether its ``run()`` may be called from several threads at once; ``None``: only
            if it is known to bear that. An adapter, or a backend with a name, says it itself.
        refusals: Exceptions that its ``run()`` raises only for jobs that were not accepted.

    Raises:
        InvalidArgumentError: It cannot run circuits.
        UnknownBackendError: No backend is known by that name.
    """
    known = {"volatile": volatile, "concurrent": concurrent, "refusals": refusals}
    adapter = _adapted(backend, known)
    if takes is ExperimentKind.CIRCUIT:
        return adapter
    return _over(adapter, takes, {**known, "volatile": adapter.capabilities.volatile})


def _adapted(backend: object, known: Mapping[str, Any]) -> Backend:
    if isinstance(backend, str):
        return open_backend(backend)
    refuse_own_objects(backend)
    if "qiskit_ibm_runtime" in sys.modules:  # an unknown attribute of its objects asks IBM
        from qiskit_job_manager.backends import ibm

        if ibm.is_ibm(backend):
            return ibm.adapted(backend)
    if is_adapter(backend):
        return backend
    if _is_primitive(backend):
        from qiskit_job_manager.backends.primitives.adapter import PrimitiveBackend

        return PrimitiveBackend(backend, **known)
    if not _is_backend_v2(backend):
        raise InvalidArgumentError(f"backend is {_described(backend)}; it must be {_RIGHT}")
    from qiskit_job_manager.backends.qiskit_backend import QiskitBackend

    return QiskitBackend(backend, **known)


def _over(adapter: Backend, takes: ExperimentKind, known: Mapping[str, Any]) -> Backend:
    """Return Qiskit's primitive over the Qiskit backend of an adapter that takes circuits."""
    backend = getattr(adapter, "qiskit_backend", None)
    if adapter.takes is not ExperimentKind.CIRCUIT or not _is_backend_v2(backend):
        return adapter
    from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2

    from qiskit_job_manager.backends.primitives.adapter import PrimitiveBackend
    from qiskit_job_manager.backends.primitives.opening import uri_over

    samples = takes is ExperimentKind.SAMPLER_PUB
    primitive = (BackendSamplerV2 if samples else BackendEstimatorV2)(backend=backend)
    uri = None if adapter.uri is None else uri_over(adapter.uri, takes)
    return PrimitiveBackend(primitive, uri=uri, **known)


def options_to_store(adapter: Backend, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run options that a job set stores: those of the user, and a seed in the backend.

    Args:
        adapter: The adapter; see `BaseBackend.kept_options`.
        given: Run options of the user, as plain JSON values.
    """
    return with_kept_options(getattr(adapter, "kept_options", {}), given)


def compare_seeds(adapter: Backend, stored: Mapping[str, Any]) -> None:
    """Compare the seed in a backend with that of the job set which is to go on with it.

    The stored seed counts, so another one in the backend has no effect; the log says so.

    Args:
        adapter: The adapter to the backend.
        stored: The run options of the job set.

    Raises:
        InvalidArgumentError: The job set has no seed, but the backend has: its jobs would all run
            with this one seed.
    """
    own = getattr(adapter, "kept_options", {})
    began_with = [stored[name] for name in SEED_OPTIONS if stored.get(name) is not None]
    for name, value in own.items():
        if not began_with:
            raise InvalidArgumentError(
                f"{name} of {adapter.name} is {value!r}, and the job set was begun without a seed: "
                "give a backend without one"
            )
        if value not in began_with:
            logger.warning(
                "the job set was begun with the seed %s and goes on with it; %s=%s of %s has no "
                "effect",
                began_with[0],
                name,
                value,
                adapter.name,
            )


def _is_primitive(backend: object) -> bool:
    bases = sys.modules.get("qiskit.primitives.base")
    return bases is not None and isinstance(backend, bases.BaseSamplerV2 | bases.BaseEstimatorV2)


def _is_backend_v2(backend: object) -> bool:
    # Such an object exists only after Qiskit was imported, so there is no need to import it here.
    providers = sys.modules.get("qiskit.providers")
    return providers is not None and isinstance(backend, providers.BackendV2)


def _described(backend: Any) -> str:
    if backend is None:
        return "None"
    if isinstance(backend, type):
        return f"the class {backend.__name__}, not an object of it ({backend.__name__}())"
    kind = type(backend).__name__
    if getattr(backend, "version", None) == 1 and hasattr(backend, "run"):
        return f"a {kind}, which follows Qiskit's old BackendV1 interface"
    if hasattr(backend, "job_id"):
        return f"a job ({kind}), not what ran it"
    if hasattr(backend, "run"):
        return f"a {kind}; only V2 primitives and BackendV2 objects can run anything here"
    return f"of type {kind}"
