"""What users want to be told of job sets, and what they were told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, insert, literal, select, update

from qiskit_job_manager.model.notices import NoticeKind, NoticeRecord
from qiskit_job_manager.stores import schema

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import ColumnElement, Delete, Select, Update

    from qiskit_job_manager.stores.database import Database

_TABLE = schema.notice
_ROW, _SETS = _TABLE.c, schema.job_set.c
_WANTED = "wanted"
"""In place of a kind: somebody wants to be told of the job set."""


class Notices:
    """The notices of a store. Every method is one transaction, and may raise `StoreError`.

    A job set that is deleted takes its notices with it; then nothing is found, and nothing begins.

    Args:
        database: The open database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def want(self, job_set_key: int, owner: str, at: datetime) -> None:
        """Record that somebody wants to be told of a job set; harmless when it is recorded."""
        self._insert(job_set_key, _WANTED, owner, at)

    def is_wanted(self, job_set_key: int) -> bool:
        """Return whether somebody wanted to be told of a job set."""
        wanted = select(_ROW.kind).where(_of(job_set_key), _ROW.kind == _WANTED)
        return bool(self._database.read(wanted))

    def untold(self) -> list[str]:
        """Return the ids of the job sets of which somebody wanted to be told, and not of the end.

        They may not have ended yet.
        """
        told = (
            select(_ROW.job_set)
            .where(_ROW.kind == NoticeKind.ENDED, _ROW.told_at.is_not(None))
            .scalar_subquery()
        )
        left = (
            select(_SETS.job_set_id)
            .join(_TABLE, _ROW.job_set == _SETS.key)
            .where(_ROW.kind == _WANTED, _ROW.job_set.not_in(told), _SETS.former_name.is_(None))
            .order_by(_SETS.key)
        )
        return [job_set_id for (job_set_id,) in self._database.read(left)]

    def known(self, job_set_key: int) -> dict[NoticeKind, NoticeRecord]:
        """Return the notices of a job set that a process has begun to send, by their kind."""
        columns = (_ROW.kind, _ROW.owner, _ROW.begun_at, _ROW.told_at)
        rows = self._database.read(
            select(*columns).where(_of(job_set_key), _ROW.kind.in_(list(NoticeKind)))
        )
        return {NoticeKind(row[0]): NoticeRecord(NoticeKind(row[0]), *row[1:]) for row in rows}

    def begin(self, job_set_key: int, kind: NoticeKind, owner: str, at: datetime) -> bool:
        """Begin a notice; ``False`` means that a process did before, or the job set is gone."""
        return self._insert(job_set_key, str(kind), owner, at)

    def take_over(self, job_set_key: int, left: NoticeRecord, owner: str, at: datetime) -> bool:
        """Begin a notice again that a process left; ``False`` means that another one was first."""
        same = and_(_is(job_set_key, left.kind), _ROW.owner == left.owner, _ROW.told_at.is_(None))
        return self._changed(update(_TABLE).where(same).values(owner=owner, begun_at=at))

    def end(self, job_set_key: int, kind: NoticeKind, owner: str, at: datetime) -> bool:
        """Record that a notice was told, or given up; ``False`` means that it is not one's own."""
        own = and_(_is(job_set_key, kind), _ROW.owner == owner)
        return self._changed(update(_TABLE).where(own).values(told_at=at))

    def forget(
        self, job_set_key: int, kinds: Iterable[NoticeKind], *, begun_before: datetime
    ) -> None:
        """Forget what is not so any more: when it is so again, it is told again.

        Args:
            job_set_key: The job set.
            kinds: What is not so any more.
            begun_before: A notice that was begun later stays.
        """
        over = _ROW.kind.in_([str(each) for each in kinds])
        earlier = _ROW.begun_at < literal(begun_before, _ROW.begun_at.type)
        self._changed(delete(_TABLE).where(_of(job_set_key), over, earlier))

    def _insert(self, job_set_key: int, kind: str, owner: str, at: datetime) -> bool:
        """Insert a row unless there is one; a lock on the job set keeps others from doing so."""
        names = ("job_set", "kind", "owner", "begun_at")
        values = (_SETS.key, literal(kind), literal(owner), literal(at, _ROW.begun_at.type))
        there = select(_ROW.kind).where(_is(job_set_key, kind)).exists()
        new: Select[tuple[int, str, str, datetime]] = select(*values).where(
            _SETS.key == job_set_key, _SETS.former_name.is_(None), ~there
        )
        lock = select(_SETS.key).where(_SETS.key == job_set_key).with_for_update()
        with self._database.writing() as connection:
            connection.execute(lock)
            added = insert(_TABLE).from_select(names, new).returning(_ROW.kind)
            return connection.execute(added).first() is not None

    def _changed(self, statement: Update | Delete) -> bool:
        with self._database.writing() as connection:
            return connection.execute(statement.returning(_ROW.kind)).first() is not None


def _of(job_set_key: int) -> ColumnElement[bool]:
    return _ROW.job_set == job_set_key


def _is(job_set_key: int, kind: str) -> ColumnElement[bool]:
    return and_(_of(job_set_key), _ROW.kind == str(kind))
