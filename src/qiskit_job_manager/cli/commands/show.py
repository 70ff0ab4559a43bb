"""``qjm show``: shows one job set and its jobs.

If there are too many jobs, the most important are shown: jobs that need attention, running jobs,
jobs that ended last, and jobs that come next. Each of these kinds gets one row in turn, so that no
kind crowds out another.
"""

from __future__ import annotations

import sys
from itertools import chain, cycle, islice
from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager.cli.needs_user import needs_user
from qiskit_job_manager.cli.options import (
    AllOption,
    JobSetArgument,
    JsonOption,
    at_most,
    bound,
    command_for,
    opened_manager,
    print_how_to_see,
)
from qiskit_job_manager.cli.output import (
    cut,
    escape,
    escape_lines,
    first_line,
    local_time,
    plural,
    print_object_with,
    say,
    shown_here,
)
from qiskit_job_manager.cli.tables import Column, table, terminal_width
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.job_set.json_values import PAGE, job_values, measured, show_values
from qiskit_job_manager.job_set.status import detail, read_pace, trouble_of, word_for_silent
from qiskit_job_manager.model import JobState
from qiskit_job_manager.results import source_of
from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.phrases import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qiskit_job_manager.job_set import ManagedJobSet, Progress
    from qiskit_job_manager.model import JobRecord, RemoteFigures
    from qiskit_job_manager.ports import Store

_COLUMNS = (
    Column("JOB"),
    Column("EXPERIMENTS"),
    Column("SHOTS", dropped=3),
    Column("ATTEMPTS", dropped=2),
    Column("ID ON THE BACKEND", least=8, dropped=5),
)
_STATE = (Column("STATE", least=16),)
_INDENT = len("Driven by    ")
_SHOWN = 20
_DUPLICATES_SHOWN = 10

JobsOption = Annotated[
    int | None, at_most("--jobs", f"How many jobs to show. Default: {_SHOWN}; with --json, all.")
]


