"""The one place where errors become messages and exit codes."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from qiskit_job_manager.cli import exit_codes
from qiskit_job_manager.cli.output import escape_lines
from qiskit_job_manager.errors import JobManagerError

if TYPE_CHECKING:
    from collections.abc import Iterator


class GuardedGroup(TyperGroup):
    """A group whose commands end in a message and an exit code, and never in a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was chosen."""
        _never_fail_to_encode()
        with _guarded():
            outcome = super().invoke(ctx)
            # What is still buffered would otherwise fail after the last chance to say why.
            sys.stdout.flush()
            return outcome


def complain(message: str) -> None:
    """Print an error, escaped, to standard error."""
    typer.echo(f"Error: {escape_lines(message)}", err=True)


@contextmanager
def _guarded() -> Iterator[None]:
    try:
        yield
    except JobManagerError as error:
        complain(error.message)
        raise typer.Exit(exit_codes.ERROR) from error
    except BrokenPipeError as error:
        _discard_output()
        raise typer.Exit(exit_codes.OUTPUT_CLOSED) from error
    except OSError as error:
        complain(str(error))
        _discard_output()
        raise typer.Exit(exit_codes.ERROR) from error
    except KeyboardInterrupt as error:
        typer.echo("\nInterrupted.", err=True)
        raise typer.Exit(exit_codes.INTERRUPTED) from error


def _never_fail_to_encode() -> None:
    # A terminal without UTF-8 shows \xe9 instead of a traceback.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    # Python flushes standard output once more at exit, and would complain about the closed pipe.
    with suppress(io.UnsupportedOperation):  # it is no file where a test captures it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
