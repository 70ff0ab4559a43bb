"""Watching a job set: a live bar on a terminal, plain lines elsewhere, both on standard error."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer

from qiskit_job_manager.cli.text import counted, escape, plural
from qiskit_job_manager.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import ProgressColumn

    from qiskit_job_manager.job_set import ManagedJobSet, Progress

_SECONDS_BETWEEN_LINES = 5.0


class _Enough(Exception):  # noqa: N818  no error: it ends the waiting early
    """What was waited for is so, though the job set has not ended."""


def watch(
    job_set: ManagedJobSet,
    timeout_s: float | None,
    enough: Callable[[Progress], bool] | None = None,
) -> None:
    """Wait for a job set and show how it goes, until it ended, is enough, or the time is up."""
    display = _bar if _is_live_terminal() else _lines
    with suppress(_Enough), display(escape(job_set.name())) as show:

        def look(progress: Progress) -> None:
            show(progress)
            if enough is not None and enough(progress):
                raise _Enough

        job_set.wait(timeout_s, progress=look)


def _is_live_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") not in {None, "", "dumb"}


@contextmanager
def _lines(title: str) -> Iterator[Callable[[Progress], None]]:
    clock = SystemClock()
    begun = clock.monotonic()
    due = begun
    held_back: Progress | None = None

    def show(progress: Progress) -> None:
        nonlocal due, held_back
        held_back = progress
        if clock.monotonic() >= due:
            due = clock.monotonic() + _SECONDS_BETWEEN_LINES
            write()

    def write() -> None:
        nonlocal held_back
        if held_back is not None:
            typer.echo(f"{title}: {_line(held_back)}, {clock.monotonic() - begun:.0f} s", err=True)
            held_back = None

    try:
        yield show
    finally:
        write()


def _line(progress: Progress) -> str:
    ended = f"{progress.n_ended:,} of {plural(progress.n_jobs, 'job')} ended"
    return f"{ended} ({counted(progress.jobs)})"


@contextmanager
def _bar(title: str) -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(*_columns(), console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None, states="")

        def show(progress: Progress) -> None:
            bar.update(
                task,
                total=progress.n_jobs,
                completed=progress.n_ended,
                states=counted(progress.jobs),
            )

        yield show


def _columns() -> list[ProgressColumn]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Rate(TextColumn):
        """Jobs a second, as soon as there is something to tell."""

        def render(self, task: object) -> Text:
            speed = getattr(task, "finished_speed", None) or getattr(task, "speed", None)
            return Text(f"{speed:.1f} jobs/s" if speed else "")

    return [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[states]}", markup=False),
        TimeElapsedColumn(),
        Rate(""),
    ]
