"""Arguments, options and help texts that several commands share, and the manager they open."""

from __future__ import annotations

import logging
import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager.cli import exit_codes
from qiskit_job_manager.cli.completion import complete_job_set
from qiskit_job_manager.cli.engine_log import PlainFormatter, log_to_stderr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.manager import JobManager


def job_set_argument(help_text: str, **more: Any) -> Any:
    """Return an argument that names job sets, with completion by the shell."""
    return typer.Argument(metavar="SET", help=help_text, autocompletion=complete_job_set, **more)


JobSetArgument = Annotated[
    str, job_set_argument("Id of a job set, the unique start of an id, or a name.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        metavar="SECONDS",
        help="Stop waiting after this time; nothing is cancelled and nothing is lost.",
    ),
]


@contextmanager
def opened_manager(ctx: typer.Context) -> Iterator[JobManager]:
    """Open the store that the command line names; close it and its engine at the end."""
    from qiskit_job_manager.manager import JobManager

    warnings = log_to_stderr(PlainFormatter(), logging.WARNING)
    with warnings, JobManager(store=ctx.obj) as manager:
        yield manager


def command_for(ctx: typer.Context, *words: str) -> str:
    """Return a command that the user can copy, with the store if the user named one."""
    store: str | None = ctx.obj
    # A URL may contain a password, which must not be shown.
    named = ["--store", store] if store and "@" not in store else []
    return shlex.join(["qjm", *named, *words])


_KEEP_LINE_BREAKS = "\b"
"""Click does not fill a paragraph that begins with this."""


def epilog(*examples: str) -> str:
    """Return the examples that the help of a command ends with."""
    heading = "Examples:" if len(examples) > 1 else "Example:"
    return "\n".join([_KEEP_LINE_BREAKS, heading, *(f"  {each}" for each in examples)])


def epilog_of_all(*examples: str) -> str:
    """Return the examples and exit codes that the help of ``qjm`` ends with."""
    return f"{epilog(*examples)}\n\n{exit_codes.EXPLAINED}"
