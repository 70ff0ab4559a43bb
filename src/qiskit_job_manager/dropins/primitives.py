"""A sampler and an estimator that run through a job manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.primitives import BaseEstimatorV2, BasePrimitiveJob, BaseSamplerV2

from qiskit_job_manager import backends
from qiskit_job_manager.dropins.job_set_per_call import Calls
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model import ExperimentKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit.primitives import PrimitiveResult
    from qiskit.primitives.containers import EstimatorPubLike, SamplerPubLike
    from qiskit.providers import JobStatus

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.manager import JobManager
    from qiskit_job_manager.model.inputs import RunsCircuits
    from qiskit_job_manager.ports import Backend


class ManagedPrimitiveJob(BasePrimitiveJob):  # type: ignore[misc]  # Qiskit has no type information
    """What `ManagedSampler.run` and `ManagedEstimator.run` return.

    Args:
        job_set: The job set that runs the PUBs.

    Attributes:
        job_set: The job set, for all that a primitive's job does not have.
    """

    def __init__(self, job_set: ManagedJobSet) -> None:
        super().__init__(job_set.job_set_id())
        self.job_set = job_set

    def result(self, timeout: float | None = None) -> PrimitiveResult[Any]:
        """Wait, and return the results of all PUBs, in the order of the input.

        Args:
            timeout: Seconds for the whole call; ``None`` waits for ever, ``0`` not at all.

        Raises:
            JobManagerTimeoutError: The deadline passed (also a `qiskit.providers.JobTimeoutError`).
            ManagedResultDataNotAvailable: A PUB has no result; ``job_set.results()`` reads the
                others.
        """
        return self.job_set.result(timeout)

    def status(self) -> JobStatus:
        """Return the `qiskit.providers.JobStatus` of the whole; never waits."""
        return self.job_set.status()

    def done(self) -> bool:
        """Return whether all of it is done."""
        return self.job_set.done()

    def running(self) -> bool:
        """Return whether it has begun to run and has not ended."""
        return self.job_set.running()

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return self.job_set.cancelled()

    def in_final_state(self) -> bool:
        """Return whether nothing more happens unless you request it."""
        return self.job_set.in_final_state()

    def cancel(self) -> None:
        """Request that all of it is cancelled; does not wait."""
        self.job_set.cancel()


class ManagedSampler(BaseSamplerV2):  # type: ignore[misc]  # Qiskit has no type information
    """A `BaseSamplerV2` whose jobs are split, survive crashes and keep their results.

    Args:
        backend_or_sampler: A V2 sampler, a Qiskit `BackendV2`, or the name of one of these. A
            backend runs PUBs through Qiskit's `BackendSamplerV2`.
        manager: The manager; by default one on the default store.
        name: Name of its job sets, with the number of the call of `run` after it. A script that is
            run again then goes on with them, and runs nothing twice. By default their names are the
            time of day.

    Raises:
        InvalidArgumentError: It is no sampler and no backend.
        UnknownBackendError: No backend is known by that name.

    Example:
        >>> from qiskit_job_manager import ManagedSampler
        >>> sampler = ManagedSampler("sampler:aer", name="qaoa")    # doctest: +SKIP
        >>> sampler.run([(circuit, angles)], shots=1000).result()   # doctest: +SKIP
    """

    def __init__(
        self,
        backend_or_sampler: str | RunsCircuits | Backend,
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
        InvalidArgumentError: It is no estimator and no backend.
        UnknownBackendError: No backend is known by that name.

    Example:
        >>> from qiskit_job_manager import ManagedEstimator
        >>> estimator = ManagedEstimator("estimator:aer", name="h2")  # doctest: +SKIP
        >>> VQE(estimator, ansatz, optimizer)                         # doctest: +SKIP
    """

    def __init__(
        self,
        backend_or_estimator: str | RunsCircuits | Backend,
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
