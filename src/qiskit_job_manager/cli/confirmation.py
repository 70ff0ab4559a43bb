"""Asks the user before something that cannot be undone."""

import sys
from typing import Annotated

import typer

YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask. Needed without a terminal.")]


def confirm(warning: str, question: str, *, yes: bool) -> None:
    """Print a warning, and return if the user agrees.

    Raises:
        typer.BadParameter: There is no terminal, and ``--yes`` was not given.
        typer.Abort: The user said no.
    """
    typer.echo(f"Warning: {warning}", err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            "There is no terminal to ask on; give --yes to go on without a question."
        )
    typer.confirm(question, abort=True, err=True)
