"""From paths, folders and patterns to files, and from files to the names of their circuits."""

from __future__ import annotations

import glob
import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import CircuitFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SUFFIXES = (".qasm", ".qasm2", ".qasm3", ".qpy")


def find_circuit_files(paths: Sequence[str]) -> list[Path]:
    """Return the circuit files that the paths name, each once.

    Args:
        paths: Files (with any suffix), folders (searched with all below them for the suffixes in
            `SUFFIXES`, in the order of their paths) and patterns that a shell left alone.

    Raises:
        CircuitFileError: A path names nothing, or a folder without circuits; names the path.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        for file in _named_by(path):
            found.setdefault(Path(os.path.realpath(file)), file)
    return list(found.values())


def _named_by(path: str) -> Iterable[Path]:
    if os.path.lexists(path):
        return _at(Path(path))
    if glob.has_magic(path):
        return _matching(path)
    raise CircuitFileError(
        f"{path}: no such file or folder; give OpenQASM or QPY files, folders of them, or patterns."
    )


def _at(path: Path) -> list[Path]:
    if path.is_dir():
        return _inside(path)
    if path.is_file():
        return [path]
    # Reading a pipe or a device might never end.
    raise CircuitFileError(f"{path}: is neither a file nor a folder.")


def _matching(pattern: str) -> list[Path]:
    matches = sorted(Path(match) for match in glob.glob(pattern, recursive=True))  # noqa: PTH207  a pattern may be absolute
    if not matches:
        raise CircuitFileError(f"{pattern}: no file or folder matches this pattern.")
    return [file for match in matches for file in _at(match)]


def _inside(folder: Path) -> list[Path]:
    files = sorted(_walk(folder))
    if not files:
        raise CircuitFileError(f"{folder}: has no circuit files ({', '.join(SUFFIXES)}) in it.")
    return files


def _walk(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder, onerror=_refuse_folder):
        # Notebooks and editors keep old copies in hidden folders.
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(here, name)


def _refuse_folder(error: OSError) -> None:
    raise CircuitFileError(f"{error.filename}: cannot be searched: {error.strerror}.") from error


def label_files(files: Sequence[Path]) -> list[str]:
    """Return a name for each file: its stem, with as much of its path as tells it from the others.

    ``a/ghz.qasm`` alone is ``ghz``; beside ``b/ghz.qasm`` they are ``a/ghz`` and ``b/ghz``; beside
    ``a/ghz.qpy`` they keep their suffixes.
    """
    labels = [""] * len(files)
    same_stem: dict[str, list[int]] = defaultdict(list)
    for position, file in enumerate(files):
        same_stem[file.stem].append(position)
    for positions in same_stem.values():
        told_apart = _tell_apart([files[position] for position in positions])
        for position, label in zip(positions, told_apart, strict=True):
            labels[position] = _printable(label)
    return labels


def _tell_apart(files: Sequence[Path]) -> list[str]:
    paths = [Path(os.path.abspath(file)) for file in files]  # noqa: PTH100  resolve() follows links
    stems = [path.with_suffix("") for path in paths]
    whole = stems if len(set(stems)) == len(stems) else paths
    for depth in range(1, max(len(path.parts) for path in whole) + 1):
        tails = ["/".join(path.parts[-depth:]) for path in whole]
        if len(set(tails)) == len(tails):
            return tails
    return [str(path) for path in whole]


def _printable(label: str) -> str:
    # A file's name may hold bytes that are no text; a circuit's name may not.
    return label.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
