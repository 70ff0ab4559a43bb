"""Leases: who may drive a job set. With SQLite they are kernel locks, on a server they have an end.

In both cases the fence in the row of the job set makes the writes safe. The lock, or the end of
the lease, only decides who may raise the fence.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from sqlalchemy import or_, select, update

from qiskit_job_manager.errors import StoreBusyError, StoreError, StoreNotWritableError
from qiskit_job_manager.model import Token
from qiskit_job_manager.patience import patient
from qiskit_job_manager.stores.hand_over import create_job_set
from qiskit_job_manager.stores.locks import KernelLock
from qiskit_job_manager.stores.schema import job_set
from qiskit_job_manager.stores.write_statements import SERVER_NOW_US

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import ColumnElement, Connection

    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.stores.database import Database
    from qiskit_job_manager.stores.hand_over import Beginning
    from qiskit_job_manager.stores.store_files import StoreFiles

_LEASE_US = 30 * 1_000_000
_CLOSE_WITHIN_S = 2.0


class Leases(Protocol):
    """How a lease is claimed, kept and released; see `ports.Store`."""

    lease_s: ClassVar[float | None]

    def create(self, beginning: Beginning, owner: str) -> tuple[JobSetRecord, Token]:
        """Begin a job set with its first lease."""

    def claim(self, job_set_key: int, owner: str) -> Token | None:
        """Take the lease, or return ``None``."""

    def renew(self, token: Token) -> bool:
        """Keep the lease."""

    def release(self, token: Token) -> None:
        """Give the lease back."""

    def forget(self, token: Token) -> None:
        """Forget a lease that is given back, or whose job set was deleted."""

    def driver(self, job_set_key: int) -> str | None:
        """Return who has the lease and lives."""

    def close(self) -> None:
        """Give back every lease that was taken here."""


def holds(token: Token) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which a token is the newest of its job set."""
    row = job_set.c
    return (row.key == token.job_set_key, row.owner == token.owner, row.fence == token.fence)


class KernelLocks:
    """Leases by locks that the kernel frees when their process dies.

    Args:
        database: Where the job sets are.
        files: Where the locks are.
    """

    lease_s: ClassVar[float | None] = None

    def __init__(self, database: Database, files: StoreFiles) -> None:
        self._database = database
        self._files = files
        self._mutex = threading.Lock()
        self._held: dict[int, tuple[_Locks, Token]] = {}

    def create(self, beginning: Beginning, owner: str) -> tuple[JobSetRecord, Token]:
        """Begin a job set with its first lease; its locks are held before its row is there.

        Raises:
            StoreBusyError: Another process begins this very job set now.
        """
        job_set_id = beginning.draft.job_set_id
        with self._mutex:
            locks = _Locks.take(self._files, job_set_id)
            if locks is None:
                raise StoreBusyError(f"Another process begins the job set {job_set_id} now.")
            try:
                made = create_job_set(self._database, beginning, owner=owner, fence=1)
            except BaseException:
                locks.release()
                raise
            token = Token(made.key, owner, 1)
            self._held[made.key] = (locks, token)
            return made, token

    def claim(self, job_set_key: int, owner: str) -> Token | None:
        """Take the lease, or return ``None``."""
        with self._mutex:
            locks = self._locks_for(job_set_key, owner)
            if locks is None:
                return None
            try:
                token = _raise_fence(self._database, job_set_key, owner)
            except BaseException:
                self._drop(job_set_key, locks)
                raise
            if token is None:
                self._drop(job_set_key, locks)
                return None
            self._held[job_set_key] = (locks, token)
            return token

    def renew(self, token: Token) -> bool:
        """Return whether nobody else has claimed; the lock needs no renewal."""
        return bool(self._database.read(select(job_set.c.key).where(*holds(token))))

    def release(self, token: Token) -> None:
        """Give the lease back."""
        with self._mutex:
            _change_held(self._database, token, owner=None)
            self._drop_held(token)

    def forget(self, token: Token) -> None:
        """Forget a lease that is given back, or whose job set was deleted; a newer one stays."""
        with self._mutex:
            self._drop_held(token)

    def driver(self, job_set_key: int) -> str | None:
        """Return who has the lease and lives."""
        row = job_set.c
        known = (row.key == job_set_key, row.owner.is_not(None))
        for owner, job_set_id in self._database.read(
            select(row.owner, row.job_set_id).where(*known)
        ):
            if job_set_key in self._held or _Locks.are_held(self._files, job_set_id):
                return str(owner)
        return None

    def close(self) -> None:
        """Give back every lease that was taken here."""
        with self._mutex:
            for locks, _ in self._held.values():
                locks.release()
            self._held.clear()

    def _locks_for(self, job_set_key: int, owner: str) -> _Locks | None:
        if job_set_key in self._held:
            locks, held = self._held[job_set_key]
            return locks if held.owner == owner else None
        row = job_set.c
        found = self._database.read(select(row.job_set_id).where(row.key == job_set_key))
        return _Locks.take(self._files, found[0].job_set_id) if found else None

    def _drop_held(self, token: Token) -> None:
        locks, held = self._held.get(token.job_set_key, (None, None))
        if locks is not None and held == token:
            self._drop(token.job_set_key, locks)

    def _drop(self, job_set_key: int, locks: _Locks) -> None:
        self._held.pop(job_set_key, None)
        locks.release()


