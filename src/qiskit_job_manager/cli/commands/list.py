"""``qjm list``: lists the job sets of the store, filtered by state, tag, backend, name and age."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import chain, islice, starmap
from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager.cli.needs_user import needs_user
from qiskit_job_manager.cli.options import JsonOption, command_for, opened_manager
from qiskit_job_manager.cli.output import (
    counted,
    escape,
    escape_lines,
    local_time,
    plural,
    print_array,
    say,
)
from qiskit_job_manager.cli.paging import AllOption, at_most, bound
from qiskit_job_manager.cli.tables import Column, table
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.job_set.json_values import summary_of
from qiskit_job_manager.results import source_of
from qiskit_job_manager.views.moments import moment_of
from qiskit_job_manager.views.phrases import short_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qiskit_job_manager import JobManager
    from qiskit_job_manager.job_set import Progress
    from qiskit_job_manager.model import JobSetRecord

_SHOWN = 50
_NONE_YET = "There are no job sets yet; qjm run creates one."
_NONE_SUCH = "No job set passes these filters; qjm list without options shows all."
_COLUMNS = (
    Column("SET"),
    Column("NAME", least=10),
    Column("BACKEND", least=8, dropped=4),
    Column("CREATED", least=16, dropped=1),
    Column("EXPERIMENTS", dropped=3),
    Column("JOBS", dropped=2),
    Column("STATE OF THE JOBS", least=12),
)


class State(StrEnum):
    """A state of jobs, or of the job set as a whole."""

    PLANNED = "planned"
    SUBMITTING = "submitting"
    IN_DOUBT = "in-doubt"
    ACTIVE = "active"
    COLLECTING = "collecting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    ENDED = "ended"
    UNFINISHED = "unfinished"


def parse_since(text: str) -> datetime:
    """Return the moment that an ISO date or an age such as ``2d`` means.

    Raises:
        typer.BadParameter: It is neither.
    """
    try:
        return moment_of(text, SystemClock().now())
    except InvalidArgumentError as error:
        raise typer.BadParameter(error.message) from error


StateOption = Annotated[
    list[State] | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help="Only job sets with jobs in this state: planned, submitting, in-doubt, active, "
        "collecting, done, failed, cancelled, lost; or job sets that are ended or unfinished. "
        "Repeated: any of these states.",
    ),
]
TagOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="TAG",
        help="Only job sets with this tag. Repeated: with all of these tags.",
    ),
]
BackendOption = Annotated[
    str | None,
    typer.Option(
        "--backend",
        metavar="PATTERN",
        help="Only job sets on such a backend: aer*, fake:*, ibm_fez.",
    ),
]
SinceOption = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        metavar="WHEN",
        parser=parse_since,
        help="Only job sets made since an ISO date, or not older than 90s, 30min, 3h, 2d, 1w.",
    ),
]
NamePatternOption = Annotated[
    str | None,
    typer.Option("--name", metavar="PATTERN", help="Only job sets with such a name: rb-*."),
]


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions on job sets; ``None`` or empty means any.

    Attributes:
        states: States; the job set must have one of them.
        tags: Tags; the job set must have all of them.
        backend: Pattern for the name of the backend or for its URI.
        since: The earliest moment of creation.
        name: Pattern for the name.
    """

    states: tuple[State, ...] = ()
    tags: tuple[str, ...] = ()
    backend: str | None = None
    since: datetime | None = None
    name: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every job set passes."""
        return self == Filter()

    def passes(self, record: "JobSetRecord", progress: "Progress") -> bool:
        """Return whether a job set passes."""
        return self._fits(record) and (not self.states or self._is_in_state(progress))

    def _fits(self, record: "JobSetRecord") -> bool:
        backends = (record.backend_name, record.backend_uri or "")
        return (
            set(self.tags) <= set(record.tags)
            and (self.since is None or record.created_at >= self.since)
            and (self.name is None or fnmatchcase(record.name, self.name))
            and (self.backend is None or any(fnmatchcase(b, self.backend) for b in backends))
        )

    def _is_in_state(self, progress: "Progress") -> bool:
        has = {str(state).replace(" ", "-") for state, count in progress.jobs.items() if count}
        has.add(State.ENDED if progress.ended else State.UNFINISHED)
        return not has.isdisjoint(self.states)


LimitOption = Annotated[
    int | None,
    at_most("--limit", f"How many job sets to list. Default: {_SHOWN}; with --json, all."),
]


def list_job_sets(  # noqa: PLR0913  one parameter an option
    ctx: typer.Context,
    *,
    states: StateOption = None,
    tags: TagOption = None,
    backend: BackendOption = None,
    since: SinceOption = None,
    name: NamePatternOption = None,
    limit: LimitOption = None,
    all_sets: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the job sets, newest first. With several filters, a job set must pass all of them.

    Only the newest are shown if there are many. With --json all are shown, unless --limit is given.
    """
    wanted = Filter(tuple(states or ()), tuple(tags or ()), backend, since, name)
    most = bound("--limit", limit, all_of_them=all_sets, default=None if as_json else _SHOWN)
    with opened_manager(ctx) as manager:
        found = (each for each in manager.overview() if wanted.passes(*each))
        if as_json:
            print_array(starmap(summary_of, islice(found, most)))
            return
        unfinished: list[tuple[JobSetRecord, Progress]] = []
        shown = _noted(islice(found, most), unfinished)
        _print_table(ctx, shown, _NONE_YET if wanted.is_empty else _NONE_SUCH)
        for line in _troubles(ctx, manager, unfinished):
            say(line, err=True)
        if most is not None and next(found, None) is not None:
            say("There are older job sets; --all or --limit NUMBER shows them.", err=True)
        for record in manager.half_deleted():
            command = command_for(ctx, "delete", record.job_set_id)
            say(f"{escape(record.name)} is half deleted. To finish: {command}", err=True)


