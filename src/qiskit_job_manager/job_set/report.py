"""The text reports of job sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager import ways
from qiskit_job_manager.job_set.status import detail
from qiskit_job_manager.model import JobState
from qiskit_job_manager.results import reason, span
from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.escape import escape, escape_lines
from qiskit_job_manager.views.phrases import plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit_job_manager.model import JobRecord, JobSetRecord, Usage
    from qiskit_job_manager.model.progress import Activity, Progress


def _note(record: JobSetRecord) -> list[str]:
    lines = escape_lines(record.note or "").splitlines()
    return [f"  {'Note: ' if number == 0 else '      '}{line}" for number, line in enumerate(lines)]


def summary(record: JobSetRecord, progress: Progress, activity: Activity, usage: Usage) -> str:
    """Return what a job set is, and how many of its jobs are in which state."""
    lines = [
        f"Job set {escape(record.name)}",
        f"  ID: {record.job_set_id}",
        f"  Backend: {escape(record.backend_name)}",
        f"  Tags: {escape(', '.join(record.tags)) or 'none'}",
        *_note(record),
        f"  Experiments: {record.n_experiments:,}"
        + ("" if record.complete else " so far; more are being handed over"),
        "  Summary:",
        f"    {'Total jobs':<16} {progress.n_jobs:>6,}",
    ]
    for label, count in phrases.shares(progress, activity):
        lines.append(f"    {f'Jobs {label}':<16} {count:>6,}")
    if usage.total_s:
        lines.append(
            f"  Quantum seconds: {usage.measured_s:,.1f} measured, and {usage.estimated_s:,.1f} "
            "estimated for jobs that are not measured yet"
        )
    if record.prices is not None:
        cost = record.prices.cost(usage)
        parts = f"{cost.actual:,.2f} known and {cost.estimated:,.2f} estimated"
        lines.append(f"  Cost: {escape(str(cost))}, of it {parts}")
    if progress.needs_user:
        lines.append(
            f"  {plural(progress.needs_user, 'job')} in doubt: the backend may or may not have "
            f"accepted them; {ways.RESUBMIT} sends them again, {ways.ABANDON} gives them up"
        )
    if progress.held:
        lines.append(
            f"  {plural(progress.held, 'job')} held: more than {limits(record)} would be used; "
            f"{ways.ALLOW_USAGE if record.max_cost is None else ways.ALLOW_COST} raises the limit"
        )
    return "\n".join(lines)


def limits(record: JobSetRecord) -> str:
    """Return what a job set may use and cost, in words."""
    said = [] if record.max_usage_s is None else [f"{record.max_usage_s:g} quantum seconds"]
    if record.max_cost is not None:
        currency = "" if record.prices is None else f" {escape(record.prices.currency)}"
        said.append(f"{record.max_cost:,.2f}{currency}")
    return " or ".join(said)


def allowing_more(record: JobSetRecord) -> tuple[str, str]:
    """Return the option of ``qjm resume`` that allows a held job set more, and its value."""
    if record.max_usage_s is None:
        return "--max-cost", "AMOUNT"
    return "--max-usage", "SECONDS"


def incomplete(record: JobSetRecord) -> str:
    """Return why a job set whose hand-over was cut off does not go on."""
    return (
        f"job set {record.name!r} was not handed over completely: it has "
        f"{record.n_experiments:,} experiments so far. Unless its script is still running, "
        f"{ways.AGAIN}"
    )


def details(jobs: Iterable[JobRecord], silent: str) -> str:
    """Return what is known of each job; see `status.detail`."""
    return "\n".join(["  Detail:", *(line for job in jobs for line in _job_lines(job, silent))])


def is_unexpected(job: JobRecord) -> bool:
    """Return whether a job without result was not cancelled by a request of its job set."""
    if job.state is not JobState.CANCELLED:
        return True
    return job.remote_id is not None and not job.cancel_requested


def failing_states(record: JobSetRecord) -> tuple[JobState, ...]:
    """Return the states of jobs that have no result and do not go on by themselves."""
    doubt = (JobState.IN_DOUBT,) if record.blind else ()
    return (JobState.FAILED, JobState.LOST, JobState.CANCELLED, *doubt)


def errors(jobs: Iterable[JobRecord]) -> str | None:
    """Return why jobs have no result, or ``None`` if there are no jobs to name."""
    found = [
        f"{span(job).capitalize()}, job {job.index}, "
        f"job ID {escape(job.remote_id or 'none')}, {job.state}:\n"
        + "\n".join(f"  {line}" for line in reason(job).splitlines())
        for job in jobs
        if is_unexpected(job)
    ]
    return "\n".join(found) or None


def _job_lines(job: JobRecord, silent: str) -> list[str]:
    lines = [f"    {span(job)}:", f"      Job index: {job.index}"]
    if job.remote_id is not None:
        lines.append(f"      Job ID: {escape(job.remote_id)}")
    first, *more = detail(job, silent).splitlines()
    return [*lines, f"      Status: {first}", *(f"        {line}" for line in more)]
