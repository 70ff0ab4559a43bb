"""Asking before something that cannot be undone."""

import sys
from typing import Annotated

import typer

YesOption = Annotated[
    bool, typer.Option("--yes", help="Do not ask. Needed where there is no terminal to ask at.")
]


def confirm(warning: str, question: str, *, yes: bool) -> None:
    """Return if the user agrees; say what is at stake in any case.

    Raises:
        typer.BadParameter: There is nobody to ask, and ``--yes`` was not given.
        typer.Abort: The user said no.
    """
    typer.echo(f"Warning: {warning}", err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("There is no terminal to ask at; with --yes it is done unasked.")
    typer.confirm(question, abort=True, err=True)