def show(
    ctx: typer.Context,
    job_set: JobSetArgument,
    jobs: JobsOption = None,
    all_jobs: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show a job set, its progress and its most important jobs.

    If there are more jobs than rows, these come first: failed and lost jobs, jobs in doubt and
    running jobs; then the jobs that ended last and the next to be sent. With --json all jobs are
    listed in order, unless --jobs is given.

    The figures of the backend are shown if it measured them: quantum seconds, when a job began to
    run, how long it ran, and its session or batch.
    """
    limit = bound("--jobs", jobs, all_of_them=all_jobs, default=None if as_json else _SHOWN)
    with opened_manager(ctx) as manager:
        shown = manager.find(job_set)
        progress = shown.progress()
        source = source_of(shown)
        listed = measured(source.store, source.record.key, _jobs(shown, progress, limit))
        silent = word_for_silent(source.store, source.record)
        left = 0 if limit is None else max(progress.n_jobs - limit, 0)
        if as_json:
            values = show_values(source.store, source.record, progress, not_listed=left)
            print_object_with(values, "job_list", (job_values(*each, silent) for each in listed))
            return
        for line in _heading(ctx, shown, progress):
            say(line, indent=_INDENT)
        for line in _table(listed, silent):
            typer.echo(line)
        if left:
            words = ("show", shown.job_set_id())
            more = f"{plural(left, 'job')} {'is' if left == 1 else 'are'} not shown"
            print_how_to_see(ctx, more, (*words, "--all"), (*words, "--jobs", "NUMBER"))


def _jobs(job_set: ManagedJobSet, progress: Progress, limit: int | None) -> Iterator[JobRecord]:
    source = source_of(job_set)
    store, key = source.store, source.record.key
    if limit is not None:
        yield from notable_jobs(store, key, progress, limit)
        return
    after = -1
    while page := store.jobs(key, after=after, limit=PAGE):
        yield from page
        after = page[-1].index


def _heading(ctx: typer.Context, job_set: ManagedJobSet, progress: Progress) -> Iterator[str]:
    yield f"Job set      {job_set.job_set_id()}"
    yield f"Name         {escape(job_set.name())}"
    yield f"Backend      {escape(job_set.backend_name)}"
    yield f"Created      {local_time(job_set.created_at)}"
    if tags := job_set.tags():
        yield f"Tags         {', '.join(map(escape, tags))}"
    if note := job_set.note:
        first, *others = escape_lines(note).split("\n")
        yield f"Note         {first}"
        yield from (f"{' ' * _INDENT}{line}" for line in others)
    yield from _progress(job_set, progress)
    yield from _usage(job_set)
    yield from _cost(job_set)
    if not progress.complete:
        yield "             not all circuits have been handed over"
    if trouble := trouble_of(source_of(job_set).store, source_of(job_set).record, progress):
        yield f"Trouble      {escape_lines(trouble)}"
    yield from _driver(ctx, job_set, progress)
    yield from _duplicates(job_set)
    yield from needs_user(ctx, source_of(job_set).record, progress)
    yield ""


def _progress(job_set: ManagedJobSet, progress: Progress) -> Iterator[str]:
    source = source_of(job_set)
    pace = read_pace(source.store, source.record, progress, SystemClock().now())
    states = phrases.shares(progress, job_set.activity(progress))
    for at, shown in enumerate([*_bar_lines(states, _INDENT), phrases.how_far(progress, pace)]):
        yield f"{'' if at else 'Progress':<{_INDENT}}{shown_here(shown)}"
    yield f"Jobs         {phrases.counted(states) or 'none yet'}"


def _driver(ctx: typer.Context, job_set: ManagedJobSet, progress: Progress) -> Iterator[str]:
    if progress.ended:
        return
    other = job_set.other_driver()
    if other is None and progress.complete:
        command = command_for(ctx, "resume", job_set.job_set_id())
        yield f"Driven by    nobody; go on with: {command}"
    elif other:
        yield f"Driven by    {escape(other)}"


def _duplicates(job_set: ManagedJobSet) -> Iterator[str]:
    source = source_of(job_set)
    for _, event in source.store.duplicates(source.record.key, limit=_DUPLICATES_SHOWN):
        yield f"Duplicate    job {event.job_index}: {escape(event.cause or '')}"


def _usage(job_set: ManagedJobSet) -> Iterator[str]:
    usage, most_s = job_set.usage(), source_of(job_set).record.max_usage_s
    if not usage.total_s and most_s is None:
        return
    parts = [f"{usage.measured_s:g} quantum seconds measured"]
    if usage.estimated_s:
        parts.append(f"{usage.estimated_s:g} estimated of what is not measured yet")
    if most_s is not None:
        parts.append(f"at most {most_s:g} allowed")
    yield f"Usage        {', '.join(parts)}"


def _cost(job_set: ManagedJobSet) -> Iterator[str]:
    record = source_of(job_set).record
    if record.prices is None:
        return
    cost = record.prices.cost(job_set.usage())
    currency = escape(cost.currency)
    parts = [f"{cost.actual:,.2f} {currency} known"]
    if cost.estimated:
        parts.append(f"{cost.estimated:,.2f} estimated of what is not measured yet")
    if record.max_cost is not None:
        parts.append(f"at most {record.max_cost:,.2f} allowed")
    yield f"Cost         {', '.join(parts)}"


def _table(jobs: Iterator[tuple[JobRecord, RemoteFigures | None]], silent: str) -> Iterator[str]:
    """Return the lines of the table of jobs, with what was measured if the first page has any."""
    first = list(islice(jobs, PAGE))
    told = any(figures is not None for _, figures in first)
    columns = (*_COLUMNS, *(_MEASURED if told else ()), *_STATE)
    rows = (
        (*_row(job), *(_measured_cells(figures) if told else ()), first_line(detail(job, silent)))
        for job, figures in chain(first, jobs)
    )
    return table(columns, rows)


def _row(job: JobRecord) -> tuple[str, ...]:
    return (
        str(job.index),
        phrases.experiments(job),
        "default" if job.shots is None else f"{job.shots:,}",
        str(job.attempts),
        escape(job.remote_id or "-"),
    )


_ENDED = (JobState.DONE, JobState.CANCELLED)
_KINDS = (
    (JobState.FAILED, JobState.LOST),
    (JobState.IN_DOUBT,),
    (JobState.ACTIVE, JobState.COLLECTING, JobState.SUBMITTING),
    _ENDED,
    (JobState.PLANNED,),
)


def notable_jobs(store: Store, job_set_key: int, progress: Progress, limit: int) -> list[JobRecord]:
    """Return up to ``limit`` jobs, the most important first; all in order if there are no more.

    The cost depends on the limit, not on the number of jobs.
    """
    if progress.n_jobs <= limit:
        return store.jobs(job_set_key, limit=limit)
    sizes = [sum(progress.jobs.get(state, 0) for state in kind) for kind in _KINDS]
    chosen: list[JobRecord] = []
    for kind, rows in zip(_KINDS, _rows_for_each(sizes, limit), strict=True):
        # Jobs are sent in order, so the jobs that ended last are at the end.
        look = store.last_jobs if kind is _ENDED else store.jobs
        chosen += look(job_set_key, states=kind, limit=rows) if rows else []
    return chosen


def _rows_for_each(sizes: Sequence[int], rows: int) -> list[int]:
    """Return how many rows each kind gets when rows are given one in turn to each kind."""
    dealt = [0] * len(sizes)
    left = min(rows, sum(sizes))
    for place in cycle(range(len(sizes))):
        if not left:
            break
        if dealt[place] < sizes[place]:
            dealt[place] += 1
            left -= 1
    return dealt


_WIDEST_BAR = 60
_NARROWEST_BAR = 8


def _bar_lines(states: Sequence[tuple[str, int]], indent: int) -> list[str]:
    """Return a bar as one line, or no line where standard output is no terminal.

    Args:
        states: How many jobs are in each state.
        indent: Characters before the bar on its line.
    """
    columns = terminal_width()
    if columns is None or columns - indent < _NARROWEST_BAR:
        return []
    from qiskit_job_manager.displays.terminal_bar import state_bar  # Rich, where it is needed

    bar = state_bar(states, min(columns - indent, _WIDEST_BAR), sys.stdout.encoding)
    return [bar.plain]


_MEASURED = (
    Column("USAGE", dropped=6),
    Column("BEGAN", dropped=4),
    Column("RAN", dropped=4),
    Column("SESSION", least=8, dropped=1),
)

_SESSION = 40


def _measured_cells(figures: RemoteFigures | None) -> tuple[str, ...]:
    """Return the cells for `_MEASURED`; a dash means not known."""
    if figures is None:
        return ("-",) * len(_MEASURED)
    return (
        "-" if figures.usage_s is None else f"{figures.usage_s:g} s",
        "-" if figures.started_at is None else local_time(figures.started_at),
        _ran(figures),
        "-" if figures.session_id is None else cut(figures.session_id, _SESSION),
    )


def _ran(figures: RemoteFigures) -> str:
    if figures.started_at is None or figures.ended_at is None:
        return "-"
    return duration((figures.ended_at - figures.started_at).total_seconds())
