"""Turns errors into messages and exit codes, for all commands."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import typer

from qiskit_job_manager.cli.lazy_commands import LazyGroup
from qiskit_job_manager.cli.output import escape_lines, say
from qiskit_job_manager.errors import JobManagerError

if TYPE_CHECKING:
    from collections.abc import Iterator


ALL_DONE = 0
ERROR = 1
SOME_WITHOUT_RESULT = 3
TIMED_OUT = 4
NEEDS_USER = 5
INTERRUPTED = 130
OUTPUT_CLOSED = 141

MEANINGS = {
    ALL_DONE: "all done",
    ERROR: "an error; standard error says which",
    2: "wrong usage",
    SOME_WITHOUT_RESULT: "it ended, but some experiments failed, were cancelled or were lost, or "
    "some of those that you named have no result yet",
    TIMED_OUT: "the time is over; nothing is lost",
    NEEDS_USER: "qjm doctor found something that needs you",
    INTERRUPTED: "interrupted; nothing is lost",
    OUTPUT_CLOSED: "the reader of the output closed it",
}

EXPLAINED = "Exit codes: " + ". ".join(f"{code} {text}" for code, text in MEANINGS.items()) + "."


class ErrorHandlingGroup(LazyGroup):
    """A group whose commands end with a message and an exit code, never with a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the user chose."""
        _escape_what_cannot_be_encoded()
        with _errors_as_exit_codes():
            value = super().invoke(ctx)
            # Flush here: an error at exit could not be reported any more.
            sys.stdout.flush()
            return value


def print_error(message: str) -> None:
    """Print an error message, escaped, to standard error."""
    say(f"Error: {escape_lines(message)}", err=True)


@contextmanager
def _errors_as_exit_codes() -> Iterator[None]:
    try:
        yield
    except JobManagerError as error:
        print_error(f"{error.message} [{error.anchor}]")
        raise typer.Exit(ERROR) from error
    except BrokenPipeError as error:
        _discard_output()
        raise typer.Exit(OUTPUT_CLOSED) from error
    except OSError as error:
        print_error(str(error))
        _discard_output()
        raise typer.Exit(ERROR) from error
    except KeyboardInterrupt as error:
        say("\nInterrupted.", err=True)
        raise typer.Exit(INTERRUPTED) from error


def _escape_what_cannot_be_encoded() -> None:
    # A terminal without UTF-8 shows \xe9 instead of a traceback.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    # Python flushes standard output once more at exit, and would print_error about the closed pipe.
    with suppress(io.UnsupportedOperation):  # in a test it is not a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
