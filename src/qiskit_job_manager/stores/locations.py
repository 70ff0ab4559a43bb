"""Where a store is: a file's path or a database's URL."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

from qiskit_job_manager.errors import StoreError

_SQLITE = frozenset({"sqlite", "sqlite+pysqlite"})


def default_location() -> str:
    """Return ``QISKIT_JOB_MANAGER_STORE`` if set, else a file in the user's data folder."""
    named = os.environ.get("QISKIT_JOB_MANAGER_STORE")
    if named:
        return named
    from platformdirs import user_data_path

    return str(user_data_path("qiskit-job-manager") / "store.db")


def store_exists(location: str | Path | None = None) -> bool:
    """Return whether there is something to open, without making or opening anything.

    For a database server it returns ``True``: only opening it shows whether it is there. A file
    without a byte is one of which a process is about to make a store.
    """
    path = sqlite_path(default_location() if location is None else location)
    return path is None or (path.exists() and path.stat().st_size > 0)


def sqlite_path(location: str | Path) -> Path | None:
    """Return the SQLite file that a location names, or ``None`` for a server's URL.

    Links are followed: the file is the same by whatever name it is opened.

    Raises:
        StoreError: It is a URL of SQLite that names no file.
    """
    scheme, separator, rest = str(location).partition("://")
    if isinstance(location, Path) or not separator:
        return _usable(str(location), location)
    if scheme not in _SQLITE:
        return None
    if not rest.startswith("/") or "?" in rest:
        raise StoreError(
            f"The store {location!r} is no SQLite URL that can be used: write "
            "sqlite:///relative/path.db or sqlite:////absolute/path.db, without options."
        )
    return _usable(unquote(rest[1:]), location)


def _usable(path: str, location: str | Path) -> Path:
    if path in {"", ":memory:"} or "\0" in path:
        raise StoreError(
            f"The store {str(location)!r} names no file, and a store in memory would be lost with "
            "the process: give the path of a file."
        )
    try:
        return Path(path).expanduser().resolve()
    except (OSError, RuntimeError) as error:
        raise StoreError(f"The store {str(location)!r} cannot be found: {error}.") from error
