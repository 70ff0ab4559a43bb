"""``qjm doctor``: checks the store, the installation and the job sets; changes nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from qiskit_job_manager.checkup import Verdict, all_findings
from qiskit_job_manager.cli import errors
from qiskit_job_manager.cli.options import JsonOption
from qiskit_job_manager.cli.output import escape, plural, print_object, say

if TYPE_CHECKING:
    from qiskit_job_manager.checkup import Finding

_WIDTH = 20


def doctor(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Check the store, its disk, the installed packages, the drivers, and what needs you.

    The last line says whether all is well.

    It does not create a store and does not change a sound one. The check of the file takes about as
    long as reading it. Exits with 0 if everything is in order, 5 if something needs you, and 1 if
    the store cannot be used.
    """
    found = []
    for finding in all_findings(ctx.obj):
        found.append(finding)
        if not as_json:
            _print(finding)
    verdicts = {finding.verdict for finding in found}
    if as_json:
        print_object({"well": verdicts == {Verdict.FINE}, "findings": [asdict(f) for f in found]})
    else:
        say(f"\n{_verdict(found)}")
    if Verdict.BROKEN in verdicts:
        raise typer.Exit(errors.ERROR)
    raise typer.Exit(errors.NEEDS_USER if Verdict.NEEDS_USER in verdicts else errors.ALL_DONE)


def _verdict(found: list[Finding]) -> str:
    """Return in one line whether all is well."""
    notable = [finding.verdict for finding in found if finding.verdict is not Verdict.FINE]
    if not notable:
        return "All is well."
    lines = "the line marked" if len(notable) == 1 else "the lines marked"
    if Verdict.BROKEN in notable:
        return f"The store cannot be used: see {lines} with ! above."
    verb = "needs" if len(notable) == 1 else "need"
    return f"{plural(len(notable), 'thing')} {verb} you: see {lines} with ! above."


def _print(finding: Finding) -> None:
    mark = "  " if finding.verdict is Verdict.FINE else "! "
    say(f"{mark}{finding.what:<{_WIDTH}}{escape(finding.value)}", indent=_WIDTH + 2)
    if finding.advice:
        say(f"  {'':<{_WIDTH}}{finding.verdict}: {escape(finding.advice)}", indent=_WIDTH + 2)
