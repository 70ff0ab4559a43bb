"""What a run would take, before anything is stored or sent."""

from __future__ import annotations

import logging
import math
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qiskit_job_manager import ways
from qiskit_job_manager.codec.experiments import pack_experiments
from qiskit_job_manager.errors import (
    BackendError,
    InvalidArgumentError,
    InvalidExperimentError,
    JobManagerError,
)
from qiskit_job_manager.manager.transpiler import runnable
from qiskit_job_manager.model import ExperimentKind, Plan, ServiceEstimate
from qiskit_job_manager.planning import plan, shots_for
from qiskit_job_manager.ports import DryRuns, HasAllowance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from qiskit_job_manager.manager.experiment_encoder import ExperimentEncoder
    from qiskit_job_manager.model import Allowance, EncodedExperiment, Limits, PlannedJob
    from qiskit_job_manager.ports import Backend

logger = logging.getLogger(__name__)

MOST_DRY_RUNS = 5
"""Jobs of a plan that a service is asked about: as many as IBM accepts in a minute."""

_MINUTE_S = 60.0


def planned(
    experiments: Iterable[Any],
    backend: Backend,
    options: Mapping[str, Any],
    limits: Limits,
    encoder: ExperimentEncoder,
    *,
    asks: bool = False,
) -> Plan:
    """Return the split of experiments and what it is estimated to take.

    Args:
        experiments: What was handed over, or what it was transpiled to.
        backend: What would run them.
        options: The run options.
        limits: The limits on a job.
        encoder: Encodes the experiments.
        asks: Whether to ask the service in dry runs; all encoded experiments are in memory then.

    Raises:
        InvalidExperimentError: One cannot run, or there are none at all.
        PlanError: One alone exceeds a limit.
    """
    if asks and not isinstance(backend, DryRuns):
        msg = f"the backend {backend.name!r} has no dry runs: leave ask_service out"
        raise InvalidArgumentError(msg)
    payload_bytes = 0
    kept: list[EncodedExperiment] = []

    def sizes() -> Iterable[Any]:
        nonlocal payload_bytes
        for index, experiment in enumerate(experiments):
            backend.check(runnable(experiment), index, options)
            coded = encoder.encoded(experiment, index)
            kept.extend([coded] if asks else [])
            size = encoder.size(coded, index, experiment)
            payload_bytes += size.payload_bytes
            yield size

    blocks = plan(sizes(), limits, split_shots=encoder.splits, longest_s=encoder.times.longest_s)
    jobs = tuple(job for block in blocks for job in block.jobs)
    if not jobs:
        msg = "there are no experiments; hand over at least one circuit"
        raise InvalidExperimentError(msg)
    found = Plan(
        jobs=jobs,
        n_experiments=jobs[-1].stop,
        payload_bytes=payload_bytes,
        executions=_executions(jobs),
        usage_s=_usage_s(jobs, backend),
        submission_s=_submission_s(len(jobs), limits),
        allowance=_allowance(backend),
    )
    if isinstance(backend, DryRuns) and asks:
        service = _dry_runs(backend, found, kept, options, encoder.kind)
        found = replace(found, service=service)
    return found


def _dry_runs(
    backend: DryRuns,
    of: Plan,
    coded: Sequence[EncodedExperiment],
    options: Mapping[str, Any],
    kind: ExperimentKind,
) -> ServiceEstimate:
    """Try jobs of a plan on the service: the first, the last, and some in between.

    Raises:
        BackendError: The service refuses one, or could not be asked; the message names it.
    """
    step = max((of.n_jobs - 1) / (MOST_DRY_RUNS - 1), 1.0)
    indices = sorted({min(round(step * n), of.n_jobs - 1) for n in range(MOST_DRY_RUNS)})
    said, work = [], 0
    for job in (of.jobs[index] for index in indices):
        own = dict(options) if job.shots is None else {**options, "shots": job.shots}
        payload = pack_experiments(list(coded[job.start : job.stop]), kind)
        try:
            said.append(backend.dry_run(payload, own, f"qjm-dry-run-{uuid.uuid4().hex}"))
        except BackendError as error:
            where = f"job {job.index} (experiments {job.start} to {job.stop - 1})"
            raise type(error)(f"{where}: {error.message}") from error
        work += _circuits(job) * (job.shots or 1)
    known = [each for each in said if each is not None]
    share = work / sum(_circuits(job) * (job.shots or 1) for job in of.jobs)
    usage_s = sum(known) / share if known and len(known) == len(said) else None
    return ServiceEstimate(tuple(indices), usage_s)


def _allowance(backend: Backend) -> Allowance | None:
    """Ask what the account may still use; ``None`` where that is not known."""
    if not isinstance(backend, HasAllowance):
        return None
    try:
        return backend.allowance()
    except JobManagerError:  # the run itself meets it again, and says so
        return None


def log_what_does_not_fit(
    experiments: Sequence[Any],
    backend: Backend,
    limits: Limits,
    encoder: ExperimentEncoder,
    name: str,
) -> None:
    """Log before a run that its account has not enough time left for all of it.

    The estimate is a rough one, as nothing is encoded for it.
    """
    if not isinstance(backend, HasAllowance):
        return
    usage_s = _rough_usage_s(experiments, backend, limits, encoder)
    allowance = None if usage_s is None else _allowance(backend)
    if allowance is None or allowance.has_room_for(usage_s):
        return
    logger.warning(
        "%s on %s, and job set %r is estimated to use %s more: the service will not run all of it "
        f"now. What it refuses waits until there is time again, and {ways.MAX_USAGE} sends less",
        allowance,
        backend.name,
        name,
        f"{usage_s:,.1f} s",
        extra={"event": "does not fit"},
    )


def _rough_usage_s(
    experiments: Sequence[Any], backend: Backend, limits: Limits, encoder: ExperimentEncoder
) -> float | None:
    """Return about what experiments would use: as few jobs as possible, without splitting any."""
    total_s, executions = 0.0, 0
    overhead_s = backend.estimate_usage_s(0, 1)
    if overhead_s is None:
        return None
    for experiment in experiments:
        circuits, shots = _work_of(experiment, encoder)
        total_s += (backend.estimate_usage_s(circuits, shots) or 0.0) - overhead_s
        executions += circuits * (shots or 0)
    by_number = len(experiments) / (limits.experiments_per_job or len(experiments))
    by_work = executions / (limits.executions_per_job or max(executions, 1))
    return total_s + overhead_s * max(math.ceil(by_number), math.ceil(by_work), 1)


def _work_of(experiment: Any, encoder: ExperimentEncoder) -> tuple[int, int | None]:
    """Return the circuits of an experiment after broadcasting, and the shots of each."""
    if hasattr(experiment, "num_clbits"):
        return 1, encoder.shots
    from qiskit.primitives.containers.estimator_pub import EstimatorPub
    from qiskit.primitives.containers.sampler_pub import SamplerPub

    try:
        if encoder.kind is ExperimentKind.ESTIMATOR_PUB:
            pub = EstimatorPub.coerce(experiment)
            precision = encoder.precision if pub.precision is None else pub.precision
            return pub.size, shots_for(precision)
        sampled = SamplerPub.coerce(experiment)
    except Exception:  # noqa: BLE001  # what is no PUB is refused afterwards, by its index
        return 1, encoder.shots
    return sampled.size, encoder.shots if sampled.shots is None else sampled.shots


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
