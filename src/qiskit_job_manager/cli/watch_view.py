"""What ``qjm watch`` shows: a look at a job set as lines of text, and as plain JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.cli.text import counted, cut, first_line, plural, table
from qiskit_job_manager.job_set.status import detail
from qiskit_job_manager.views import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qiskit_job_manager.cli.watch_reading import Look
    from qiskit_job_manager.model import JobRecord

_NAME = 60
_JOBS_HEADER = ("JOB", "EXPERIMENTS", "ID ON THE BACKEND", "STATE")


def heading(look: Look, go_on: str) -> Iterator[str]:
    """Yield the lines that say how the job set as a whole goes.

    Args:
        look: What was read.
        go_on: The command that drives the job set.
    """
    record, progress = look.record, look.progress
    yield f"{cut(record.name, _NAME)} on {cut(record.backend_name, _NAME)}"
    yield f"Jobs         {words.counted(words.shares(progress, look.activity)) or 'none yet'}"
    yield f"Experiments  {counted(progress.experiments) or 'none yet'}"
    if look.activity.position is not None:
        yield f"In the queue first of ours at place {look.activity.position:,}"
    told = (words.rate(look.pace), words.end(look.pace))
    after = f"watched for {words.duration(look.pace.elapsed_s)}"
    yield f"Pace         {', '.join([*filter(None, told), after])}"
    yield from _for_the_user(look, go_on)


def jobs(shown: Sequence[JobRecord]) -> list[str]:
    """Return a table of jobs; empty for none."""
    return list(table(_JOBS_HEADER, map(_row, shown))) if shown else []


def plain_line(look: Look) -> str:
    """Return all of it in one line, for logs and pipes."""
    said = words.line(look.progress, look.activity, look.pace)
    place = look.activity.position
    queue = "" if place is None else f", first in the queue at {place:,}"
    needs = look.progress.needs_user
    doubt = f", {plural(needs, 'job')} in doubt {_verb(needs)} you" if needs else ""
    driven = "" if look.is_driven or look.progress.ended else ", nobody drives it"
    return f"{cut(look.record.name, _NAME)}: {said}{queue}{doubt}{driven}"


def values(look: Look) -> dict[str, Any]:
    """Return a look in plain JSON values."""
    progress, pace = look.progress, look.pace
    return {
        "job_set_id": look.record.job_set_id,
        "name": look.record.name,
        "jobs_by_state": {str(state): count for state, count in progress.jobs.items()},
        "experiments_by_state": {str(s): count for s, count in progress.experiments.items()},
        "running": look.activity.running,
        "queued": look.activity.queued,
        "queue_position": look.activity.position,
        "jobs_per_second": pace.jobs_per_s,
        "ends_at": None if pace.ends_at is None else pace.ends_at.isoformat(),
        "needs_user": progress.needs_user,
        "driven": look.is_driven,
        "ended": progress.ended,
        "success": progress.success,
    }


def _for_the_user(look: Look, go_on: str) -> Iterator[str]:
    progress = look.progress
    if needs := progress.needs_user:
        yield f"{plural(needs, 'job')} in doubt {_verb(needs)} you: see qjm resubmit and abandon"
    if progress.held:
        held = plural(progress.held, "job")
        yield f"{held} held back by the limit of usage: see qjm resume --max-usage"
    if not progress.complete:
        yield "Not all experiments have been handed over"
    elif not look.is_driven and not progress.ended:
        yield f"Nobody drives it; go on with: {go_on}"


def _verb(number: int) -> str:
    return "needs" if number == 1 else "need"


def _row(job: JobRecord) -> tuple[str, ...]:
    return (
        str(job.index),
        words.experiments(job),
        cut(job.remote_id or "-", _NAME),
        first_line(detail(job)),
    )
