"""Transactions, and the connections that they run on.

Any thread may use a `Database`. A read is one statement or one transaction; a write takes SQLite's
write lock when it begins, so that it never finds out halfway that it may not go on. A transaction
that cannot begin, and one that fails before its commit, is tried again as long as the caller has
patience; see `patience`.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from qiskit_job_manager.errors import StoreBusyError, StoreError
from qiskit_job_manager.patience import Patience
from qiskit_job_manager.stores.database_errors import store_error, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import (
        Connection,
        Engine,
        PoolProxiedConnection,
        Select,
        UpdateBase,
    )

    Statement = Select[Any] | UpdateBase

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_VALUES = " VALUES "
_MOST_VALUES = 900  # in one statement; SQLite before 3.32 takes 999
CLOSE_WITHIN_S = 5.0
_LOG_AFTER_S = 5.0
WRITES = "qjm_writes"
"""Execution option of connections that will write."""


@dataclass(frozen=True, slots=True)
class _Query:
    """A statement in the words of the driver.

    Attributes:
        sql: Its text.
        fixed: Values that are part of the statement; ``None`` where one must be given.
        order: Names of its parameters by position, or ``None`` where the driver goes by name.
    """

    sql: str
    fixed: dict[str, Any]
    order: Sequence[str] | None

    @property
    def only_inserts(self) -> bool:
        """Whether it inserts the values that it is given, and does no more."""
        _, _, row = self.sql.partition(_VALUES)
        return row.startswith("(?") and row.endswith("?)")

    def for_rows(self, count: int) -> str:
        """Return the text that inserts so many rows, where it only inserts."""
        head, _, row = self.sql.partition(_VALUES)
        return head + _VALUES + ", ".join([row] * count)

    def arranged(self, values: dict[str, Any]) -> dict[str, Any] | list[Any]:
        """Return all values, the way the driver wants them."""
        whole = {**self.fixed, **values}
        return whole if self.order is None else [whole[name] for name in self.order]


class _Trouble:
    """A database that is away: logged once when this lasts."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._is_logged = False

    def met(self, error: StoreBusyError) -> None:
        """Take note that the database is away; log it after some seconds."""
        now_s = time.monotonic()
        self._since_s = self._since_s or now_s
        if now_s - self._since_s > _LOG_AFTER_S and not self._is_logged:
            self._is_logged = True
            logger.warning("waiting for the store: %s", error, extra={"event": "store trouble"})

    def end(self) -> None:
        """Take note that the database answers."""
        if self._since_s is not None:
            self._since_s, self._is_logged = None, False


class _Held(threading.local):
    """The connection that a thread keeps for its quick reads.

    Attributes:
        connection: The connection.
        together: Whether these reads are one transaction now.
        begun: Whether that has begun.
    """

    connection: PoolProxiedConnection | None = None
    together: bool = False
    begun: bool = False


_COMPILED_FOR_SQLITE: dict[Statement, _Query] = {}
"""Shared by all stores of this process, which has one SQLite library; servers may differ."""