def _noted(
    job_sets: "Iterable[tuple[JobSetRecord, Progress]]",
    unfinished: "list[tuple[JobSetRecord, Progress]]",
) -> "Iterator[tuple[JobSetRecord, Progress]]":
    """Yield job sets, and add those that have not ended to a list."""
    for each in job_sets:
        if not each[1].ended:
            unfinished.append(each)
        yield each


def _troubles(
    ctx: typer.Context,
    manager: "JobManager",
    unfinished: "list[tuple[JobSetRecord, Progress]]",
) -> "Iterator[str]":
    """Yield why job sets do not go on, and how many of them no process drives."""
    from qiskit_job_manager.job_set.status import trouble_of

    n_idle = 0
    for record, progress in unfinished[:_SHOWN]:
        store = source_of(manager.find(record.job_set_id)).store
        if trouble := trouble_of(store, record, progress):
            yield f"{escape(record.name)}: {escape_lines(trouble)}"
        n_idle += progress.complete and store.driver(record.key) is None
    if n_idle:
        command = command_for(ctx, "resume")
        yield f"No process drives {plural(n_idle, 'unfinished job set')}; go on with: {command}"


def _print_table(
    ctx: typer.Context, job_sets: "Iterable[tuple[JobSetRecord, Progress]]", if_none: str
) -> None:
    notes: list[str] = []
    rows = (_row(ctx, *each, notes) for each in job_sets)
    first = next(rows, None)
    if first is None:
        typer.echo(if_none)
        return
    for line in table(_COLUMNS, chain([first], rows)):
        typer.echo(line)
    for line in notes:
        say(line, err=True)


def _row(
    ctx: typer.Context, record: "JobSetRecord", progress: "Progress", notes: list[str]
) -> tuple[str, ...]:
    """Return the row of a job set, and add lines to ``notes`` that are printed after the table."""
    notes += needs_user(ctx, record, progress)
    return (
        short_id(record.job_set_id),
        escape(record.name),
        escape(record.backend_name),
        local_time(record.created_at),
        str(progress.n_experiments),
        str(progress.n_jobs),
        counted(progress.jobs) + ("" if progress.complete else ", not all handed over"),
    )
