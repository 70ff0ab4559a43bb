"""Stand where a Qiskit backend, sampler or estimator is expected, and run through a manager.

Each call of ``run`` by a library that does not know job sets becomes one job set.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

from qiskit.primitives import BaseEstimatorV2, BasePrimitiveJob, BaseSamplerV2
from qiskit.providers import BackendV2, Options

from qiskit_job_manager import backends
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.manager import JobManager
from qiskit_job_manager.model import ExperimentKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from qiskit.primitives import PrimitiveResult
    from qiskit.primitives.containers import EstimatorPubLike, SamplerPubLike
    from qiskit.providers import JobStatus
    from qiskit.transpiler import Target

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.model.inputs import CircuitLike, ExperimentsLike, RunsCircuits
    from qiskit_job_manager.ports import Backend


class ManagedBackend(BackendV2):  # type: ignore[misc]  # Qiskit has no type information
    """A `BackendV2` whose ``run`` takes any number of circuits, survives crashes and keeps results.

    Target, properties and options are those of the backend behind it.

    Args:
        backend: A Qiskit `BackendV2` with ``run()``, or the name of one, such as ``"fake:torino"``.
        manager: The manager; by default one on the default store.
        **run_defaults: Arguments of `JobManager.run` for each job set, such as ``shots=4096`` or
            ``limits=Limits(experiments_per_job=100)``. With a ``name``, the number of the call of
            `run` comes after it, and a script that is run again goes on with its job sets.

    Raises:
        InvalidArgumentError: It is no backend that runs circuits.
        UnknownBackendError: No backend is known by that name.

    Example:
        >>> from qiskit_job_manager import ManagedBackend
        >>> backend = ManagedBackend("fake:torino", name="t1")      # doctest: +SKIP
        >>> T1([0], delays, backend=backend).run()                  # doctest: +SKIP
    """

    def __init__(
        self,
        backend: str | RunsCircuits | Backend,
        *,
        manager: JobManager | None = None,
        **run_defaults: Any,
    ) -> None:
        adapter = backends.adapt(backend)
        inner = getattr(adapter, "qiskit_backend", None)
        if adapter.takes is not ExperimentKind.CIRCUIT or not isinstance(inner, BackendV2):
            raise InvalidArgumentError(
                f"{adapter.name} is no Qiskit BackendV2 that runs circuits; for a primitive take "
                "ManagedSampler or ManagedEstimator"
            )
        self._adapter = adapter
        self._inner = inner
        self._calls = _Calls(manager, run_defaults.pop("name", None))
        self._run_defaults = run_defaults
        super().__init__(
            provider=inner.provider,
            name=inner.name,
            description=inner.description,
            online_date=inner.online_date,
            backend_version=inner.backend_version,
        )
        self._options = inner.options

    def __getattr__(self, name: str) -> Any:
        inner = vars(self).get("_inner")
        if name.startswith("_") or inner is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(inner, name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: IBM's client copies backends before it runs them."""
        return self

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    @property
    def target(self) -> Target:
        """The target of the backend behind it."""
        return self._inner.target

    @property
    def max_circuits(self) -> None:
        """No limit: however many circuits are handed over, they are split."""

    @property
    def dtm(self) -> float:
        """Seconds between two samples of a measured signal, as the backend behind it says."""
        return float(self._inner.dtm)

    @property
    def meas_map(self) -> list[list[int]]:
        """Qubits that are measured together, as the backend behind it says."""
        found: list[list[int]] = self._inner.meas_map
        return found

    def qubit_properties(self, qubit: Any) -> Any:
        """Return the properties of one or several qubits, as the backend behind it does."""
        return self._inner.qubit_properties(qubit)

    def set_options(self, **fields: Any) -> None:
        """Set options of the backend behind it."""
        self._inner.set_options(**fields)

    def run(self, run_input: CircuitLike | Iterable[CircuitLike], **options: Any) -> ManagedJobSet:
        """Hand circuits over as one job set, which has the methods of a Qiskit job.

        Args:
            run_input: Any number of circuits, or one.
            **options: Arguments of `JobManager.run`, and run options of the backend.

        Raises:
            InvalidExperimentError: A circuit cannot run; the message names it.
            NameInUseError: The job set of this name has other circuits.
        """
        return self._calls.run(run_input, self._adapter, **{**self._run_defaults, **options})


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
        self._calls = _Calls(manager, name)
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
        self._calls = _Calls(manager, name)
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


# -- a job set of each call ------------------------------------------------------------------------

_managers: list[JobManager] = []
_making = threading.Lock()


class _Calls:
    """The calls of one drop-in, each of which becomes a job set. Safe to use from any thread.

    Args:
        manager: The manager; ``None``: one on the default store, that all drop-ins share.
        name: Name of the job sets, with the number of the call after it, so that the same script
            run again goes on with them. ``None``: the time of day.

    Raises:
        InvalidArgumentError: The manager is no `JobManager`, or the name no text.
    """

    def __init__(self, manager: JobManager | None, name: str | None) -> None:
        if manager is not None and not isinstance(manager, JobManager):
            msg = f"manager is a {type(manager).__name__}; it is a JobManager, or None"  # type: ignore[unreachable]
            raise InvalidArgumentError(msg)
        if name is not None and (not isinstance(name, str) or not name.strip()):
            msg = f"name is {name!r}; it is a string that is not empty, or None"
            raise InvalidArgumentError(msg)
        self._manager = manager
        self._name = name
        self._numbers = itertools.count(1)

    def run(self, experiments: ExperimentsLike, backend: Backend, **options: Any) -> ManagedJobSet:
        """Run one call's experiments, as `JobManager.run` does."""
        if self._manager is None:
            self._manager = _shared()
        if self._name is not None:
            options = {"name": f"{self._name}-{next(self._numbers)}", **options}
            options.setdefault("if_exists", "resume")
        return self._manager.run(experiments, backend, **options)


def _shared() -> JobManager:
    with _making:
        if not _managers:
            _managers.append(JobManager())
        return _managers[0]
