"""A Qiskit backend that runs through a job manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.providers import BackendV2, Options

from qiskit_job_manager import backends
from qiskit_job_manager.dropins.job_set_per_call import Calls
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model import ExperimentKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from qiskit.transpiler import Target

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.manager import JobManager
    from qiskit_job_manager.model.inputs import CircuitLike, RunsCircuits
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
        self._calls = Calls(manager, run_defaults.pop("name", None))
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
