"""``qjm selftest``: tries on the user's own machine and store what the promises say."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager.cli import errors
from qiskit_job_manager.cli.options import ExecutorOption, JsonOption
from qiskit_job_manager.cli.output import escape, print_object, say

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from qiskit_job_manager.selftest import Check

_WIDTH = 22
_MARKS = {"holds": "  ", "limited": "~ ", "not tried": "- ", "broken": "! "}

BackendOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Also say what is known of this backend; nothing is submitted."
    ),
]


def selftest(
    ctx: typer.Context,
    backend: BackendOption = None,
    executor: ExecutorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try where the store is what is promised: kills, take-over, locks, a full disk, the clock.

    It takes up to two minutes, works in a folder of its own beside the store (on PostgreSQL in a
    schema of its own), runs against a cloud of its own, spends nothing, and removes all of that.
    The store is neither opened nor changed. Exits with 0 if all holds, 5 if something is limited
    here, and 1 if a promise does not hold.
    """
    from qiskit_job_manager import selftest as trials

    found: list[Check] = []
    with _ended_in_order():
        for check in trials.checks(ctx.obj, backend=backend, executor=executor):
            found.append(check)
            if not as_json:
                _print(check)
    verdicts = {check.verdict for check in found}
    if as_json:
        print_object({"holds": "broken" not in verdicts, "checks": [asdict(c) for c in found]})
    else:
        say(_conclusion(verdicts))
    if trials.Verdict.BROKEN in verdicts:
        raise typer.Exit(errors.ERROR)
    is_limited = trials.Verdict.LIMITED in verdicts
    raise typer.Exit(errors.NEEDS_USER if is_limited else errors.ALL_DONE)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Make SIGTERM an exit, so that what was started is ended and what was made is removed."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(errors.INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print(check: Check) -> None:
    mark = _MARKS[check.verdict]
    say(f"{mark}{check.what:<{_WIDTH}}{check.verdict}: {escape(check.words)}", indent=_WIDTH + 2)
    if check.limit:
        say(f"  {'':<{_WIDTH}}limit: {escape(check.limit)}", indent=_WIDTH + 2)


def _conclusion(verdicts: Collection[str]) -> str:
    if "broken" in verdicts:
        return "Not all that is promised holds here: see the lines with an exclamation mark."
    if "limited" in verdicts:
        return "What was tried holds, with more limits than usual: see the lines with a tilde."
    return "What was tried holds here. Limits stay: see docs/promises.md."
