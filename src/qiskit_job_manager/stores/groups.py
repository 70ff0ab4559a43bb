"""Groups of job sets: which experiments of a run on several backends each job set has.

Experiments are placed in one transaction with their storage: an experiment has a placement if and
only if a job set has it. The row of the group says how many are placed. To change it in the same
transaction keeps two processes apart that run one script: the second one writes nothing, and looks
again.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, delete, false, insert, select, update

from qiskit_job_manager.errors import NameInUseError
from qiskit_job_manager.model.groups import (
    GroupMember,
    GroupRecord,
    Place,
    Placement,
    remainders,
)
from qiskit_job_manager.stores import schema
from qiskit_job_manager.stores.database_errors import ConstraintError
from qiskit_job_manager.stores.hand_over import extend_within, insert_job_set, name_in_use
from qiskit_job_manager.stores.rows import job_set_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from qiskit_job_manager.model import EncodedBlock, JobSetDraft, Snapshot
    from qiskit_job_manager.model.groups import GroupDraft
    from qiskit_job_manager.stores.database import Database

_GROUPS, _PLACEMENTS = schema.job_set_group, schema.placement
_GROUP, _PLACED = _GROUPS.c, _PLACEMENTS.c
_GROUP_COLUMNS = (
    *(_GROUP.key, _GROUP.group_id, _GROUP.name, _GROUP.created_at, _GROUP.place, _GROUP.members),
    *(_GROUP.n_experiments, _GROUP.complete, _GROUP.cancelled),
)
_PLACEMENT_COLUMNS = (_PLACED.member, _PLACED.first, _PLACED.start, _PLACED.size)


_NAMED = select(schema.job_set.c.key).where(schema.job_set.c.name == bindparam("wanted"))


class PlacedBlocks(NamedTuple):
    """Experiments of a group for one job set.

    Attributes:
        job_set_key: The job set.
        placements: Which they are, and where.
        blocks: They, as the next blocks of the job set.
    """

    job_set_key: int
    placements: Sequence[Placement]
    blocks: Sequence[EncodedBlock]


class _NotNextError(Exception):
    """A job set or a group is not as it was; the transaction is rolled back."""


class Groups:
    """The groups of a store. Every method is one transaction, and may raise `StoreError`.

    Args:
        database: The open database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- beginning and ending ---------------------------------------------------------------------

    def begin(
        self,
        draft: GroupDraft,
        job_sets: Sequence[JobSetDraft],
        environment: Snapshot | None,
        check: Callable[[Connection], None],
    ) -> None:
        """Store a group with its job sets, which have no experiments yet.

        Args:
            draft: The group.
            job_sets: Its job sets.
            environment: What this process runs in, or ``None`` if that is not recorded.
            check: Called first in the transaction; raises where no job set may be made.

        Raises:
            NameInUseError: Another group has the name, or another job set the name of one.
        """
        row = asdict(draft) | {"place": draft.place.value, "n_experiments": 0}
        row["members"] = json.dumps([asdict(each) for each in draft.members])
        empty = {"n_experiments": 0, "n_jobs": 0, "complete": True, "owner": None, "fence": 0}

        def work(connection: Connection) -> None:
            check(connection)
            if connection.scalar(_NAMED, {"wanted": draft.name}) is not None:
                raise NameInUseError(
                    f"the name {draft.name!r} is in use by a job set, which runs on one backend. "
                    "Choose another name, or give that backend alone to go on with it"
                )
            connection.execute(
                insert(_GROUPS).values(row | {"complete": False, "cancelled": False})
            )
            for each in job_sets:
                values = job_set_values(each) | empty
                insert_job_set(self._database, connection, values, environment)

        try:
            self._database.write(work)
        except ConstraintError as error:
            names = (name_in_use(self._database, each.name) for each in job_sets)
            taken = next((each for each in names if each), None)
            raise taken or NameInUseError(
                f"The name {draft.name!r} is in use by a group: choose another name, or delete "
                "that group."
            ) from error

    def complete(self, key: int) -> None:
        """Record that all experiments of a group are placed."""
        self._change(key, complete=True)

    def cancel(self, key: int) -> None:
        """Record that nothing more of a group is placed."""
        self._change(key, cancelled=True)

    def delete(self, key: int) -> None:
        """Remove a group; its job sets stay."""
        self._database.write(
            lambda connection: connection.execute(delete(_GROUPS).where(_GROUP.key == key)),
            repeatable=True,
        )

    def delete_empty(self, group: GroupRecord) -> None:
        """Remove a group and its job sets, if none of them has experiments."""
        empty = (_GROUP.key == group.key, _GROUP.n_experiments == 0)
        ids = [each.job_set_id for each in group.members]
        row = schema.job_set.c
        none = delete(schema.job_set).where(row.job_set_id.in_(ids), row.n_experiments == 0)

        def work(connection: Connection) -> None:
            if connection.execute(delete(_GROUPS).where(*empty)).rowcount == 1:
                connection.execute(none)

        self._database.write(work, repeatable=True)

    def _change(self, key: int, **values: Any) -> None:
        change = update(_GROUPS).where(_GROUP.key == key).values(**values)
        self._database.write(lambda connection: connection.execute(change), repeatable=True)

    # -- finding ----------------------------------------------------------------------------------

    def group(self, group_id: str) -> GroupRecord | None:
        """Return the group with this id, or ``None``."""
        return next(iter(self._read(_GROUP.group_id == group_id)), None)

    def named(self, name: str) -> GroupRecord | None:
        """Return the group with this name, or ``None``."""
        return next(iter(self._read(_GROUP.name == name)), None)

    def all(self) -> list[GroupRecord]:
        """Return all groups, newest first."""
        return self._read()

    def placements(self, key: int, start: int = 0) -> list[Placement]:
        """Return where the experiments of a group from an index on are, in their order."""
        found = (
            select(*_PLACEMENT_COLUMNS)
            .where(_PLACED.group == key, _PLACED.start >= start)
            .order_by(_PLACED.start, _PLACED.member)
        )
        return [Placement(*row) for row in self._database.read(found)]

    def placed_on(self, key: int, member: int, first: int, stop: int) -> list[Placement]:
        """Return the placements on a member that have experiments between two indices there."""
        found = select(*_PLACEMENT_COLUMNS).where(
            *(_PLACED.group == key, _PLACED.member == member),
            *(_PLACED.first < stop, _PLACED.first + _PLACED.size > first),
        )
        return [Placement(*row) for row in self._database.read(found.order_by(_PLACED.first))]

    def _read(self, *which: ColumnElement[bool]) -> list[GroupRecord]:
        found = select(*_GROUP_COLUMNS).where(*which).order_by(_GROUP.key.desc())
        return [_group_from(row) for row in self._database.read(found)]

    # -- placing ----------------------------------------------------------------------------------

    def place(
        self, group: GroupRecord, stop: int, parts: Sequence[PlacedBlocks], at: datetime
    ) -> bool:
        """Store the next experiments of a group in the job sets of its members.

        Args:
            group: The group, as it was last read.
            stop: The index of the experiment that comes after them.
            parts: The experiments, by job set.
            at: When, in UTC.

        Returns:
            ``False`` if nothing was written: the group is complete or cancelled or deleted, or has
            other experiments than it had, or those of a job set do not end there.
        """
        is_open = (_GROUP.complete == false(), _GROUP.cancelled == false())
        is_same = (_GROUP.key == group.key, _GROUP.n_experiments == group.n_experiments)
        grows = update(_GROUPS).where(*is_same, *is_open).values(n_experiments=stop)

        def work(connection: Connection) -> None:
            if connection.execute(grows).rowcount != 1:
                raise _NotNextError
            for each in parts:
                self._store(connection, group.key, each, at)

        return self._written(work)

    def move(
        self,
        group: GroupRecord,
        whole: Placement,
        part: Placement,
        to: PlacedBlocks,
        at: datetime,
    ) -> bool:
        """Store experiments in the job set of another member, as the one that has them sends none.

        Args:
            group: The group.
            whole: The placement that they are a part of.
            part: The part.
            to: Their new placement.
            at: When, in UTC.

        Returns:
            ``False`` if nothing was written: the group is cancelled or deleted, the placement is
            not there any more, or the experiments of the job set do not end there.
        """
        is_open = select(_GROUP.key).where(_GROUP.key == group.key, _GROUP.cancelled == false())
        old = (_PLACED.group == group.key, _PLACED.member == whole.member)
        same = (_PLACED.first == whole.first, _PLACED.size == whole.size)
        gone = delete(_PLACEMENTS).where(*old, *same, is_open.exists())

        def work(connection: Connection) -> None:
            if connection.execute(gone).rowcount != 1:
                raise _NotNextError
            left = PlacedBlocks(to.job_set_key, remainders(whole, part), ())
            for each in (left, to):
                self._store(connection, group.key, each, at)

        return self._written(work)

    def _store(self, connection: Connection, key: int, placed: PlacedBlocks, at: datetime) -> None:
        rows = [asdict(each) | {"group": key} for each in placed.placements]
        if rows:
            connection.execute(insert(_PLACEMENTS), rows)
        where = (self._database, connection, placed.job_set_key)
        if placed.blocks and not extend_within(*where, placed.blocks, at):
            raise _NotNextError

    def _written(self, work: Callable[[Connection], None]) -> bool:
        try:
            self._database.write(work, repeatable=True)
        except _NotNextError:
            return False
        return True


def _group_from(row: Any) -> GroupRecord:
    key, group_id, name, created_at, place, members, n_experiments, complete, cancelled = row
    return GroupRecord(
        key=key,
        group_id=group_id,
        name=name,
        created_at=created_at,
        place=Place(place),
        members=tuple(GroupMember(**each) for each in json.loads(members)),
        n_experiments=n_experiments,
        complete=complete,
        cancelled=cancelled,
    )
