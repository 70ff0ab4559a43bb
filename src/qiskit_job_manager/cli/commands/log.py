"""``qjm log``: prints the events of a job set, or of one of its jobs."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager.cli.options import (
    AllOption,
    JobSetArgument,
    JsonOption,
    at_most,
    bound,
    opened_manager,
    print_how_to_see,
)
from qiskit_job_manager.cli.output import escape, local_time, plural, print_array, say
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.job_set.json_values import event_values
from qiskit_job_manager.results import source_of
from qiskit_job_manager.views.phrases import event_words, state_after

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.model import EventRecord

_SHOWN = 100
_INDENT = len("2026-11-27 12:00:00  ")

JobArgument = Annotated[
    int | None, typer.Argument(metavar="JOB", min=0, help="Index of a job. Default: all jobs.")
]

LastOption = Annotated[
    int | None,
    at_most(
        "--last", f"Print only this many of the latest events. Default: {_SHOWN} on a terminal."
    ),
]


def log(
    ctx: typer.Context,
    job_set: JobSetArgument,
    job: JobArgument = None,
    last: LastOption = None,
    all_events: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print what happened to the jobs of a set, oldest first, one event for each line.

    A job is sent, accepted by the backend, and ends there; then its result is received and read.
    With --json the events have the names of docs/events.md.

    A terminal shows the latest events only. Other outputs and --json get all, unless --last is
    given.
    """
    default = _SHOWN if sys.stdout.isatty() and not as_json else None
    limit = bound("--last", last, all_of_them=all_events, default=default)
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        if job is not None and job >= chosen.n_jobs:
            msg = (
                f"job set {chosen.name()!r} has no job {job}; it has {plural(chosen.n_jobs, 'job')}"
            )
            raise InvalidArgumentError(f"{msg}, numbered from 0")
        events, more = _events(chosen, job, limit)
        if as_json:
            print_array(map(event_values, events))
            return
        for event in events:
            say(_line(event), indent=_INDENT)
        if more:
            words = ("log", chosen.job_set_id(), *([] if job is None else [str(job)]))
            print_how_to_see(
                ctx, "Earlier events are not shown", (*words, "--all"), (*words, "--last", "NUMBER")
            )


def _events(
    job_set: "ManagedJobSet", job: int | None, limit: int | None
) -> "tuple[Iterable[EventRecord], bool]":
    """Return the events to print, and whether there are earlier ones."""
    if limit is None:
        return job_set.events(job), False
    source = source_of(job_set)
    found = source.store.last_events(source.record.key, job, limit=limit + 1)
    more = len(found) > limit
    return found[1:] if more else found, more


def _line(event: "EventRecord") -> str:
    where = "set" if event.job_index is None else f"job {event.job_index}"
    attempt = "" if event.attempt is None else f", attempt {event.attempt}"
    after = state_after(event)
    change = f" ({after})" if after else ""
    cause = f": {escape(event.cause)}" if event.cause else ""
    what = escape(event_words(event.event))
    return f"{local_time(event.at)}  {where}{attempt}  {what}{change}{cause}"
