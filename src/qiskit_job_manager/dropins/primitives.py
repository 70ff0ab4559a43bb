"""A sampler and an estimator that run through a job manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2

from qiskit_job_manager import backends
from qiskit_job_manager.dropins.job_set_per_call import Calls
from qiskit_job_manager.dropins.primitive_job import ManagedPrimitiveJob
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model import ExperimentKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit.primitives.containers import EstimatorPubLike, SamplerPubLike

    from qiskit_job_manager.manager import JobManager
    from qiskit_job_manager.ports import Backend


class ManagedSampler(BaseSamplerV2):  # type: ignore[misc]  # Qiskit has no type information
    """A `BaseSamplerV2` whose jobs are split, survive crashes and keep their results.

    Args:
        backend_or_sampler: A V2 sampler, a Qiskit `BackendV2`, or the name of one of these. A
            backend runs PUBs through Qiskit's `BackendSamplerV2`.
        manager: The manager; by default one on the default store.
        name: Name of its job sets, with the number of the call of `run` after it. A script that is
            run again then goes on with them, and what was done is not run again. By default they
            are called after the time of day.

    Raises:
        InvalidArgumentError: It is nothing that samples.
        UnknownBackendError: No backend is known by that name.

    Example:
        >>> from qiskit_job_manager import ManagedSampler
        >>> sampler = ManagedSampler("sampler:aer", name="qaoa")    # doctest: +SKIP
        >>> sampler.run([(circuit, angles)], shots=1000).result()   # doctest: +SKIP
    """

    def __init__(
        self,
        backend_or_sampler: Any,
        *,
        manager: JobManager | None = None,
        name: str | None = None,
    ) -> None:
        self._calls = Calls(manager, name)
        self._adapter = _adapted(backend_or_sampler, ExperimentKind.SAMPLER_PUB)

    def __getattr__(self, name: str) -> Any:
        return _of_the_primitive(self, name)

    def run(
        self, pubs: Iterable[SamplerPubLike], *, shots: int | None = None
    ) -> ManagedPrimitiveJob:
        """Hand PUBs over as one job set.

        Args:
            pubs: The PUBs, in any form that Qiskit takes.
            shots: Shots of those that do not ask for their own; by default the sampler's.

        Raises:
            InvalidExperimentError: A PUB cannot run; the message names it.
            NameInUseError: The job set of this name has other PUBs.
        """
        return ManagedPrimitiveJob(self._calls.run(list(pubs), self._adapter, shots=shots))


class ManagedEstimator(BaseEstimatorV2):  # type: ignore[misc]  # as above
    """A `BaseEstimatorV2` whose jobs are split, survive crashes and keep their results.

    Args:
        backend_or_estimator: A V2 estimator, a Qiskit `BackendV2`, or the name of one of these. A
            backend runs PUBs through Qiskit's `BackendEstimatorV2`.
        manager: The manager; by default one on the default store.
        name: Name of its job sets, as that of `ManagedSampler`.

    Raises:
        InvalidArgumentError: It is nothing that estimates.
        UnknownBackendError: No backend is known by that name.

    Example:
        >>> from qiskit_job_manager import ManagedEstimator
        >>> estimator = ManagedEstimator("estimator:aer", name="h2")  # doctest: +SKIP
        >>> VQE(estimator, ansatz, optimizer)                         # doctest: +SKIP
    """

    def __init__(
        self,
        backend_or_estimator: Any,
        *,
        manager: JobManager | None = None,
        name: str | None = None,
    ) -> None:
        self._calls = Calls(manager, name)
        self._adapter = _adapted(backend_or_estimator, ExperimentKind.ESTIMATOR_PUB)

    def __getattr__(self, name: str) -> Any:
        return _of_the_primitive(self, name)

    def run(
        self, pubs: Iterable[EstimatorPubLike], *, precision: float | None = None
    ) -> ManagedPrimitiveJob:
        """Hand PUBs over as one job set.

        Args:
            pubs: The PUBs, in any form that Qiskit takes.
            precision: Precision of those that do not ask for their own; by default the estimator's.

        Raises:
            InvalidExperimentError: A PUB cannot run; the message names it.
            NameInUseError: The job set of this name has other PUBs.
        """
        options = {} if precision is None else {"precision": precision}
        return ManagedPrimitiveJob(self._calls.run(list(pubs), self._adapter, **options))


def _adapted(given: Any, takes: ExperimentKind) -> Backend:
    adapter = backends.adapt(given, takes=takes)
    if adapter.takes is not takes:
        wanted = "a sampler" if takes is ExperimentKind.SAMPLER_PUB else "an estimator"
        raise InvalidArgumentError(
            f"{adapter.name} does not take the PUBs of {wanted}; hand over {wanted}, or a Qiskit "
            "BackendV2"
        )
    return adapter


def _of_the_primitive(own: Any, name: str) -> Any:
    """Return an attribute that some libraries look for, such as ``options``, of what it runs on."""
    primitive = getattr(vars(own).get("_adapter"), "primitive", None)
    if name.startswith("_") or primitive is None:
        raise AttributeError(f"{type(own).__name__!r} object has no attribute {name!r}")
    return getattr(primitive, name)
