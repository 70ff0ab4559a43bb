"""``qjm watch``: look on while a job set goes, live on a terminal and by lines elsewhere.

What ``qjm watch`` reads at each look: totals, and a page of jobs, however many there are.

The live view of ``qjm watch``, redrawn in place.

What ``qjm watch`` shows: a look at a job set as lines of text, and as plain JSON values.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from qiskit_job_manager.cli import exit_codes
from qiskit_job_manager.cli.follow import code_of, report
from qiskit_job_manager.cli.options import (
    JobSetArgument,
    JsonOption,
    command_for,
    opened_manager,
)
from qiskit_job_manager.cli.output import counted, cut, first_line, plural, table
from qiskit_job_manager.cli.signals import StopSignals
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.displays.rate_meter import Meter
from qiskit_job_manager.job_set.status import detail
from qiskit_job_manager.model import JobState
from qiskit_job_manager.views import phrases

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.model import JobRecord, JobSetRecord
    from qiskit_job_manager.model.progress import Activity, Pace, Progress
    from qiskit_job_manager.ports import Clock


_SHARE_OF_A_CORE = 0.01
"""A look that took long is followed by so much a longer pause."""


class _Display(Protocol):
    """Where looks are shown."""

    every_s: float
    """Seconds between two looks at least."""

    @property
    def n_jobs(self) -> int:
        """Jobs that there is room for."""

    def draw(self, look: Look) -> None:
        """Show a look."""


def watch(ctx: typer.Context, job_set: JobSetArgument, as_json: JsonOption = False) -> None:
    """Look on while a job set goes, until it has ended or Ctrl-C; changes and cancels nothing.

    It does not drive the set: qjm resume, qjm serve or the script that runs it does. On a terminal
    it redraws in place, up to four times a second; elsewhere it prints lines, and with --json an
    object a line, when something changed.
    """
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        watched = Watched(chosen, SystemClock())
        go_on = command_for(ctx, "resume", chosen.job_set_id())
        with StopSignals() as stop, _display(go_on, as_json=as_json) as display:
            progress = _until_ended(watched, display, stop)
        if not progress.ended:
            typer.echo("Stopped watching; the job set is left as it is.", err=True)
            raise typer.Exit(exit_codes.INTERRUPTED)
        if not as_json:
            report(ctx, chosen, progress, as_json=False)
    raise typer.Exit(code_of(progress))


def _until_ended(watched: Watched, display: _Display, stop: StopSignals) -> Progress:
    """Show look after look, until the set has ended or the user has enough; return the last."""
    while True:
        begun_s = time.process_time()
        look = watched.look(display.n_jobs)
        display.draw(look)
        cost_s = time.process_time() - begun_s
        if look.progress.ended or stop.wait(max(display.every_s, cost_s / _SHARE_OF_A_CORE)):
            return look.progress


@contextmanager
def _display(go_on: str, *, as_json: bool) -> Iterator[_Display]:
    if as_json:
        yield _JsonLines()
    elif sys.stdout.isatty() and os.environ.get("TERM") not in {None, "", "dumb"}:
        with live_screen(go_on) as screen:
            yield screen
    else:
        yield _Lines()


class _Lines:
    """A line every few seconds, if something changed, and at the end."""

    every_s = 1.0
    n_jobs = 0
    _BETWEEN_LINES_S = 5.0

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._due_s = float("-inf")
        self._last: object = None

    def draw(self, look: Look) -> None:
        """Print a line, if it is worth one."""
        seen = (look.progress, look.activity, look.is_driven)
        due = self._clock.monotonic() >= self._due_s or look.progress.ended
        if due and seen != self._last:
            self._last, self._due_s = seen, self._clock.monotonic() + self._BETWEEN_LINES_S
            _print_now(plain_line(look))


class _JsonLines:
    """An object a line, as soon as something changed."""

    every_s = 0.5
    n_jobs = 0

    def __init__(self) -> None:
        self._last: object = None

    def draw(self, look: Look) -> None:
        """Print a line, if there is anything new."""
        seen = (look.progress, look.activity, look.is_driven)
        if seen != self._last:
            self._last = seen
            _print_now(json.dumps(values(look)))


def _print_now(line: str) -> None:
    """Print a line that a reader at the other end of a pipe sees at once."""
    typer.echo(line)
    sys.stdout.flush()


_WORTH_A_LOOK = (
    (JobState.IN_DOUBT,),
    (JobState.ACTIVE, JobState.COLLECTING, JobState.SUBMITTING),
    (JobState.FAILED, JobState.LOST),
    (JobState.PLANNED,),
)


@dataclass(frozen=True, slots=True)
class Look:
    """A job set at one moment.

    Attributes:
        record: What it is.
        progress: Jobs and experiments by state.
        activity: What the backend last said of the jobs that it has.
        pace: How fast it goes, since the watching began.
        is_driven: Whether a live process moves it forward.
        jobs: Some of its jobs: those in doubt first, then those under way, and so on.
    """

    record: JobSetRecord
    progress: Progress
    activity: Activity
    pace: Pace
    is_driven: bool
    jobs: tuple[JobRecord, ...]


class Watched:
    """A job set that is looked at again and again; nothing here drives or changes it.

    Args:
        job_set: The job set.
        clock: Asked for the time.
    """

    def __init__(self, job_set: ManagedJobSet, clock: Clock) -> None:
        self._job_set = job_set
        self._store = job_set.result_source().store
        self._meter = Meter(clock)

    def look(self, n_jobs: int) -> Look:
        """Look, with up to so many of the jobs.

        Raises:
            JobManagerUnknownJobSet: The job set was deleted meanwhile.
        """
        record = self._job_set.record()
        progress = self._job_set.progress()
        return Look(
            record,
            progress,
            self._job_set.activity(progress),
            self._meter.pace(progress),
            self._store.driver(record.key) is not None,
            tuple(islice(self._jobs(record.key, progress, n_jobs), n_jobs)),
        )

    def _jobs(self, key: int, progress: Progress, limit: int) -> Iterator[JobRecord]:
        for states in _WORTH_A_LOOK:
            if any(progress.jobs.get(state) for state in states):
                yield from self._store.jobs(key, states=states, limit=limit)


_HEADING_LINES = 10
_FEWEST_JOBS = 3
_WIDEST_BAR = 60


@contextmanager
def live_screen(go_on: str) -> Iterator[Screen]:
    """Show looks on the terminal while the ``with`` block lasts; the last one stays.

    Args:
        go_on: The command that drives the job set.
    """
    console = Console(highlight=False)
    # Drawn when there is a look: no thread of its own draws beside it.
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        yield Screen(live, go_on)


class Screen:
    """A terminal that shows one look at a time.

    Args:
        live: Draws in place.
        go_on: The command that drives the job set.
    """

    every_s = 0.25

    def __init__(self, live: Live, go_on: str) -> None:
        self._live = live
        self._go_on = go_on

    @property
    def n_jobs(self) -> int:
        """Jobs that there is room for below the heading."""
        return max(self._live.console.height - _HEADING_LINES, _FEWEST_JOBS)

    def draw(self, look: Look) -> None:
        """Show a look instead of the last one."""
        title, *figures = heading(look, self._go_on)
        rows = jobs(look.jobs)
        parts: list[RenderableType] = [self._text(title, "bold"), self._bar(look)]
        parts += [self._text(line) for line in figures]
        if rows:
            parts += [Text(), self._row(rows[0], "dim"), *map(self._row, rows[1:])]
        self._live.update(Group(*parts), refresh=True)

    def _bar(self, look: Look) -> RenderableType:
        progress = look.progress
        figures = f" {progress.n_ended:,}/{progress.n_jobs:,}"
        width = min(self._live.console.width - len(figures) - 1, _WIDEST_BAR)
        if width < len(figures):
            return self._text(figures.strip())
        done, left = ("#", "-") if self._is_ascii else ("\u2501", "\u2500")
        filled = width * progress.n_ended // max(progress.n_jobs, 1)
        return Text.assemble((done * filled, "green"), (left * (width - filled), "dim"), figures)

    def _text(self, line: str, style: str = "") -> Text:
        return Text(self._shown(line), style=style, overflow="fold")

    def _row(self, line: str, style: str = "") -> Text:
        return Text(self._shown(line), style=style, no_wrap=True, overflow="crop")

    @property
    def _is_ascii(self) -> bool:
        return not self._live.console.encoding.lower().startswith("utf")

    def _shown(self, line: str) -> str:
        # What the terminal cannot show takes more columns once it is escaped, which must be known
        # before the lines are broken: otherwise they are drawn over one another.
        encoding = self._live.console.encoding
        return line.encode(encoding, "backslashreplace").decode(encoding)


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
    yield f"Jobs         {phrases.counted(phrases.shares(progress, look.activity)) or 'none yet'}"
    yield f"Experiments  {counted(progress.experiments) or 'none yet'}"
    if look.activity.position is not None:
        yield f"In the queue first of ours at place {look.activity.position:,}"
    told = (phrases.rate(look.pace), phrases.end(look.pace))
    after = f"watched for {phrases.duration(look.pace.elapsed_s)}"
    yield f"Pace         {', '.join([*filter(None, told), after])}"
    yield from _for_the_user(look, go_on)


def jobs(shown: Sequence[JobRecord]) -> list[str]:
    """Return a table of jobs; empty for none."""
    return list(table(_JOBS_HEADER, map(_row, shown))) if shown else []


def plain_line(look: Look) -> str:
    """Return all of it in one line, for logs and pipes."""
    said = phrases.line(look.progress, look.activity, look.pace)
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
        phrases.experiments(job),
        cut(job.remote_id or "-", _NAME),
        first_line(detail(job)),
    )
