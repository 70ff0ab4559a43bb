"""What databases say, in our own words."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from qiskit_job_manager.errors import (
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreGoneError,
    StoreNotWritableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class ConstraintError(StoreError):
    """A rule of the schema was broken; the caller knows which one."""


_CORRUPT = (
    StoreCorruptError,
    "is not a store of this program, or is damaged: name another file, or restore it from a backup",
)
_READ_ONLY = (
    StoreNotWritableError,
    "cannot be written: check the rights on the file and on its folder, or name another place",
)
_FULL = (
    StoreFullError,
    "has no space left on its disk: free some and try again; nothing was half written",
)
_BUSY = (
    StoreBusyError,
    "cannot be reached now, or another process holds it: trying again is safe",
)
_CONSTRAINT = (ConstraintError, "refused a row that breaks a rule of its schema")

_SQLITE = {
    sqlite3.SQLITE_NOTADB: _CORRUPT,
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_PROTOCOL: _BUSY,
    sqlite3.SQLITE_CONSTRAINT: _CONSTRAINT,
}
_WITHOUT_FILE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR)
_SQLSTATES = {
    "23": _CONSTRAINT,
    "25006": _READ_ONLY,
    "42501": _READ_ONLY,
    "53100": _FULL,
    "08": _BUSY,  # connection failures
    "25P03": _BUSY,  # a transaction did nothing for too long
    "40": _BUSY,  # deadlocks
    "53300": _BUSY,  # too many connections
    "55P03": _BUSY,  # a lock was waited for too long
    "57": _BUSY,  # the server shuts down or starts up, or a statement took too long
}


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn what SQLAlchemy and the drivers raise into `StoreError` and its kinds.

    Args:
        where: Path or URL of the store, for the message.
    """
    try:
        yield
    except StoreError:
        raise
    except (SQLAlchemyError, sqlite3.Error, UnicodeDecodeError) as error:
        raise store_error(error, where) from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise StoreError(f"The store {where} cannot keep such a value: {error}.") from error


def gone(where: str) -> str:
    """Return the message of `StoreGoneError` for a store's path."""
    return (
        f"The store {where} was moved, removed or replaced while it was in use. Nothing more can "
        "be stored there: put the file back and open the store again."
    )


def _is_gone(code: int, text: str, where: str) -> bool:
    # The tables were there when the store was opened: another file has taken its place.
    if code == sqlite3.SQLITE_READONLY_DBMOVED or text.startswith("no such table"):
        return True
    return code & 0xFF in _WITHOUT_FILE and not Path(where).exists()


def _by_sqlstate(cause: BaseException) -> tuple[type[StoreError], str] | None:
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return _SQLSTATES.get(state) or _SQLSTATES.get(state[:2])
    # The driver says this where there was no answer of a server: it is away, or its network.
    is_away = isinstance(cause, PoolTimeoutError) or any(
        each.__name__ == "OperationalError" for each in type(cause).__mro__
    )
    return _BUSY if is_away else None


def store_error(error: Exception, where: str) -> StoreError:
    """Return the kind of `StoreError` for what a driver raised."""
    if isinstance(error, UnicodeDecodeError):  # SQLite quotes damaged bytes in its own message
        return _CORRUPT[0](f"The store {where} {_CORRUPT[1]}.")
    # SQLAlchemy's own text holds the statement and its values, which are the user's data.
    cause = (error.orig if isinstance(error, DBAPIError) else None) or error
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None and _is_gone(code, str(cause), where):
        return StoreGoneError(gone(where))
    known = _SQLITE.get(code & 0xFF) if code is not None else _by_sqlstate(cause)
    kind, words = known or (StoreError, "cannot do what was asked")
    return kind(f"The store {where} {words} ({type(cause).__name__}: {cause}).")