class Database:
    """An open database: whose it is, how to read from it and how to write to it.

    Args:
        engine: The SQLAlchemy engine.
        where: Path or URL without password, for messages.
        dispose: Closes what the engine keeps open; by default it is disposed of.

    Attributes:
        has_one_writer: Whether only one connection can write at a time, to whatever rows.
        keeps_zero_bytes: Whether a text may hold a zero byte.
    """

    def __init__(
        self, engine: Engine, where: str, dispose: Callable[[], None] | None = None
    ) -> None:
        self.where = where
        self._engine = engine
        self._dispose = dispose or engine.dispose
        self._writer = engine.execution_options(**{WRITES: True})
        self._pid = os.getpid()
        self._closed = False
        self._is_disposed = False
        self._uses = 0  # transactions under way
        self._counting = threading.Lock()
        self._unused = threading.Condition(self._counting)
        self._held = _Held()
        self._trouble = _Trouble()
        self._all_held: weakref.WeakSet[PoolProxiedConnection] = weakref.WeakSet()
        # SQLite has one writer at a time, and a connection that finds another one sleeps for up to
        # a tenth of a second; the threads of this process wait for each other here instead.
        self.has_one_writer = engine.dialect.name == "sqlite"
        self._compiled = _COMPILED_FOR_SQLITE if self.has_one_writer else {}
        self.keeps_zero_bytes = self.has_one_writer
        self._write_turn = threading.Lock() if self.has_one_writer else None

    @property
    def url(self) -> str:
        """Where it is, as an SQLAlchemy URL without password."""
        return self._engine.url.set(query={}).render_as_string(hide_password=True)

    @property
    def is_usable(self) -> bool:
        """Whether it is open and this process opened it."""
        return not self._closed and os.getpid() == self._pid

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection in a transaction that only reads."""
        with self._used(), self._translated(), ExitStack() as stack:
            yield self._begun(stack, self._engine, Patience())

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a transaction that is committed at the end, or rolled back."""
        with self._writing(Patience()) as connection:
            yield connection

    def read(self, statement: Any, within: Connection | None = None) -> list[Any]:
        """Return the rows of one statement that only reads.

        Args:
            statement: The statement.
            within: The connection of a transaction that is under way; by default it has its own.
                Then rows come as from `run`.
        """
        if within is not None:
            return list(self.run(within, statement, {}))
        patience = Patience()
        while True:
            try:
                with self.reading() as connection:
                    return list(connection.execute(statement))
            except StoreBusyError as error:
                if not self._try_again(patience, error):
                    raise

    def write(self, work: Callable[[Connection], _T], *, repeatable: bool = False) -> _T:
        """Do some work in a transaction that is committed at the end, or rolled back.

        Args:
            work: Called with the connection; again, in a new transaction, if the database failed
                before the commit.
            repeatable: Whether it may be done twice. Then it is also done again if the database
                failed in the commit, when nobody knows whether it was committed.

        Raises:
            StoreBusyError: The database failed until the end of the caller's patience.
        """
        patience = Patience()
        while True:
            at_commit = False
            try:
                with self._writing(patience) as connection:
                    result = work(connection)
                    at_commit = True
            except StoreBusyError as error:
                if (at_commit and not repeatable) or not self._try_again(patience, error):
                    raise
            else:
                return result

    @contextmanager
    def _writing(self, patience: Patience) -> Iterator[Connection]:
        with self._used(), self._translated(), ExitStack() as stack:
            if self._write_turn is not None:
                stack.enter_context(_held(self._write_turn, patience, self.where))
            yield self._begun(stack, self._writer, patience)

    def _begun(self, stack: ExitStack, engine: Engine, patience: Patience) -> Connection:
        """Enter a transaction, trying again while the database is busy or away."""
        self._end_together()  # nobody waits for a connection or a lock while holding another one
        while True:
            self._check_usable()
            try:
                with self._translated():
                    connection = stack.enter_context(engine.begin())
            except StoreBusyError as error:
                if not self._try_again(patience, error):
                    raise
            else:
                self._trouble.end()
                return connection

    def _try_again(self, patience: Patience, error: StoreBusyError) -> bool:
        """Pause before another try; return ``False`` when the caller's patience is at its end."""
        self._trouble.met(error)
        return patience.pause()

    def run(
        self, connection: Connection, statement: Statement, values: dict[str, Any]
    ) -> Sequence[Sequence[Any]]:
        """Run one statement in a transaction, past SQLAlchemy's own path, which costs more.

        Args:
            connection: That of the transaction.
            statement: One that lives as long as the program; it is compiled once.
            values: The values of all its parameters, and maybe others, as the driver takes them:
                no type of the schema is applied.

        Returns:
            Rows as the driver gives them.
        """
        query = self._query(statement)
        cursor = connection.connection.cursor()
        cursor.execute(query.sql, query.arranged(values))
        return [] if cursor.description is None else cursor.fetchall()

    def run_many(
        self, connection: Connection, statement: Statement, rows: Iterable[dict[str, Any]]
    ) -> None:
        """Run one statement, which returns no rows, for each of many rows; see `run`."""
        query = self._query(statement)
        arranged: list[Any] = [query.arranged(row) for row in rows]
        cursor = connection.connection.cursor()
        if not (self.has_one_writer and query.only_inserts):
            cursor.executemany(query.sql, arranged)
            return
        # SQLite's driver lets go of Python's lock at each row, and has to wait for it again.
        at_once = _MOST_VALUES // len(query.order or ())
        for start in range(0, len(arranged), at_once):
            some = arranged[start : start + at_once]
            cursor.execute(query.for_rows(len(some)), list(chain.from_iterable(some)))

    def quick(self, statement: Select[Any], values: dict[str, Any]) -> list[Sequence[Any]]:
        """Run one small read where SQLAlchemy's own path would cost more than the read.

        Args:
            statement: A statement that lives as long as the program; it is compiled once.
            values: The values of all its parameters.

        Returns:
            Rows as the driver gives them: no type of the schema has been applied.
        """
        query = self._query(statement)
        arranged = query.arranged(values)
        patience = Patience()
        while True:
            self._enter()
            try:
                return self._read(query.sql, arranged)
            except StoreBusyError as error:
                if not self._try_again(patience, error):
                    raise
            finally:
                self._leave()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make the quick reads of this thread one transaction; for moments only.

        Another transaction of this thread divides it.
        """
        held = self._held
        if held.together:
            yield
            return
        with self._used():
            held.together = True
            try:
                yield
            finally:
                held.together = False
                self._end_together()

    def close(self) -> None:
        """Close all connections; harmless when it is closed already.

        Nothing new begins. Transactions that are under way in other threads are waited for, and
        where that takes too long, the last one of them closes the connections.
        """
        self._closed = True
        # A connection inherited over a fork is the parent's: closing it would disturb the file.
        if os.getpid() == self._pid:
            with self._unused:
                self._unused.wait_for(lambda: not self._uses, CLOSE_WITHIN_S)
                self._close_if_unused()

    @contextmanager
    def _used(self) -> Iterator[None]:
        """Keep the connections open meanwhile."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def _enter(self) -> None:
        """Keep the connections open until `_leave` is called.

        Raises:
            StoreError: They were closed, or belong to another process.
        """
        self._check_usable()
        with self._counting:
            self._uses += 1
        if self._closed:  # meanwhile
            self._leave()
            self._check_usable()

    def _leave(self) -> None:
        with self._counting:
            self._uses -= 1
            if self._closed:
                self._close_if_unused()

    def _close_if_unused(self) -> None:
        if not self._uses:
            for connection in list(self._all_held):
                connection.close()
            self._all_held.clear()
            if not self._is_disposed:
                self._is_disposed = True
                self._dispose()
            self._unused.notify_all()

    def _check_usable(self) -> None:
        if self._closed:
            raise StoreError(f"The store {self.where} was closed: open it again.")
        if os.getpid() != self._pid:
            raise StoreError(
                f"The store {self.where} was opened before this process was forked: open it again "
                "here, or start processes with multiprocessing's 'spawn'."
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with translated(self.where):
            try:
                yield
            except (self._engine.dialect.loaded_dbapi.Error, UnicodeDecodeError) as error:
                raise store_error(error, self.where) from error

    def _query(self, statement: Statement) -> _Query:
        return self._compiled.get(statement) or self._compile(statement)

    def _compile(self, statement: Statement) -> _Query:
        compiled = statement.compile(dialect=self._engine.dialect)
        query = _Query(str(compiled), compiled.params, compiled.positiontup)
        self._compiled[statement] = query
        return query

    def _read(self, sql: str, values: Any) -> list[Any]:
        """Run one statement that reads on the thread's connection, and return its rows."""
        held = self._held
        connection = held.connection or self._checked_out()
        try:
            cursor = connection.dbapi_connection.cursor()  # type: ignore[union-attr]  # it is open
            if held.together and not held.begun and self.has_one_writer:
                cursor.execute("BEGIN")  # a server's transaction begins by itself
            cursor.execute(sql, values)
            rows = list(cursor.fetchall())
        except (self._engine.dialect.loaded_dbapi.Error, UnicodeDecodeError) as error:
            self._let_go(connection)
            raise store_error(error, self.where) from error
        if held.connection is None:
            held.connection = connection
            self._all_held.add(connection)
        held.begun = held.together
        if not held.together:
            self._end_read(connection)
        self._trouble.end()
        return rows

    def _end_together(self) -> None:
        if self._held.begun and self._held.connection is not None:
            self._end_read(self._held.connection)
        self._held.begun = False

    def _end_read(self, connection: PoolProxiedConnection) -> None:
        """End a transaction that only reads; what fails here shows at the next use."""
        try:
            connection.dbapi_connection.rollback()  # type: ignore[union-attr]  # it is open
        except self._engine.dialect.loaded_dbapi.Error:
            self._let_go(connection)
            return
        if not self.has_one_writer:
            self._held.connection = None
            self._all_held.discard(connection)
            connection.close()  # a server has few connections: back to the pool

    def _checked_out(self) -> PoolProxiedConnection:
        with self._translated():
            return self._engine.raw_connection()

    def _let_go(self, connection: PoolProxiedConnection) -> None:
        self._held.connection, self._held.begun = None, False
        self._all_held.discard(connection)
        connection.invalidate()


@contextmanager
def _held(lock: threading.Lock, patience: Patience, where: str) -> Iterator[None]:
    if not lock.acquire(timeout=min(patience.left_s, threading.TIMEOUT_MAX)):
        raise StoreBusyError(f"The store {where} is in use by another thread: try again.")
    try:
        yield
    finally:
        lock.release()
