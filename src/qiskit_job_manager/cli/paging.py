"""How much is printed where there may be more than anyone reads, and how all of it is had."""

# No `from __future__ import annotations` where Typer reads annotations: they are values there.
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager.cli.options import command_for

if TYPE_CHECKING:
    from collections.abc import Iterable

AllOption = Annotated[bool, typer.Option("--all", help="Print all there are, however many.")]


def at_most(option: str, what: str) -> Any:
    """Return the description of an option that says how many of something are printed."""
    return typer.Option(option, metavar="NUMBER", min=0, help=what)


def bound(option: str, number: int | None, *, all_of_them: bool, default: int | None) -> int | None:
    """Return how many to print; ``None`` for all.

    Args:
        option: The option that gives a number, for the message.
        number: That number, if it was given.
        all_of_them: Whether ``--all`` was given.
        default: What holds if neither was.

    Raises:
        typer.BadParameter: Both were given.
    """
    if all_of_them and number is not None:
        raise typer.BadParameter(f"{option} and --all contradict each other; give one of them.")
    return None if all_of_them else default if number is None else number


def tell_how_to_see(ctx: typer.Context, what: str, *commands: "Iterable[str]") -> None:
    """Say on standard error that something is not shown, and which commands show it."""
    told = ", or ".join(command_for(ctx, *words) for words in commands)
    typer.echo(f"{what}: {told}", err=True)
