"""``qjm watch``: shows the progress of a job set, live on a terminal and as lines elsewhere."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import typer

from qiskit_job_manager.cli import errors
from qiskit_job_manager.cli.follow import code_of, report
from qiskit_job_manager.cli.options import (
    JobSetArgument,
    JsonOption,
    command_for,
    opened_manager,
)
from qiskit_job_manager.cli.output import say
from qiskit_job_manager.cli.signals import StopSignals
from qiskit_job_manager.cli.watch_snapshot import Snapshot, SnapshotReader, plain_line, values
from qiskit_job_manager.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.model.progress import Progress


_SHARE_OF_A_CORE = 0.01
"""Share of a core for snapshots: an expensive snapshot is followed by a longer pause."""


class _Display(Protocol):
    """Shows snapshots."""

    every_s: float
    """Smallest time between two snapshots, in seconds."""

    @property
    def n_jobs(self) -> int:
        """Number of jobs that fit."""

    def draw(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""


def watch(ctx: typer.Context, job_set: JobSetArgument, as_json: JsonOption = False) -> None:
    """Show the progress of a job set until it has ended or Ctrl-C; changes nothing.

    It does not drive the job set: qjm resume, qjm serve or your script does. On a terminal it
    redraws in place, up to four times a second. Elsewhere it prints a line when something has
    changed; with --json the line is a JSON object.
    """
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        reader = SnapshotReader(chosen, SystemClock())
        go_on = command_for(ctx, "resume", chosen.job_set_id())
        with StopSignals() as stop, _display(go_on, as_json=as_json) as display:
            progress = _until_ended(reader, display, stop)
        if not progress.ended:
            say("Stopped watching; the job set is not changed.", err=True)
            raise typer.Exit(errors.INTERRUPTED)
        if not as_json:
            report(ctx, chosen, progress, as_json=False)
    raise typer.Exit(code_of(progress))


def _until_ended(reader: SnapshotReader, display: _Display, stop: StopSignals) -> Progress:
    """Show snapshots until the job set has ended or the user stops; return the last progress."""
    while True:
        begun_s = time.process_time()
        snapshot = reader.read(display.n_jobs)
        display.draw(snapshot)
        cost_s = time.process_time() - begun_s
        if snapshot.progress.ended or stop.wait(max(display.every_s, cost_s / _SHARE_OF_A_CORE)):
            return snapshot.progress


@contextmanager
def _display(go_on: str, *, as_json: bool) -> Iterator[_Display]:
    if as_json:
        yield _JsonLines()
    elif sys.stdout.isatty() and os.environ.get("TERM") not in {None, "", "dumb"}:
        # Importing rich takes long; other commands must not pay for it.
        from qiskit_job_manager.cli.watch_screen import live_screen

        with live_screen(go_on) as screen:
            yield screen
    else:
        yield _Lines()


class _Lines:
    """Prints a line every few seconds if something has changed, and at the end."""

    every_s = 1.0
    n_jobs = 0
    _BETWEEN_LINES_S = 5.0

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._due_s = float("-inf")
        self._last: object = None

    def draw(self, snapshot: Snapshot) -> None:
        """Print a line if it is due and something has changed."""
        state = (snapshot.progress, snapshot.activity, snapshot.driver)
        due = self._clock.monotonic() >= self._due_s or snapshot.progress.ended
        if due and state != self._last:
            self._last, self._due_s = state, self._clock.monotonic() + self._BETWEEN_LINES_S
            _print_now(plain_line(snapshot))


class _JsonLines:
    """Prints a JSON object as soon as something has changed."""

    every_s = 0.5
    n_jobs = 0

    def __init__(self) -> None:
        self._last: object = None

    def draw(self, snapshot: Snapshot) -> None:
        """Print a line if something has changed."""
        state = (snapshot.progress, snapshot.activity, snapshot.driver)
        if state != self._last:
            self._last = state
            _print_now(json.dumps(values(snapshot)))


def _print_now(line: str) -> None:
    """Print a line, and flush it for a reader at the other end of a pipe."""
    typer.echo(line)
    sys.stdout.flush()
