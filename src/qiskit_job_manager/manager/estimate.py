"""What a run would take, before anything is stored or sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidExperimentError
from qiskit_job_manager.manager.transpiler import runnable
from qiskit_job_manager.model import Plan
from qiskit_job_manager.planning import plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qiskit_job_manager.manager.experiment_size import Weighing
    from qiskit_job_manager.model import Limits, PlannedJob
    from qiskit_job_manager.ports import Backend

_MINUTE_S = 60.0


def planned(
    experiments: Iterable[Any],
    backend: Backend,
    options: Mapping[str, Any],
    limits: Limits,
    weighing: Weighing,
) -> Plan:
    """Return the split of experiments and what it is estimated to take.

    Raises:
        InvalidExperimentError: One cannot run, or there are none at all.
        PlanError: One alone exceeds a limit.
    """
    payload_bytes = 0

    def sizes() -> Iterable[Any]:
        nonlocal payload_bytes
        for index, experiment in enumerate(experiments):
            backend.check(runnable(experiment), index, options)
            size = weighing.size(weighing.encoded(experiment, index), index)
            payload_bytes += size.payload_bytes
            yield size

    blocks = plan(sizes(), limits, split_shots=weighing.splits)
    jobs = tuple(job for block in blocks for job in block.jobs)
    if not jobs:
        msg = "there are no experiments; hand over at least one circuit"
        raise InvalidExperimentError(msg)
    return Plan(
        jobs=jobs,
        n_experiments=jobs[-1].stop,
        payload_bytes=payload_bytes,
        executions=_executions(jobs),
        usage_s=_usage_s(jobs, backend),
        submission_s=_submission_s(len(jobs), limits),
    )


def _circuits(job: PlannedJob) -> int:
    return job.stop - job.start if job.circuits is None else job.circuits


def _executions(jobs: Iterable[PlannedJob]) -> int | None:
    total = 0
    for job in jobs:
        if job.shots is None:
            return None
        total += _circuits(job) * job.shots
    return total


def _usage_s(jobs: Iterable[PlannedJob], backend: Backend) -> float | None:
    estimates = [backend.estimate_usage_s(_circuits(job), job.shots) for job in jobs]
    known = [each for each in estimates if each is not None]
    return sum(known) if known else None


def _submission_s(n_jobs: int, limits: Limits) -> float:
    """Return how long the last job waits because of the limit of submissions a minute.

    The limit counts submissions in any minute, so they may be sent in bursts.
    """
    limit = limits.submissions_per_minute
    return 0.0 if limit is None else (n_jobs - 1) // limit * _MINUTE_S
