"""``qjm watch``: look on while a job set goes, live on a terminal and by lines elsewhere."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import typer

from qiskit_job_manager.cli import exit_codes, watch_view
from qiskit_job_manager.cli.outcome import code_of, report
from qiskit_job_manager.cli.session import (
    JobSetArgument,
    JsonOption,
    command_for,
    opened_manager,
)
from qiskit_job_manager.cli.signals import StopSignals
from qiskit_job_manager.cli.watch_reading import Look, Watched
from qiskit_job_manager.clock import SystemClock

if TYPE_CHECKING:
    from qiskit_job_manager.model.progress import Progress

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


def _until_ended(watched: Watched, display: _Display, stop: StopSignals) -> "Progress":
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
        from qiskit_job_manager.cli.watch_screen import live_screen

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
            _print_now(watch_view.plain_line(look))


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
            _print_now(json.dumps(watch_view.values(look)))


def _print_now(line: str) -> None:
    """Print a line that a reader at the other end of a pipe sees at once."""
    typer.echo(line)
    sys.stdout.flush()
