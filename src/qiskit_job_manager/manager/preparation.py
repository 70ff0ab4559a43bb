"""What a call of `JobManager.run` asks for on one backend, checked before anything is stored."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from qiskit_job_manager import backends
from qiskit_job_manager.backends.local.adapter import on_executor
from qiskit_job_manager.backends.local.costs import simulation_costs
from qiskit_job_manager.job_set.settings import checked_name, checked_tags, checked_usage
from qiskit_job_manager.manager import arguments, transpiler
from qiskit_job_manager.manager.experiment_encoder import ExperimentEncoder, SimulationTimes
from qiskit_job_manager.manager.pricing import prices_for
from qiskit_job_manager.model import JobSetDraft

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from qiskit_job_manager.backends.local.executor import Executor
    from qiskit_job_manager.manager.pricing import PriceTable
    from qiskit_job_manager.model import ExperimentKind
    from qiskit_job_manager.ports import Backend


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The arguments of `JobManager.run` that say how experiments run, as the user gave them."""

    name: str
    max_experiments_per_job: Any
    job_tags: Any
    shots: Any
    limits: Any
    split_shots: bool | None
    retry: Any
    volatile: bool | None
    concurrent: bool | None
    refusals: tuple[type[BaseException], ...]
    max_usage_s: Any
    max_cost: Any
    transpile: Any
    optimization_level: Any
    seed_transpiler: Any
    run_options: Mapping[str, Any]

    @property
    def chooses_split(self) -> bool:
        """Whether the user chose how many experiments a job may have."""
        return self.max_experiments_per_job is not None or self.limits is not None


class Prepared(NamedTuple):
    """A run on one backend, ready to be handed over.

    Attributes:
        backend: The adapter to what runs it, which computes where the manager does.
        draft: The job set.
        encoder: Encodes the experiments.
    """

    backend: Backend
    draft: JobSetDraft
    encoder: ExperimentEncoder


class Preparation:
    """Checks what runs on one manager ask for.

    Args:
        executor: Computes local simulations.
        prices: What backends cost, or ``None`` if that is not known.
        method: The method that the user called; its parameters are no run options.
    """

    def __init__(
        self, executor: Executor, prices: PriceTable | None, method: Callable[..., object]
    ) -> None:
        self._executor = executor
        self._prices = prices
        self._method = method

    def prepared(  # what is run, where, how and when
        self,
        experiments: Iterable[Any],
        takes: ExperimentKind,
        backend: Any,
        wishes: Wishes,
        now: datetime,
        *,
        estimates_times: bool,
    ) -> Prepared:
        """Return a run on one backend, ready to be handed over.

        Args:
            experiments: What was handed over.
            takes: What it is.
            backend: The backend, as the user gave it.
            wishes: How it is to run.
            now: The time, in UTC.
            estimates_times: Whether it is of use to know how long simulations take.

        Raises:
            InvalidArgumentError: An argument cannot be used.
            UnknownBackendError: No backend is known by that name.
        """
        adapter = backends.adapt(
            backend,
            volatile=wishes.volatile,
            takes=takes,
            concurrent=wishes.concurrent,
            refusals=wishes.refusals,
        )
        theirs = backends.option_names(adapter)
        given = arguments.checked_options(wishes.run_options, self._method, theirs)
        options = backends.options_to_store(adapter, given)
        shots = arguments.checked_shots(wishes.shots, adapter)
        asked = options if shots is None else {**options, "shots": shots}
        times = SimulationTimes(
            simulation_costs(adapter, asked) if estimates_times else None,
            experiments,
            chosen=wishes.chooses_split,
            expect=self._executor.expect,
        )
        placed = on_executor(adapter, self._executor)
        precision = options.get("precision")
        encoder = ExperimentEncoder(placed.takes, shots, precision, wishes.split_shots, times)
        return Prepared(placed, self._draft(placed, wishes, asked, shots, now), encoder)

    def _draft(
        self,
        adapter: Backend,
        wishes: Wishes,
        options: Mapping[str, Any],
        shots: int | None,
        now: datetime,
    ) -> JobSetDraft:
        can = adapter.capabilities
        most, given = wishes.max_experiments_per_job, wishes.limits
        levels = (wishes.optimization_level, wishes.seed_transpiler)
        return JobSetDraft(
            job_set_id=uuid.uuid4().hex,
            name=checked_name(wishes.name),
            created_at=now,
            backend_uri=adapter.uri,
            backend_name=adapter.name,
            volatile=can.volatile,
            blind=arguments.is_blind(can),
            options=options,
            limits=arguments.chosen_limits(adapter, most, given),
            retry=arguments.checked_retry(wishes.retry),
            tags=() if wishes.job_tags is None else checked_tags(wishes.job_tags, "job_tags"),
            max_usage_s=checked_usage(wishes.max_usage_s),
            transpile=transpiler.checked_options(wishes.transpile, *levels),
            **prices_for(self._prices, adapter, wishes.max_cost, shots),
        )
