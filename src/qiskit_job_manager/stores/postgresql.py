"""What is special about PostgreSQL: few connections, none of which waits for long.

Every wait has an end that comes before a lease runs out: to connect, for a lock, for a statement,
in a transaction that does nothing, and for a peer that is gone without a word. The client counts
the last one itself, because a proxy or a firewall may keep a dead connection open.
"""

from __future__ import annotations

import math
import os
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from qiskit_job_manager.errors import StoreBusyError, StoreError
from qiskit_job_manager.patience import Patience, patient, remaining_s
from qiskit_job_manager.stores.database import Database
from qiskit_job_manager.stores.identity import store_ids
from qiskit_job_manager.stores.leases import TimedLeases
from qiskit_job_manager.stores.sql_store import SqlStore
from qiskit_job_manager.stores.store_files import StoreFiles
from qiskit_job_manager.stores.versions import bring_up_to_date

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import Connection, Engine

_T = TypeVar("_T")

CONNECTIONS = 5
"""At most so many connections has a process to one URL, however many stores it opens."""

_OPEN_WITHIN_S = 5.0
"""A server that restarts is waited for; a wrong host or port is to be reported soon."""

_STOOD_STILL_S = 12.0
"""After so long an attempt to open a store is made again; a server that is away takes less."""

_SILENCE_S = 15.0
"""Seconds without a byte from the server after which a connection is given up.

Shorter than a lease: a driver must be back before the others take it for dead.
"""

_LEAST_SILENCE_S = 2.0
"""As above, where the caller has no patience."""

_MIGRATION_S = 3600.0

_WAIT_FOR_CONNECTION_S = 10.0

# The client: seconds, and for `tcp_user_timeout` milliseconds. A URL may set others.
_OF_CLIENT = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
# The server: by these it ends the transactions of a client that vanished, and frees its locks.
_OF_SERVER = {
    "lock_timeout": "10s",
    "statement_timeout": "25s",
    "idle_in_transaction_session_timeout": "15s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15s",
}

_MIGRATING = 0x514A4D31
"""Number of the lock that the process that migrates holds; the letters QJM1."""

_NO_DRIVER = "A store in PostgreSQL needs its driver: pip install 'qiskit-job-manager[postgres]'."


def open_server(url: str) -> SqlStore:
    """Open the store in the database that a URL names, which must exist."""
    engine = _engines.take(url)
    where = engine.url.set(query={}).render_as_string(hide_password=True)
    database = Database(engine, where, dispose=lambda: _engines.give_back(url))
    try:
        files = _opened(database, url)
    except BaseException:
        database.close()
        raise
    return SqlStore(database, TimedLeases(database), files)


def _opened(database: Database, url: str) -> StoreFiles:
    """Make or migrate the tables, and return what belongs to the store.

    If this process stands still in the middle, the server ends its transaction. It begins again.
    """
    while True:
        begun_s = time.monotonic()
        try:
            with patient(_OPEN_WITHIN_S):
                return _opened_patiently(database, url)
        except StoreBusyError:
            if time.monotonic() - begun_s < _STOOD_STILL_S:
                raise


def _opened_patiently(database: Database, url: str) -> StoreFiles:
    """Try again while a connection breaks in the middle and the caller has patience."""
    patience = Patience()
    while True:
        try:
            bring_up_to_date(database, first=_wait_for_others)
            return StoreFiles(url, store_ids(database))
        except StoreBusyError:
            if not patience.pause():
                raise


class _Engines:
    """The engines of this process, one for each URL, shared by the stores that are open."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._open: dict[tuple[int, str], tuple[Engine, int]] = {}

    def take(self, url: str) -> Engine:
        """Return the engine for a URL, made if there is none."""
        key = (os.getpid(), url)  # the connections of a forked process are the parent's
        with self._mutex:
            engine, users = self._open.get(key) or (_engine(url), 0)
            self._open[key] = (engine, users + 1)
            return engine

    def give_back(self, url: str) -> None:
        """Close the connections if no store needs them any more."""
        key = (os.getpid(), url)
        with self._mutex:
            engine, users = self._open.pop(key)
            if users > 1:
                self._open[key] = (engine, users - 1)
                return
        engine.dispose()


_engines = _Engines()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            "The store's URL cannot be read: write postgresql://user@host:port/database."
        ) from error
    chosen = {name: value for name, value in _OF_CLIENT.items() if name not in parsed.query}
    try:
        connection_class = _bounded_connection()
        engine = create_engine(
            parsed.update_query_dict(chosen),
            pool_pre_ping=True,  # the server may have been restarted since the last use
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=_WAIT_FOR_CONNECTION_S,
            pool_use_lifo=True,
        )
    except ModuleNotFoundError as error:
        raise StoreError(_NO_DRIVER) from error

    def connect(_dialect: Any, _record: Any, args: Any, parameters: Any) -> Any:
        most_s = math.ceil(min(float(parameters["connect_timeout"]), max(2.0, remaining_s())))
        return connection_class.connect(*args, **parameters | {"connect_timeout": most_s})

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "checkin", _bound_again)
    return engine


def _bounded_connection() -> Any:
    """Return the driver's class of connections, with an end to each wait for the server."""
    from psycopg import Connection as PsycopgConnection
    from psycopg import OperationalError

    class BoundedConnection(PsycopgConnection[Any]):
        migrates = False

        def wait(self, gen: Generator[Any, Any, _T], *args: Any, **kwargs: Any) -> _T:
            return super().wait(self._bounded(gen), *args, **kwargs)

        def _bounded(self, gen: Generator[Any, Any, _T]) -> Generator[Any, Any, _T]:
            heard_s = time.monotonic()
            most_s = min(_SILENCE_S, max(_LEAST_SILENCE_S, remaining_s()))
            most_s = _MIGRATION_S if self.migrates else most_s
            try:
                wanted = next(gen)
                while True:
                    ready = yield wanted
                    if ready:
                        heard_s = time.monotonic()
                    elif time.monotonic() - heard_s > most_s:
                        self.pgconn.finish()
                        raise OperationalError(f"no answer for {most_s:.3g} seconds")
                    wanted = gen.send(ready)
            except StopIteration as end:
                result: _T = end.value
                return result

    return BoundedConnection


def _configure(connection: Any, _record: Any) -> None:
    names = ", ".join(f"set_config('{name}', %s, false)" for name in _OF_SERVER)
    connection.execute(f"SELECT {names}", list(_OF_SERVER.values()))
    connection.commit()


def _bound_again(connection: Any, _record: Any) -> None:
    if connection is not None:
        connection.migrates = False


def _wait_for_others(connection: Connection) -> None:
    # A migration of a large store takes its time, and so do those that wait for it.
    connection.connection.driver_connection.migrates = True  # type: ignore[union-attr]
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
