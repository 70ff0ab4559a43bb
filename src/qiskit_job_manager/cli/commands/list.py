"""``qjm list``: lists the job sets of the store, filtered by state, tag, backend, name and age."""

import sys
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager.cli.needs_user import needs_user
from qiskit_job_manager.cli.options import (
    AllOption,
    Format,
    JsonOption,
    at_most,
    bound,
    choice,
    command_for,
    opened_store,
)
from qiskit_job_manager.cli.output import (
    escape,
    escape_lines,
    plural,
    print_array,
    say,
)
from qiskit_job_manager.cli.tables import Column, table
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.job_set.json_values import summary_of
from qiskit_job_manager.job_set.status import read_overview, states_of, trouble_of
from qiskit_job_manager.model import JobState
from qiskit_job_manager.views.moments import check_order, moment_of
from qiskit_job_manager.views.phrases import counted, local, short_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.model.progress import Progress
    from qiskit_job_manager.ports import Store

_SHOWN = 50
_NONE_YET = "There are no job sets yet; qjm run creates one."
_NONE_SUCH = "No job set passes these filters; qjm list without options shows all."
_COLUMNS = (
    Column("SET"),
    Column("NAME", least=10),
    Column("BACKEND", least=8, dropped=4),
    Column("CREATED", dropped=1),
    Column("CIRCUITS", dropped=3),
    Column("JOBS", dropped=2),
    Column("STATE", least=24),
)


class State(StrEnum):
    """A state of jobs, or of the job set as a whole."""

    PLANNED = "planned"
    SUBMITTING = "submitting"
    IN_DOUBT = "in-doubt"
    ACTIVE = "active"
    COLLECTING = "collecting"
    RUNNING = "running"
    QUEUED = "queued"
    INTERRUPTED = "interrupted"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    ENDED = "ended"
    UNFINISHED = "unfinished"


def parse_moment(text: str) -> datetime:
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
    choice(
        State,
        "--state",
        metavar="STATE",
        help="Only job sets with jobs in this state: planned, submitting, in-doubt, running, "
        "queued, interrupted, active (any of these three), collecting, done, failed, cancelled, "
        "lost; or job sets that are ended or unfinished. Repeated: any of these states.",
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
        parser=parse_moment,
        help="Only job sets made since an ISO date, or not older than 90s, 30min, 3h, 2d, 1w.",
    ),
]
UntilOption = Annotated[
    datetime | None,
    typer.Option(
        "--until",
        metavar="WHEN",
        parser=parse_moment,
        help="Only job sets made before an ISO date, or older than 90s, 30min, 3h, 2d, 1w.",
    ),
]
NamePatternOption = Annotated[
    str | None,
    typer.Option("--name", metavar="PATTERN", help="Only job sets with such a name: rb-*."),
]


_AS_SHOWN = frozenset({State.RUNNING, State.QUEUED, State.INTERRUPTED})


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions on job sets; ``None`` or empty means any.

    Attributes:
        states: States; the job set must have one of them.
        tags: Tags; the job set must have all of them.
        backend: Pattern for the name of the backend or for its URI.
        since: The earliest moment of creation.
        until: The first moment that is too late for the creation.
        name: Pattern for the name.
    """

    states: tuple[State, ...] = ()
    tags: tuple[str, ...] = ()
    backend: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    name: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every job set passes."""
        return self == Filter()

    def passes(self, store: "Store", record: "JobSetRecord", progress: "Progress") -> bool:
        """Return whether a job set passes."""
        if not self._fits(record):
            return False
        return not self.states or self._is_in_state(store, record, progress)

    def _fits(self, record: "JobSetRecord") -> bool:
        backends = (record.backend_name, record.backend_uri or "")
        return (
            set(self.tags) <= set(record.tags)
            and (self.since is None or record.created_at >= self.since)
            and (self.until is None or record.created_at < self.until)
            and (self.name is None or fnmatchcase(record.name, self.name))
            and (self.backend is None or any(fnmatchcase(b, self.backend) for b in backends))
        )

    def _is_in_state(self, store: "Store", record: "JobSetRecord", progress: "Progress") -> bool:
        has = {str(state).replace(" ", "-") for state, count in progress.jobs.items() if count}
        has.add(State.ENDED if progress.ended else State.UNFINISHED)
        if JobState.ACTIVE in has and not _AS_SHOWN.isdisjoint(self.states):
            has.update(label for label, _ in states_of(store, record, progress))
        return not has.isdisjoint(self.states)


