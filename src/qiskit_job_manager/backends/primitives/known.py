"""Facts about the V2 primitives that people use: where they run, and how they get another seed.

Any other primitive counts as one of a provider, of which nothing but Qiskit's interface is known.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2

from qiskit_job_manager.backends.locality import is_local, is_reentrant, run_author, within
from qiskit_job_manager.backends.run_options import as_seed, backend_seed
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model import ExperimentKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STATEVECTOR = "qiskit.primitives.statevector_"
_OVER_BACKEND = ("qiskit.primitives.backend_sampler_v2", "qiskit.primitives.backend_estimator_v2")
_AER = "qiskit_aer.primitives"
_IBM = "qiskit_ibm_runtime"


@dataclass(frozen=True, slots=True)
class PrimitiveInfo:
    """Facts about one primitive.

    Attributes:
        takes: The kind of its experiments.
        backend: The Qiskit backend that it runs on, or ``None``.
        local: Whether its jobs are known to run in this process.
        reentrant: Whether several of its jobs may run at once.
        seed: Its seed, or ``None``.
        seeded: Copies the primitive with another seed; ``None``: it is not known how.
        over_backend: Whether it is Qiskit's own primitive over a `BackendV2`.
    """

    takes: ExperimentKind
    backend: Any | None
    local: bool
    reentrant: bool
    seed: int | None
    seeded: Callable[[int], Any] | None
    over_backend: bool

    @property
    def is_statevector(self) -> bool:
        """Whether it is one of Qiskit's reference primitives, which compute a state vector."""
        return self.backend is None and self.local


def primitive_info(primitive: Any) -> PrimitiveInfo:
    """Return what is known of a primitive.

    Raises:
        InvalidArgumentError: It is none of Qiskit's V2 primitives.
    """
    backend, author = backend_of(primitive), run_author(primitive)
    seeded = _how_seeded(primitive)
    seed = as_seed(seed_of(primitive))
    local = _is_local(primitive, backend, author)
    return PrimitiveInfo(
        takes=_takes(primitive),
        backend=backend,
        local=local,
        reentrant=local and (backend is None or is_reentrant(backend)),
        seed=seed,
        seeded=None if seeded is None else lambda seed: seeded(primitive, seed),
        over_backend=within(author, _OVER_BACKEND),
    )


def backend_of(primitive: Any) -> Any | None:
    """Return the Qiskit backend that a primitive runs on, or ``None``."""
    backend = getattr(primitive, "backend", None)
    if callable(backend) and not hasattr(backend, "target"):
        backend = backend()
    if backend is None and within(run_author(primitive), (_AER,)):
        backend = getattr(primitive, "_backend", None)
    return backend


def class_path(cls: type) -> str:
    """Return module and name of a class."""
    return f"{cls.__module__}.{cls.__name__}"


def _how_seeded(primitive: Any) -> Callable[[Any, int], Any] | None:
    """Return the function that copies a primitive with another seed, or ``None``."""
    paths = map(class_path, type(primitive).__mro__)
    return next((_SEEDED[path] for path in paths if path in _SEEDED), None)


def _takes(primitive: Any) -> ExperimentKind:
    if isinstance(primitive, BaseSamplerV2):
        return ExperimentKind.SAMPLER_PUB
    if isinstance(primitive, BaseEstimatorV2):
        return ExperimentKind.ESTIMATOR_PUB
    raise InvalidArgumentError(
        f"backend is of type {type(primitive).__name__}; it must be a BaseSamplerV2 or a "
        "BaseEstimatorV2 to be taken as a primitive"
    )


def _is_local(primitive: Any, backend: Any, author: str) -> bool:
    """Say whether its ``run()`` and its backend are known to run in this process."""
    if author.startswith(_STATEVECTOR) or within(author, (_AER,)):
        return True
    if within(author, _OVER_BACKEND):
        return is_local(backend)
    if within(author, (_IBM,)):
        service = getattr(primitive, "_service", None)
        return type(service).__name__ == "QiskitRuntimeLocalService" and is_local(backend)
    return False


def seed_of(primitive: Any) -> Any:
    """Return the seed of a primitive: an integer, a random generator, or ``None``."""
    own = getattr(primitive, "seed", None)
    if own is not None:
        return own
    options = getattr(primitive, "options", None)
    of_run = getattr(options, "run_options", None)
    simulator = getattr(options, "simulator", None)
    for source in (options, simulator):
        seed = getattr(source, "seed_simulator", None)
        if as_seed(seed) is not None:
            return seed
    if isinstance(of_run, dict) and of_run.get("seed_simulator") is not None:
        return of_run["seed_simulator"]
    backend = backend_of(primitive)
    return None if backend is None else backend_seed(backend).get("seed_simulator")


# -- equal primitives with another seed: copies, which keep what a derived class adds -------------


def _with_seed_attribute(primitive: Any, seed: int) -> Any:
    again = copy.copy(primitive)
    again._seed = seed  # there is no public way but the constructor
    return again


def _over_backend(primitive: Any, seed: int) -> Any:
    again = copy.copy(primitive)
    again._options = replace(primitive.options, seed_simulator=seed)
    return again


def _aer_estimator(primitive: Any, seed: int) -> Any:
    again, options = copy.copy(primitive), primitive.options
    again._options = replace(options, run_options={**options.run_options, "seed_simulator": seed})
    return again


def _ibm_local(primitive: Any, seed: int) -> Any:
    again = copy.copy(primitive)
    options = copy.deepcopy(primitive.options)
    options.simulator.seed_simulator = seed
    if hasattr(again, "_set_options"):
        again._set_options(options)  # its options cannot be set otherwise
    else:
        again.options = options
    return again


_SEEDED: Mapping[str, Callable[[Any, int], Any]] = {
    "qiskit.primitives.statevector_sampler.StatevectorSampler": _with_seed_attribute,
    "qiskit.primitives.statevector_estimator.StatevectorEstimator": _with_seed_attribute,
    "qiskit.primitives.backend_sampler_v2.BackendSamplerV2": _over_backend,
    "qiskit.primitives.backend_estimator_v2.BackendEstimatorV2": _over_backend,
    "qiskit_aer.primitives.sampler_v2.SamplerV2": _with_seed_attribute,
    "qiskit_aer.primitives.estimator_v2.EstimatorV2": _aer_estimator,
    "qiskit_ibm_runtime.sampler.SamplerV2": _ibm_local,
    "qiskit_ibm_runtime.estimator.EstimatorV2": _ibm_local,
    "qiskit_ibm_runtime.executor_sampler.sampler.Sampler": _ibm_local,
    "qiskit_ibm_runtime.executor_estimator.estimator.Estimator": _ibm_local,
}
