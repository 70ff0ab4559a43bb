"""Finds circuit files, has them read, and names the circuits."""

from __future__ import annotations

import glob
import os
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import CircuitFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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


_QPY_MAGIC = b"QISKIT"


@contextmanager
def reading_circuits(paths: Sequence[str]) -> Iterator[Callable[[], list[QuantumCircuit]]]:
    """Begin to read all circuits that the paths name; what is yielded returns them, in order.

    A circuit from OpenQASM is named after its file. A circuit from QPY keeps its name if no other
    circuit has it. Otherwise it is named after file and position, such as ``sweep_3``.

    Raises:
        CircuitFileError: A file cannot be found or read; the message has the path of each such
            file and, for a syntax error, line and column.
    """
    from qiskit_job_manager.codec.openqasm_sandbox import reading_openqasm

    files = find_circuit_files(paths)
    texts = [file.path for file in files if not _looks_like_qpy(file.path)]
    with reading_openqasm(texts) as circuits:
        yield lambda: _named(files, dict(zip(texts, circuits, strict=True)))


def _named(
    files: Sequence[CircuitFile], from_texts: Mapping[Path, QuantumCircuit | CircuitFileError]
) -> list[QuantumCircuit]:
    named = [
        (label, own_name, circuit)
        for stem, circuits in zip(label_files(files), _all_read(files, from_texts), strict=True)
        for label, own_name, circuit in _with_names(stem, circuits)
    ]
    wanted = Counter(own_name or label for label, own_name, _ in named)
    for label, own_name, circuit in named:
        circuit.name = own_name if own_name and wanted[own_name] == 1 else label
    return [circuit for _, _, circuit in named]


def _all_read(
    files: Sequence[CircuitFile], from_texts: Mapping[Path, QuantumCircuit | CircuitFileError]
) -> list[QuantumCircuit | list[QuantumCircuit]]:
    """Return the circuit of each OpenQASM file and the circuits of each QPY file."""
    read = [
        from_texts[file.path] if file.path in from_texts else _read_qpy(file.path) for file in files
    ]
    refused = [each for each in read if isinstance(each, CircuitFileError)]
    # One list of all that is wrong, as a folder may have many such files.
    if len(refused) > 1:
        told = "\n".join(f"  {each.message}" for each in refused)
        raise CircuitFileError(f"{len(refused)} of {len(files)} files cannot be read:\n{told}")
    if refused:
        raise refused[0]
    return [each for each in read if not isinstance(each, CircuitFileError)]


def _with_names(
    label: str, read: QuantumCircuit | list[QuantumCircuit]
) -> list[tuple[str, str | None, QuantumCircuit]]:
    """Return each circuit with the name from its file, and its own name if it has one."""
    if isinstance(read, list):
        return [(f"{label}_{i}", circuit.name, circuit) for i, circuit in enumerate(read)]
    return [(label, None, read)]


def _read_qpy(file: Path) -> list[QuantumCircuit] | CircuitFileError:
    from qiskit_job_manager.codec.sandbox import load_untrusted_qpy

    try:
        return load_untrusted_qpy(file)
    except CircuitFileError as error:
        return error


def _looks_like_qpy(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            start = stream.read(len(_QPY_MAGIC))
    except OSError as error:
        raise CircuitFileError(f"{file}: cannot be read: {error.strerror}.") from error
    return start == _QPY_MAGIC or file.suffix.lower() == ".qpy"
