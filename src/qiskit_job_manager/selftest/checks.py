"""What was tried, what came of it, and the order in which all is tried."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from qiskit_job_manager import stores
from qiskit_job_manager.errors import JobManagerError, StoreNotWritableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SCRATCH = ".qjm-selftest-"


class Verdict(StrEnum):
    """What came of a trial."""

    HOLDS = "holds"
    LIMITED = "limited"
    NOT_TRIED = "not tried"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried.

    Attributes:
        what: The thing.
        verdict: What came of it.
        words: What was seen.
        limit: What stays so in any case, or ``None``.
    """

    what: str
    verdict: Verdict
    words: str
    limit: str | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """Where all is tried.

    Attributes:
        folder: A folder of its own, on the file system of the store.
        store: The place of a store of its own.
        is_server: Whether that is a server.
    """

    folder: Path
    store: str
    is_server: bool


def checks(
    location: str | None = None, *, backend: str | None = None, executor: str | None = None
) -> Iterator[Check]:
    """Try all, and yield each check when it is over.

    Args:
        location: The user's store; ``None``: the default one.
        backend: Name of a backend about which to find out what costs nothing, or ``None``.
        executor: What computes local simulations, as ``--executor`` names it, or ``None``.
    """
    from qiskit_job_manager.selftest import backends, drivers, machine

    with _scratch(location) as (ground, trouble):
        if ground is None:
            yield Check("place", Verdict.BROKEN, trouble)
            return
        trials: list[Callable[[], Iterator[Check]]] = [
            lambda: machine.file_system(ground),
            lambda: machine.locks(ground),
            lambda: machine.clocks(ground, location),
            lambda: drivers.driven(ground),
            lambda: backends.simulations(ground, executor),
        ]
        if backend is not None:
            trials.append(lambda: backends.known_of(backend))
        for trial in trials:
            yield from _checked(trial)


def _checked(trial: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from trial()
    except JobManagerError as error:
        yield Check("trial", Verdict.BROKEN, error.message)
    except OSError as error:
        yield Check("trial", Verdict.BROKEN, f"{type(error).__name__}: {error}")


@contextmanager
def _scratch(location: str | None) -> Iterator[tuple[Ground | None, str]]:
    """Give a folder beside the store, and on a server a schema, while the block lasts."""
    named = stores.default_location() if location is None else location
    try:
        path = stores.sqlite_path(named)
        parent = Path(tempfile.gettempdir()) if path is None else _made(path.parent)
        folder = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=parent))
    except (OSError, StoreNotWritableError) as error:
        yield None, f"no folder can be made where the store is: {error}"
        return
    try:
        if path is not None:
            yield Ground(folder, str(folder / "store.db"), is_server=False), ""
            return
        from qiskit_job_manager.selftest.server import own_schema

        with own_schema(named) as (url, trouble):
            yield (Ground(folder, url, is_server=True) if url else None), trouble
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