FormatOption = Annotated[Format, choice(Format, "--format", help="How to print the job sets.")]
LimitOption = Annotated[
    int | None,
    at_most("--limit", f"How many job sets to list. Default: {_SHOWN}; as JSON or CSV, all."),
]


def list_job_sets(  # noqa: PLR0913  one parameter an option
    ctx: typer.Context,
    *,
    states: StateOption = None,
    tags: TagOption = None,
    backend: BackendOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    name: NamePatternOption = None,
    limit: LimitOption = None,
    all_sets: AllOption = False,
    output: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """List the job sets, newest first. With several filters, a job set must pass all of them.

    An unfinished job set is idle when no process drives it: qjm resume goes on with it.

    Only the newest are shown if there are many. As JSON or CSV all are shown, unless --limit is
    given.
    """
    check_order(since, until)
    wanted = Filter(tuple(states or ()), tuple(tags or ()), backend, since, until, name)
    form = Format.JSON if as_json else output
    default = _SHOWN if form is Format.TABLE else None
    most = bound("--limit", limit, all_of_them=all_sets, default=default)
    with opened_store(ctx) as store:
        found = (each for each in read_overview(store) if wanted.passes(store, *each))
        if form is Format.JSON:
            print_array(summary_of(store, *each) for each in islice(found, most))
            return
        if form is Format.CSV:
            from qiskit_job_manager.job_set.overview_table import write_csv

            # A terminal would execute control characters in names.
            shown = escape if sys.stdout.isatty() else str
            write_csv(store, islice(found, most), sys.stdout, shown)
            return
        listed = _Listed(ctx, store)
        _print_table(map(listed.row, islice(found, most)), wanted)
        for line in listed.notes():
            say(line, err=True)
        if most is not None and next(found, None) is not None:
            say("There are older job sets; --all or --limit NUMBER shows them.", err=True)
        for record in store.half_deleted():
            command = command_for(ctx, "delete", record.job_set_id)
            say(f"{escape(record.name)} is half deleted. To finish: {command}", err=True)


def _print_table(rows: "Iterator[tuple[str, ...]]", wanted: Filter) -> None:
    first = next(rows, None)
    if first is None:
        typer.echo(_NONE_YET if wanted.is_empty else _NONE_SUCH)
        return
    for line in table(_COLUMNS, chain([first], rows)):
        typer.echo(line)


class _Listed:
    """The rows of the table, and what is to be said below it."""

    def __init__(self, ctx: typer.Context, store: "Store") -> None:
        self._ctx = ctx
        self._store = store
        self._needs: list[str] = []
        self._troubles: list[str] = []
        self._n_idle = 0

    def row(self, job_set: "tuple[JobSetRecord, Progress]") -> tuple[str, ...]:
        """Return the row of a job set, and note what is to be said of it."""
        record, progress = job_set
        done, whole = progress.n_done_experiments, progress.n_experiments
        self._needs += needs_user(self._ctx, record, progress)
        return (
            short_id(record.job_set_id),
            escape(record.name),
            escape(record.backend_name),
            f"{local(record.created_at):%Y-%m-%d %H:%M}",
            f"{whole:,}" if done == whole else f"{done:,} of {whole:,}",
            f"{progress.n_jobs:,}",
            self._state(record, progress),
        )

    def notes(self) -> "Iterator[str]":
        """Yield what needs the user, why job sets do not go on, and how many nobody drives."""
        yield from self._needs
        yield from self._troubles
        if self._n_idle:
            number = plural(self._n_idle, "unfinished job set")
            yield f"No process drives {number}; go on with: {command_for(self._ctx, 'resume')}"

    def _state(self, record: "JobSetRecord", progress: "Progress") -> str:
        words = counted(states_of(self._store, record, progress))
        if progress.ended:
            return words
        if trouble := trouble_of(self._store, record, progress):
            self._troubles.append(f"{escape(record.name)}: {escape_lines(trouble)}")
        is_idle = self._store.driver(record.key) is None
        self._n_idle += is_idle and progress.complete
        whole = "" if progress.complete else "not all handed over"
        return ", ".join(filter(None, ["idle" if is_idle else "", words, whole]))
