"""What belongs to a store and is not in its database: locks, spools, and how far it was driven.

A store is found by its identity, which is in its database, and not by the words that name it. So a
symbolic link, a moved file, or another spelling of a URL leads to the same files. They are in two
folders: beside the SQLite file, where other machines see them too, and in the user's data folder of
this machine, under the identity of the store.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_data_path

from qiskit_job_manager.errors import StoreGoneError, StoreNotWritableError
from qiskit_job_manager.private_files import open_private, private_folder
from qiskit_job_manager.stores.database_errors import gone
from qiskit_job_manager.stores.locations import sqlite_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LONGEST_LIST_BYTES = 1 << 20


class StoreFiles:
    """The files of one store on this machine. None is made before a job set is driven.

    Args:
        location: The path or URL by which the store was opened.
        store_ids: The identities of the store, the newest last; earlier ones are of stores that
            it was copied from.
    """

    def __init__(self, location: str | Path, store_ids: Sequence[str]) -> None:
        self.path = sqlite_path(location)
        self.store_ids = tuple(store_ids)
        self._location = location
        self._is_listed = False

    @property
    def locks_beside(self) -> Path | None:
        """The folder of locks beside the SQLite file, or ``None`` for a server."""
        return self.path and self.path.with_name(f"{self.path.name}.locks")

    def lock_files(self, job_set_id: str) -> list[Path]:
        """Return the lock files of a job set: first the one beside the store, then this machine's.

        A server has none beside it.
        """
        return [folder / f"{job_set_id}.lock" for folder in self._folders()]

    def generation_files(self) -> list[Path]:
        """Return the files that say how far the store was driven; some may not be there."""
        return [folder / f"{self.store_ids[-1]}.generation" for folder in self._folders()]

    def spool_folders(self) -> list[Path]:
        """Return the folder for results that are not stored yet, then others that may have some.

        The others are those of the store's former places and names on this machine.
        """
        others = {folder for folder in self._other_spools() if folder.is_dir()}
        first = self._first_spool()
        return [*first, *sorted(others.difference(first))]

    def ready(self) -> None:
        """Get ready to drive: check the spool, and record on this machine where the file is.

        By that record the spool is found after the file was moved, or by another name.

        Raises:
            StoreGoneError: The file was moved or removed.
            StoreNotWritableError: The spool belongs to another user.
        """
        if self.path is not None and not self.path.exists():
            raise StoreGoneError(gone(str(self.path)))
        if self.path is None or self._is_listed:
            return
        if (spool := _spool_beside(self.path)).exists():
            private_folder(spool)
        self._is_listed = True
        with suppress(StoreNotWritableError):
            folder = private_folder(self._on_this_machine(self.store_ids[-1]))
            if self.path not in _places(folder):
                line = json.dumps(str(self.path)) + "\n"
                file = open_private(folder / "places", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
                with os.fdopen(file, "wb") as places:
                    places.write(line.encode())

    def _folders(self) -> list[Path]:
        beside = [] if self.locks_beside is None else [self.locks_beside]
        return [*beside, self._on_this_machine(self.store_ids[-1])]

    def _first_spool(self) -> list[Path]:
        if self.path is not None:
            return [_spool_beside(self.path)]
        return [self._on_this_machine(each) / "spool" for each in self.store_ids[-1:]]

    def _other_spools(self) -> Iterator[Path]:
        if self.path is None:
            # Earlier releases named the spool of a server after the spelling of its URL.
            yield from user_data_path("qiskit-job-manager").glob("*.spool")
        else:
            yield _spool_beside(_as_named(self._location))
        for store_id in self.store_ids:
            folder = self._on_this_machine(store_id)
            yield folder / "spool"
            yield from map(_spool_beside, _places(folder))

    @staticmethod
    def _on_this_machine(store_id: str) -> Path:
        return user_data_path("qiskit-job-manager") / "stores" / store_id


def _spool_beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.spool")


def _as_named(location: str | Path) -> Path:
    text = str(location)
    named = text.partition("://")[2][1:] if "://" in text else text
    return Path(named).expanduser().absolute()


def _places(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError, StoreNotWritableError):
        with os.fdopen(open_private(folder / "places", os.O_RDONLY), "rb") as places:
            lines = places.read(_LONGEST_LIST_BYTES).splitlines()
        return [Path(place) for line in lines if isinstance(place := _parsed(line), str)]
    return []


def _parsed(line: bytes) -> object:
    with suppress(ValueError):  # a line that a crash cut off
        return json.loads(line)
    return None
