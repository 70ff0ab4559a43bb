"""From paths, folders and patterns to files, and from files to the names of their circuits."""

from __future__ import annotations

import glob
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import CircuitFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SUFFIXES = (".qasm", ".qasm2", ".qasm3", ".qpy")


@dataclass(frozen=True, slots=True)
class CircuitFile:
    """A file with circuits.

    Attributes:
        path: Where it is, in the user's words.
        inner: Its path below the folder that the user named; its name if that was the file itself.
    """

    path: Path
    inner: Path


def find_circuit_files(paths: Sequence[str]) -> list[CircuitFile]:
    """Return the circuit files that the paths name, each once.

    Args:
        paths: Files (with any suffix), folders (searched with all below them for the suffixes in
            `SUFFIXES`, in the order of their paths) and patterns that a shell left alone.

    Raises:
        CircuitFileError: A path names nothing, or a folder without circuits; names the path.
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
        raise CircuitFileError(f"{folder}: has no circuit files ({', '.join(SUFFIXES)}) in it.")
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
    """Return a name for each file: its stem, with as much of its path as tells it from the others.

    In the folder that the user named, ``ghz.qasm`` is ``ghz``. With ``deep/ghz.qasm`` beside it
    they are ``ghz`` and ``deep/ghz``; with ``ghz.qpy`` they keep their suffixes. Files of different
    folders that the user named are told apart by these folders' names.
    """
    labels = [""] * len(files)
    same_stem: dict[str, list[int]] = defaultdict(list)
    for position, file in enumerate(files):
        same_stem[file.path.stem].append(position)
    for positions in same_stem.values():
        told_apart = _tell_apart([files[position] for position in positions])
        for position, label in zip(positions, told_apart, strict=True):
            labels[position] = _as_text(label)
    return labels


def _tell_apart(files: Sequence[CircuitFile]) -> list[str]:
    if len(files) == 1:
        return [files[0].path.stem]
    choices = _ways_to_name(files)
    return next(labels for labels in choices if len(set(labels)) == len(labels))


def _ways_to_name(files: Sequence[CircuitFile]) -> Iterator[list[str]]:
    yield [file.inner.with_suffix("").as_posix() for file in files]
    yield [file.inner.as_posix() for file in files]
    paths = [Path(os.path.abspath(file.path)) for file in files]  # noqa: PTH100  resolve() follows links
    for depth in range(2, max(len(path.parts) for path in paths)):
        yield ["/".join(path.with_suffix("").parts[-depth:]) for path in paths]
    yield [path.as_posix() for path in paths]


def _as_text(label: str) -> str:
    # A file's name may hold bytes that are no text; a circuit's name may not.
    return label.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
