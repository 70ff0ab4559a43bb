"""Finds circuit files, reads OpenQASM 2, OpenQASM 3 and QPY, and names the circuits."""

from __future__ import annotations

import glob
import io
import os
import re
from collections import Counter, defaultdict
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import CircuitFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from qiskit import QuantumCircuit


SUFFIXES = (".qasm", ".qasm2", ".qasm3", ".qpy")


@dataclass(frozen=True, slots=True)
class CircuitFile:
    """A file with circuits.

    Attributes:
        path: Its path as the user gave it.
        inner: Its path below the folder that the user gave; its name if the user gave the file.
    """

    path: Path
    inner: Path


def find_circuit_files(paths: Sequence[str]) -> list[CircuitFile]:
    """Return the circuit files that the paths name, each once.

    Args:
        paths: Files with any suffix; folders, searched with their subfolders for the suffixes in
            `SUFFIXES`, in the order of the paths; and patterns that the shell did not expand.

    Raises:
        CircuitFileError: A path names nothing, or a folder without circuits; the message has it.
    """
    found: dict[Path, CircuitFile] = {}
    for path in paths:
        for file in _named_by(path):
            found.setdefault(file.path.resolve(), file)
    return list(found.values())


def _named_by(path: str) -> Iterable[CircuitFile]:
    if os.path.lexists(path):
        return _at(Path(path))
    if glob.has_magic(path):
        return _matching(path)
    raise CircuitFileError(
        f"{path}: no such file or folder; give OpenQASM or QPY files, folders of them, or patterns."
    )


def _at(path: Path) -> list[CircuitFile]:
    if path.is_dir():
        return _inside(path)
    if path.is_file():
        return [CircuitFile(path, Path(path.name))]
    # Reading a pipe or a device might never end.
    raise CircuitFileError(f"{path}: is neither a file nor a folder.")


def _matching(pattern: str) -> list[CircuitFile]:
    matches = sorted(Path(match) for match in glob.glob(pattern, recursive=True))  # noqa: PTH207  a pattern may be absolute
    if not matches:
        raise CircuitFileError(f"{pattern}: no file or folder matches this pattern.")
    return [file for match in matches for file in _at(match)]


def _inside(folder: Path) -> list[CircuitFile]:
    files = sorted(_walk(folder))
    if not files:
        raise CircuitFileError(f"{folder}: contains no circuit files ({', '.join(SUFFIXES)}).")
    return [CircuitFile(file, file.relative_to(folder)) for file in files]


def _walk(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder, onerror=_refuse_folder):
        # Notebooks and editors keep old copies in hidden folders.
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(here, name)


def _refuse_folder(error: OSError) -> None:
    raise CircuitFileError(f"{error.filename}: cannot be searched: {error.strerror}.") from error


def label_files(files: Sequence[CircuitFile]) -> list[str]:
    """Return a unique name for each file: its stem, and as much of its path as is needed.

    ``ghz.qasm`` gets the name ``ghz``. Together with ``deep/ghz.qasm`` the names are ``ghz`` and
    ``deep/ghz``; together with ``ghz.qpy`` both keep their suffixes. Files of different folders get
    the names of these folders as well.
    """
    labels = [""] * len(files)
    same_stem: dict[str, list[int]] = defaultdict(list)
    for position, file in enumerate(files):
        same_stem[file.path.stem].append(position)
    for positions in same_stem.values():
        names = _distinct_names([files[position] for position in positions])
        for position, label in zip(positions, names, strict=True):
            labels[position] = _as_text(label)
    return labels


def _distinct_names(files: Sequence[CircuitFile]) -> list[str]:
    if len(files) == 1:
        return [files[0].path.stem]
    choices = _possible_names(files)
    return next(labels for labels in choices if len(set(labels)) == len(labels))


def _possible_names(files: Sequence[CircuitFile]) -> Iterator[list[str]]:
    yield [file.inner.with_suffix("").as_posix() for file in files]
    yield [file.inner.as_posix() for file in files]
    paths = [Path(os.path.abspath(file.path)) for file in files]  # noqa: PTH100  resolve() follows links
    for depth in range(2, max(len(path.parts) for path in paths)):
        yield ["/".join(path.with_suffix("").parts[-depth:]) for path in paths]
    yield [path.as_posix() for path in paths]


def _as_text(label: str) -> str:
    # The name of a file may contain bytes that are not text; the name of a circuit may not.
    return label.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


LARGEST_TEXT_BYTES = 64 * 2**20
"""Larger OpenQASM files are refused: their circuits would take some 100 times the memory."""

_QPY_MAGIC = b"QISKIT"
_BLANKS_AND_COMMENTS = r"(?:\s|//[^\n]*\n|/\*.*?\*/)*"
_VERSION = re.compile(_BLANKS_AND_COMMENTS + r"OPENQASM\s+(\d+)(?:\.\d+)?\s*;", re.DOTALL)
_POSITION = re.compile(r"(?:(.*?):)?(?:L(\d+):C(\d+)|(\d+),(\d+)): (.*)", re.DOTALL)


def read_circuits(paths: Sequence[str]) -> list[QuantumCircuit]:
    """Read all circuits that the paths name, in order, and name them.

    A circuit from OpenQASM is named after its file. A circuit from QPY keeps its name if no other
    circuit has it. Otherwise it is named after file and position, such as ``sweep_3``.

    Raises:
        CircuitFileError: A file cannot be found or read; the message has its path and, for a
            syntax error, line and column.
    """
    files = find_circuit_files(paths)
    named = [
        (label, own_name, circuit)
        for file, stem in zip(files, label_files(files), strict=True)
        for label, own_name, circuit in _read_file(file.path, stem)
    ]
    wanted = Counter(own_name or label for label, own_name, _ in named)
    for label, own_name, circuit in named:
        circuit.name = own_name if own_name and wanted[own_name] == 1 else label
    return [circuit for _, _, circuit in named]


def _read_file(file: Path, label: str) -> list[tuple[str, str | None, QuantumCircuit]]:
    """Return each circuit with the name from its file, and its own name if it has one."""
    if _looks_like_qpy(file):
        from qiskit_job_manager.codec.sandbox import load_untrusted_qpy

        circuits = load_untrusted_qpy(file)
        return [(f"{label}_{i}", circuit.name, circuit) for i, circuit in enumerate(circuits)]
    return [(label, None, _read_openqasm(file))]


def _looks_like_qpy(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            start = stream.read(len(_QPY_MAGIC))
    except OSError as error:
        raise _unreadable(file, error) from error
    return start == _QPY_MAGIC or file.suffix.lower() == ".qpy"


def _read_openqasm(file: Path) -> QuantumCircuit:
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
        raise _unreadable(file, error) from error
    except UnicodeDecodeError as error:
        raise CircuitFileError(
            f"{file}: is not an OpenQASM file: byte {error.start} is not UTF-8 text."
        ) from error


def _unreadable(file: Path, error: OSError) -> CircuitFileError:
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
