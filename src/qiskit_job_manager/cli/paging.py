"""Limits on how many rows a command prints, and hints at the commands that print all."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager.cli.options import command_for
from qiskit_job_manager.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Iterable

AllOption = Annotated[bool, typer.Option("--all", help="Print all of them.")]


def at_most(option: str, what: str) -> Any:
    """Return an option that limits how many rows are printed."""
    return typer.Option(option, metavar="NUMBER", min=0, help=what)


def bound(option: str, number: int | None, *, all_of_them: bool, default: int | None) -> int | None:
    """Return how many rows to print; ``None`` means all.

    Args:
        option: The option that gives a number, for the message.
        number: The number that the user gave, or ``None``.
        all_of_them: Whether ``--all`` was given.
        default: The limit if the user gave neither.

    Raises:
        typer.BadParameter: Both were given.
    """
    if all_of_them and number is not None:
        raise typer.BadParameter(f"{option} and --all contradict each other; give one of them.")
    return None if all_of_them else default if number is None else number


def print_how_to_see(ctx: typer.Context, what: str, *commands: "Iterable[str]") -> None:
    """Print to standard error that rows are missing, and which commands show them."""
    shown_by = ", or ".join(command_for(ctx, *words) for words in commands)
    say(f"{what}: {shown_by}", err=True)
