"""What ``qjm run --dry-run`` shows: the split and its cost, with nothing stored or sent."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from qiskit_job_manager.cli.json_output import print_object
from qiskit_job_manager.cli.text import escape, plural

if TYPE_CHECKING:
    from qiskit_job_manager.model import Plan

_JOBS_SHOWN = 20
_UNKNOWN = "not known"


def show_plan(plan: "Plan", backend: str, *, as_json: bool) -> None:
    """Print a plan, for people or for scripts."""
    if as_json:
        print_object(_as_values(plan, backend))
        return
    for line in _lines(plan, backend):
        typer.echo(line)


def _as_values(plan: "Plan", backend: str) -> dict[str, object]:
    return {
        "backend": backend,
        "n_jobs": plan.n_jobs,
        "n_experiments": plan.n_experiments,
        "executions": plan.executions,
        "payload_bytes": plan.payload_bytes,
        "usage_s": plan.usage_s,
        "submission_s": plan.submission_s,
        "jobs": [
            {"index": job.index, "start": job.start, "stop": job.stop, "shots": job.shots}
            for job in plan.jobs
        ],
    }


def _lines(plan: "Plan", backend: str) -> Iterator[str]:
    yield f"{plural(plan.n_experiments, 'experiment')} on {escape(backend)}; nothing was sent"
    yield f"  submissions            {plan.n_jobs:,}"
    yield f"  executions             {_figure(plan.executions)}"
    yield f"  payload                {plan.payload_bytes:,} bytes"
    yield f"  quantum seconds        {_figure(plan.usage_s)} (estimated)"
    yield f"  time to submit, paced  {plan.submission_s:,.0f} s"
    for job in plan.jobs[:_JOBS_SHOWN]:
        shots = "the backend's" if job.shots is None else f"{job.shots:,}"
        yield f"  job {job.index}: experiments {job.start} to {job.stop - 1}, {shots} shots each"
    if plan.n_jobs > _JOBS_SHOWN:
        yield f"  ... and {plan.n_jobs - _JOBS_SHOWN:,} more"


def _figure(value: float | None) -> str:
    if value is None:
        return _UNKNOWN
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
