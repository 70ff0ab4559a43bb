"""Reads OpenQASM 2 and OpenQASM 3 files."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stderr
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import CircuitFileError

if TYPE_CHECKING:
    from pathlib import Path

    from qiskit import QuantumCircuit

LARGEST_TEXT_BYTES = 64 * 2**20
"""Larger OpenQASM files are refused: their circuits would take some 100 times the memory."""

# Possessive, as many comments before something else would be split in exponentially many ways.
_BLANKS_AND_COMMENTS = r"(?:\s|//[^\n]*\n|/\*.*?\*/)*+"
_VERSION = re.compile(_BLANKS_AND_COMMENTS + r"OPENQASM\s+(\d+)(?:\.\d+)?\s*;", re.DOTALL)
_POSITION = re.compile(r"(?:(.*?):)?(?:L(\d+):C(\d+)|(\d+),(\d+)): (.*)", re.DOTALL)


def read_openqasm(file: Path) -> QuantumCircuit:
    """Read an OpenQASM 2 or 3 file, in this process.

    A hostile file can take all memory or abort the process, so files of users are read by
    `openqasm_sandbox`.

    Raises:
        CircuitFileError: It cannot be read; the message has its path and, for a syntax error, line
            and column.
    """
    text = _read_text(file)
    version = _VERSION.match(text)
    match version and version.group(1):
        case "2":
            return _parse_openqasm2(file, text)
        case "3":
            return _parse_openqasm3(file, text)
        case None:
            raise CircuitFileError(
                f"{file}: is not an OpenQASM file: it does not begin with 'OPENQASM 2.0;' or "
                "'OPENQASM 3.0;'."
            )
        case other:
            raise CircuitFileError(f"{file}: OpenQASM {other} is not supported; 2 and 3 are.")


def _read_text(file: Path) -> str:
    try:
        size = file.stat().st_size
        if size > LARGEST_TEXT_BYTES:
            raise CircuitFileError(
                f"{file}: has {size / 2**20:.0f} MiB; OpenQASM is read up to "
                f"{LARGEST_TEXT_BYTES // 2**20} MiB. Split it, or store the circuits as QPY."
            )
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise unreadable(file, error) from error
    except UnicodeDecodeError as error:
        raise CircuitFileError(
            f"{file}: is not an OpenQASM file: byte {error.start} is not UTF-8 text."
        ) from error


def unreadable(file: Path, error: OSError) -> CircuitFileError:
    """Return the error for a file that the system does not let us read."""
    return CircuitFileError(f"{file}: cannot be read: {error.strerror}.")


def _parse_openqasm2(file: Path, text: str) -> QuantumCircuit:
    from qiskit import qasm2
    from qiskit.exceptions import QiskitError

    try:
        return qasm2.loads(
            text,
            include_path=(file.parent,),
            custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS,
        )
    except QiskitError as error:
        raise _syntax_error(file, error.message) from error


def _parse_openqasm3(file: Path, text: str) -> QuantumCircuit:
    from qiskit import qasm3
    from qiskit.exceptions import MissingOptionalLibraryError

    try:
        # The parser also prints the error that it raises.
        with redirect_stderr(io.StringIO()):
            return qasm3.loads(text)
    except MissingOptionalLibraryError as error:
        raise CircuitFileError(
            f"{file}: reading OpenQASM 3 needs the package qiskit-qasm3-import; "
            'install it with: pip install "qiskit-job-manager[qasm3]"'
        ) from error
    except Exception as error:  # the importer lets IndexError, RecursionError and others through
        raise _syntax_error(file, _message_of(error)) from error


def _message_of(error: Exception) -> str:
    """Return the message of an error, or the place where the parser stopped."""
    message = str(getattr(error, "message", error))
    if message:
        return message if _POSITION.fullmatch(message) else f"{message} ({type(error).__name__})"
    token = _offending_token(error)
    if token is None:
        return f"cannot be parsed ({type(error).__name__})"
    return f"{token.line},{token.column}: unexpected {token.text!r}"  # type: ignore[attr-defined]  # ANTLR has no types


def _offending_token(error: BaseException | None) -> object | None:
    # The parser raises with an empty message and keeps the place in the arguments of the cause.
    while error is not None:
        token = getattr(error, "offendingToken", None)
        if token is not None:
            return token  # type: ignore[no-any-return]  # ANTLR has no types
        inner = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        error = error.__cause__ or inner
    return None


def _syntax_error(file: Path, message: str) -> CircuitFileError:
    """Return an error in the form of compilers: ``file:line:column: message``, counted from 1."""
    found = _POSITION.fullmatch(message)
    if found is None:
        return CircuitFileError(f"{file}: {message}")
    place = f"{found[2] or found[4]}:{int(found[3] or found[5]) + 1}: {found[6]}"
    if found[1] in {None, "<input>"}:
        return CircuitFileError(f"{file}:{place}")
    return CircuitFileError(f"{file}: in the included {found[1]}:{place}")
