"""What every command needs: the manager of the store, and the words for its arguments.

The examples at the end of a command's help.
"""

from __future__ import annotations

import logging
import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager.cli import exit_codes
from qiskit_job_manager.cli.completion import complete_job_set
from qiskit_job_manager.cli.engine_log import Words, shown_on_stderr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.manager import JobManager


# No `from __future__ import annotations` where Typer reads annotations: they are values there.


def some_job_sets(help_text: str, **more: Any) -> Any:
    """Return the description of an argument that names job sets; the shell completes it."""
    return typer.Argument(metavar="SET", help=help_text, autocompletion=complete_job_set, **more)


JobSetArgument = Annotated[
    str, some_job_sets("Id of a job set, a unique beginning of it, or its name.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        metavar="SECONDS",
        help="Stop waiting after this long; nothing is cancelled and nothing is lost.",
    ),
]


@contextmanager
def opened_manager(ctx: typer.Context) -> Iterator[JobManager]:
    """Open the store that the command line names, and stop its engine gracefully at the end."""
    from qiskit_job_manager.manager import JobManager

    warnings = shown_on_stderr(Words(), logging.WARNING)
    with warnings, JobManager(store=ctx.obj) as manager:
        yield manager


def command_for(ctx: typer.Context, *words: str) -> str:
    """Return a command for the user to copy, with the store if one was named."""
    store: str | None = ctx.obj
    # A URL may hold a password, which does not belong on a screen.
    named = ["--store", store] if store and "@" not in store else []
    return shlex.join(["qjm", *named, *words])


_AS_IT_STANDS = "\b"
"""At the head of a paragraph it keeps the lines from being filled."""


def epilog(*examples: str) -> str:
    """Return what stands below a command's options: how it is used."""
    heading = "Examples:" if len(examples) > 1 else "Example:"
    return "\n".join([_AS_IT_STANDS, heading, *(f"  {each}" for each in examples)])


def epilog_of_all(*examples: str) -> str:
    """Return what stands below the list of commands: how they are used, and how they end."""
    return f"{epilog(*examples)}\n\n{exit_codes.EXPLAINED}"