class _Locks:
    """The locks of one job set: beside the SQLite file, and on this machine by its identity.

    The one beside the file excludes other machines. The other one excludes the processes of this
    machine that opened the file under another name, or before it was moved.
    """

    def __init__(self, locks: list[KernelLock]) -> None:
        self._locks = locks

    @classmethod
    def take(cls, files: StoreFiles, job_set_id: str) -> _Locks | None:
        """Return the locks of a job set, or ``None`` while another driver has one of them."""
        files.ready()
        locks = cls([])
        beside, of_this_machine = files.lock_files(job_set_id)
        try:
            if not (locks._add(beside) and locks._add(of_this_machine)):
                locks.release()
                return None
        except StoreNotWritableError:
            # A home folder without room or locks must not keep a store elsewhere from being driven.
            if not locks._locks:
                raise
        return locks

    def _add(self, path: Path) -> bool:
        lock = KernelLock.take(path)
        if lock is not None:
            self._locks.append(lock)
        return lock is not None

    @staticmethod
    def are_held(files: StoreFiles, job_set_id: str) -> bool:
        """Return whether a driver has one of the locks of a job set."""
        return any(map(KernelLock.is_held, files.lock_files(job_set_id)))

    def release(self) -> None:
        """Free the locks; harmless when they are free."""
        for lock in self._locks:
            lock.release()


def _raise_fence(
    database: Database, job_set_key: int, owner: str, *conditions: Any, **values: Any
) -> Token | None:
    """Take the lease in one transaction, if its conditions hold."""
    row = job_set.c
    others = select(row.key).where(
        row.key == job_set_key, row.owner != owner, row.lease_until.is_not(None)
    )
    statement = (
        update(job_set)
        .where(row.key == job_set_key, row.former_name.is_(None), *conditions)
        .values(owner=owner, fence=row.fence + 1, **values)
        .returning(row.fence)
    )

    took_over = False

    def take(connection: Connection) -> Token | None:
        # Done again after a commit that nobody knows of, it would find itself the owner.
        nonlocal took_over
        took_over = took_over or (bool(conditions) and connection.scalar(others) is not None)
        fence = connection.scalar(statement)
        return None if fence is None else Token(job_set_key, owner, fence, took_over)

    return database.write(take, repeatable=True)


def _change_held(database: Database, token: Token, **values: Any) -> bool:
    statement = update(job_set).where(*holds(token)).values(**values)
    changed = database.write(lambda c: c.execute(statement).rowcount, repeatable=True)
    return changed == 1


class TimedLeases:
    """Leases that end when they are not renewed, by the database's own clock.

    Args:
        database: Where the job sets are.
    """

    lease_s: ClassVar[float | None] = _LEASE_US / 1_000_000

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mutex = threading.Lock()
        self._held: set[Token] = set()

    def create(self, beginning: Beginning, owner: str) -> tuple[JobSetRecord, Token]:
        """Begin a job set with its first lease."""
        lease = {"owner": owner, "fence": 1, "lease_us": _LEASE_US}
        made = create_job_set(self._database, beginning, **lease)
        token = Token(made.key, owner, 1)
        with self._mutex:
            self._held.add(token)
        return made, token

    def claim(self, job_set_key: int, owner: str) -> Token | None:
        """Take the lease, or return ``None``."""
        row = job_set.c
        free = or_(row.owner.is_(None), row.owner == owner, row.lease_until < SERVER_NOW_US)
        token = _raise_fence(
            self._database, job_set_key, owner, free, lease_until=SERVER_NOW_US + _LEASE_US
        )
        if token is not None:
            with self._mutex:
                self._held.add(token)
        return token

    def renew(self, token: Token) -> bool:
        """Begin the time of the lease again, unless another driver has claimed."""
        return _change_held(self._database, token, lease_until=SERVER_NOW_US + _LEASE_US)

    def release(self, token: Token) -> None:
        """Give the lease back."""
        _change_held(self._database, token, owner=None, lease_until=None)
        self.forget(token)

    def forget(self, token: Token) -> None:
        """Forget a lease that is given back, or whose job set was deleted."""
        with self._mutex:
            self._held.discard(token)

    def driver(self, job_set_key: int) -> str | None:
        """Return who has the lease and lives."""
        row = job_set.c
        alive = (row.key == job_set_key, row.lease_until >= SERVER_NOW_US)
        found = self._database.read(select(row.owner).where(*alive))
        return found[0].owner if found else None

    def close(self) -> None:
        """Give back every lease that was taken here."""
        # Where the server cannot be reached, the leases run out by themselves.
        with patient(_CLOSE_WITHIN_S), suppress(StoreError):
            for token in list(self._held):
                self.release(token)
