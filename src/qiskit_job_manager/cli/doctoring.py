"""``qjm doctor``: is the store sound, what is installed, and what needs the user."""

from dataclasses import asdict

import typer

from qiskit_job_manager.cli import exit_codes
from qiskit_job_manager.cli.checkup import Finding, Verdict, all_findings
from qiskit_job_manager.cli.json_output import print_object
from qiskit_job_manager.cli.session import JsonOption
from qiskit_job_manager.cli.text import escape

_WIDTH = 20


def doctor(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Look at the store, its disk, what is installed, who drives what, and what needs you.

    Makes no store and changes nothing in a sound one of this version; checking the structure takes
    about as long as reading the file. Exits with 0 if all is well, 5 if something needs you, and 1
    if the store cannot be used.
    """
    found = []
    for finding in all_findings(ctx.obj):
        found.append(finding)
        if not as_json:
            _print(finding)
    verdicts = {finding.verdict for finding in found}
    if as_json:
        print_object({"well": verdicts == {Verdict.FINE}, "findings": [asdict(f) for f in found]})
    if Verdict.BROKEN in verdicts:
        raise typer.Exit(exit_codes.ERROR)
    raise typer.Exit(
        exit_codes.NEEDS_USER if Verdict.NEEDS_USER in verdicts else exit_codes.ALL_DONE
    )


def _print(finding: Finding) -> None:
    mark = "  " if finding.verdict is Verdict.FINE else "! "
    typer.echo(f"{mark}{finding.what:<{_WIDTH}}{escape(finding.value)}")
    if finding.advice:
        typer.echo(f"  {'':<{_WIDTH}}{finding.verdict}: {escape(finding.advice)}")
