"""``qjm log``: the story of a job set, or of one of its jobs."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager.cli.json_output import print_array
from qiskit_job_manager.cli.session import JobSetArgument, JsonOption, opened_manager
from qiskit_job_manager.cli.text import escape, local_time

if TYPE_CHECKING:
    from qiskit_job_manager.model import EventRecord

JobArgument = Annotated[
    int | None, typer.Argument(metavar="JOB", min=0, help="Index of a job; without it, all.")
]


def log(
    ctx: typer.Context,
    job_set: JobSetArgument,
    job: JobArgument = None,
    as_json: JsonOption = False,
) -> None:
    """Print what happened to a job set, the oldest first, one event a line."""
    with opened_manager(ctx) as manager:
        told = manager.find(job_set)
        events = told.events(job)
        if as_json:
            print_array(map(_plain, events))
            return
        for event in events:
            typer.echo(_line(event))


def _line(event: "EventRecord") -> str:
    where = "set" if event.job_index is None else f"job {event.job_index}"
    attempt = "" if event.attempt is None else f", attempt {event.attempt}"
    change = f" ({event.before or 'new'} -> {event.after})" if event.after != event.before else ""
    cause = f": {escape(event.cause)}" if event.cause else ""
    return f"{local_time(event.at)}  {where}{attempt}  {escape(event.event)}{change}{cause}"


def _plain(event: "EventRecord") -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "job": event.job_index,
        "attempt": event.attempt,
        "event": event.event,
        "before": event.before,
        "after": event.after,
        "cause": event.cause,
    }
