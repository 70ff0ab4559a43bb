"""Handing over: job sets begin, grow block by block, and are changed as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, false, insert, literal, select, true, update

from qiskit_job_manager import ways
from qiskit_job_manager.errors import LeaseLostError, NameInUseError, StoreError
from qiskit_job_manager.foreign_text import clean
from qiskit_job_manager.model import JobState, Observation, ObservationKind, RequestKind
from qiskit_job_manager.stores import job_counts, observations, schema, write_statements
from qiskit_job_manager.stores.database_errors import ConstraintError
from qiskit_job_manager.stores.read_statements import GROUP_NAMED
from qiskit_job_manager.stores.rows import (
    JOB_SET_COLUMNS,
    blob_values,
    job_set_from,
    job_set_values,
    tags_from,
    tags_text,
)
from qiskit_job_manager.stores.schema import microseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from qiskit_job_manager.model import (
        EncodedBlock,
        JobSetDraft,
        JobSetRecord,
        ReusedResult,
        Snapshot,
        Token,
    )
    from qiskit_job_manager.stores.database import Database

_SETS, _REQUESTS, _JOBS = schema.job_set, schema.request, schema.job


class NameOfGroupError(NameInUseError):
    """A group has the name, so that no job set will be found by it."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the name {name!r} is in use by a run on several backends. Choose another name, or "
            "give the same backends to go on with that one"
        )


@dataclass(frozen=True, slots=True)
class Beginning:
    """What `create_job_set` stores in one transaction.

    Attributes:
        draft: What the user asked for.
        blocks: The first blocks.
        are_last: Whether the job set is complete with them.
        environment: What the process that hands over runs in, or ``None`` if that is not recorded.
        check: Called first in the transaction; raises where no job set may be made.
    """

    draft: JobSetDraft
    blocks: Sequence[EncodedBlock]
    are_last: bool
    environment: Snapshot | None
    check: Callable[[Connection], None]

    def size(self) -> dict[str, Any]:
        """Return the columns that count what the job set has.

        Raises:
            StoreError: Its blocks do not begin at the start.
        """
        n_experiments = n_jobs = 0
        for one in self.blocks:
            _must_be_whole(one)
            if (one.block.start, one.block.jobs[0].index) != (n_experiments, n_jobs):
                raise StoreError(f"The new job set {self.draft.name!r} begins with another block.")
            n_experiments, n_jobs = one.block.stop, one.block.jobs[-1].index + 1
        return {"n_experiments": n_experiments, "n_jobs": n_jobs, "complete": self.are_last}


def create_job_set(database: Database, beginning: Beginning, **lease: Any) -> JobSetRecord:
    """Begin a job set with its first lease and its first blocks.

    Args:
        database: The store's database.
        beginning: The job set.
        **lease: Columns of the lease: ``owner``, ``fence``. On a server also ``lease_us``, the
            microseconds after which it runs out.

    Raises:
        NameInUseError: Another job set has the name.
    """
    draft = beginning.draft
    values = job_set_values(draft) | lease | beginning.size()
    tries = 0

    def work(connection: Connection) -> JobSetRecord:
        nonlocal tries
        tries += 1
        beginning.check(connection)
        if tries > 1:  # it is there already if the database failed in the commit, and committed
            mine = (_SETS.c.job_set_id == draft.job_set_id, _SETS.c.owner == lease["owner"])
            row = connection.execute(select(*JOB_SET_COLUMNS).where(*mine)).one_or_none()
            if row is not None:
                return job_set_from(row)
        made = insert_job_set(database, connection, values, beginning.environment)
        if beginning.blocks:
            _insert_blocks(database, connection, made.key, beginning.blocks)
        return made

    try:
        return database.write(work, repeatable=True)
    except ConstraintError as error:
        raise name_in_use(database, draft.name) or error from error


def insert_job_set(
    database: Database,
    connection: Connection,
    values: dict[str, Any],
    environment: Snapshot | None,
) -> JobSetRecord:
    """Insert the row of a job set, its counts, and what hands it over.

    Args:
        database: The store's database.
        connection: That of the transaction.
        values: The columns of the row, with those of its lease as in `create_job_set`.
        environment: What the process that hands over runs in, or ``None`` if it is not recorded.
    """
    on_server = "lease_us" in values
    new = write_statements.NEW_JOB_SET_ON_SERVER if on_server else write_statements.NEW_JOB_SET
    at = values["created_at"]
    ((key,),) = database.run(connection, new, values | {"created_at": microseconds(at)})
    refuse_name_of_group(database, connection, values["name"])
    job_counts.begin(database, connection, key)
    if environment is not None:
        seen = Observation(ObservationKind.ENVIRONMENT, at, at, environment.sha256)
        observations.add_first(database, connection, key, seen, environment)
    stored = {"key": key, **values}
    return job_set_from([stored[column.name] for column in JOB_SET_COLUMNS])


def add_blocks(
    database: Database, token: Token, blocks: Sequence[EncodedBlock], *, are_last: bool
) -> None:
    """Append blocks: their experiments, their jobs (planned) and their payloads.

    Raises:
        LeaseLostError: Another process has the lease.
        StoreError: The job set is deleted or complete, or a block is not its next one.
    """
    for one in blocks:
        _must_be_whole(one)
    tries = 0

    def work(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        if tries > 1 and _is_stored(connection, token, blocks[-1].block.stop):
            return  # the database failed in the commit, and committed
        _add_blocks(database, connection, token, blocks, are_last=are_last)

    database.write(work, repeatable=True)


def _add_blocks(
    database: Database,
    connection: Connection,
    token: Token,
    blocks: Sequence[EncodedBlock],
    *,
    are_last: bool,
) -> None:
    first, last = blocks[0].block, blocks[-1].block
    row = _SETS.c
    n_jobs = last.jobs[-1].index + 1 - first.jobs[0].index
    n_jobs_now = connection.scalar(
        update(_SETS)
        .where(
            *_held_by(token),
            row.complete == false(),
            row.n_experiments == first.start,
            row.n_jobs >= first.jobs[0].index,
        )
        .values(n_experiments=last.stop, n_jobs=row.n_jobs + n_jobs, complete=are_last)
        .returning(row.n_jobs)
    )
    if n_jobs_now is None:
        _must_hold(connection, token)
        why = "it is complete, or the block is not its next"
        raise StoreError(f"Job set number {token.job_set_key} takes no block: {why}.")
    # A job that was halved meanwhile took a number that the plan does not know.
    later = n_jobs_now - (last.jobs[-1].index + 1)
    _insert_blocks(database, connection, token.job_set_key, blocks, later)


def _insert_blocks(
    database: Database,
    connection: Connection,
    job_set_key: int,
    blocks: Sequence[EncodedBlock],
    later: int = 0,
) -> None:
    for statement, rows in (
        (write_statements.NEW_PAYLOAD, _payloads),
        (write_statements.NEW_EXPERIMENT, _experiments),
        (write_statements.NEW_JOB, partial(_jobs, later)),
    ):
        values = (value for one in blocks for value in rows(job_set_key, one))
        database.run_many(connection, statement, values)
    change = job_counts.Change(job_set_key)
    for one in blocks:
        size = one.block.stop - one.block.start
        change.add(_state_of(one), len(one.block.jobs), size * len(one.block.jobs))
        if one.reused is not None:
            position = one.block.jobs[0].index + later
            _insert_reused(database, connection, job_set_key, position, one.reused)
    change.write(database, connection)


def _state_of(one: EncodedBlock) -> JobState:
    return JobState.PLANNED if one.reused is None else JobState.DONE


def _insert_reused(
    database: Database,
    connection: Connection,
    job_set_key: int,
    position: int,
    reused: ReusedResult,
) -> None:
    """Store the result of a job that is never sent, with its attempt, which costs nothing."""
    which = (_JOBS.c.job_set == job_set_key, _JOBS.c.position == position)
    job = connection.scalars(select(_JOBS.c.key).where(*which)).one()
    attempt = {"job": job, "number": 1, "tag": reused.tag}
    times = {"intended_at": reused.at, "ended_at": reused.at}
    connection.execute(insert(schema.attempt).values(attempt | times))
    kept = {"job": job, "attempt": 1, "stored_at": reused.at} | blob_values(reused.result, job)
    connection.execute(insert(schema.result).values(kept))
    event = {
        "job_set": job_set_key,
        "at": microseconds(reused.at),
        "job_index": position,
        "attempt": 1,
        "event": "reused",
        "before": None,
        "after": JobState.DONE.value,
        "cause": clean(reused.cause),
    }
    database.run(connection, write_statements.NEW_EVENT, event)


def _is_stored(connection: Connection, token: Token, stop: int) -> bool:
    stored = select(_SETS.c.n_experiments).where(*_held_by(token))
    return connection.scalar(stored) == stop


def extend_job_set(
    database: Database, job_set_key: int, blocks: Sequence[EncodedBlock], at: datetime
) -> bool:
    """Append blocks to a complete job set, without its lease.

    The row of the job set says how many experiments it has. To change it in the same transaction
    keeps two extensions apart, and one from a hand-over.

    Returns:
        ``False`` if the job set is not complete, is deleted, or does not end there.
    """

    def work(connection: Connection) -> bool:
        return extend_within(database, connection, job_set_key, blocks, at)

    # If the commit failed and nobody knows whether it landed, it is not done twice: the experiments
    # end elsewhere then.
    return database.write(work, repeatable=True)


def extend_within(
    database: Database,
    connection: Connection,
    job_set_key: int,
    blocks: Sequence[EncodedBlock],
    at: datetime,
) -> bool:
    """Do what `extend_job_set` does in a transaction that is under way.

    Returns:
        As `extend_job_set`; then nothing was written.
    """
    for one in blocks:
        _must_be_whole(one)
    first, last = blocks[0].block, blocks[-1].block
    row = _SETS.c
    n_jobs = last.jobs[-1].index + 1 - first.jobs[0].index
    is_next = (row.complete == true(), row.former_name.is_(None), row.n_experiments == first.start)
    n_jobs_now = connection.scalar(
        update(_SETS)
        .where(row.key == job_set_key, *is_next, row.n_jobs >= first.jobs[0].index)
        .values(n_experiments=last.stop, n_jobs=row.n_jobs + n_jobs)
        .returning(row.n_jobs)
    )
    if n_jobs_now is None:
        return False
    later = n_jobs_now - (last.jobs[-1].index + 1)
    _insert_blocks(database, connection, job_set_key, blocks, later)
    first_job = first.jobs[0].index + later
    news = {"job_set": job_set_key, "kind": RequestKind.EXTENDED.value, "job_index": first_job}
    connection.execute(insert(_REQUESTS).values(news))
    database.run(connection, write_statements.NEW_EVENT, _extended(job_set_key, blocks, at))
    return True


def _extended(job_set_key: int, blocks: Sequence[EncodedBlock], at: datetime) -> dict[str, Any]:
    """Return the event that says what was added."""
    start, stop = blocks[0].block.start, blocks[-1].block.stop
    what = (
        f"experiment {start} was" if stop == start + 1 else f"experiments {start}-{stop - 1} were"
    )
    empty = dict.fromkeys(("job_index", "attempt", "before", "after"))
    said = {"event": "extended", "cause": f"{what} added"}
    return {"job_set": job_set_key, "at": microseconds(at), **said, **empty}


def complete_job_set(database: Database, token: Token) -> None:
    """Record that all experiments were handed over.

    Raises:
        LeaseLostError: Another process has the lease.
    """

    def work(connection: Connection) -> None:
        landed = connection.execute(update(_SETS).where(*_held_by(token)).values(complete=True))
        if landed.rowcount != 1:
            _must_hold(connection, token)

    database.write(work, repeatable=True)


def rename(database: Database, job_set_key: int, name: str) -> None:
    """Give a job set another name.

    Raises:
        NameInUseError: Another job set has it.
        StoreError: The job set was deleted.
    """
    try:
        change_job_set(
            database,
            job_set_key,
            lambda each: refuse_name_of_group(database, each, name),
            name=name,
        )
    except ConstraintError as error:
        raise name_in_use(database, name) or error from error


def change_job_set(
    database: Database,
    job_set_key: int,
    check: Callable[[Connection], object] = lambda _: None,
    **values: Any,
) -> None:
    """Change columns of a job set.

    Args:
        database: The store's database.
        job_set_key: The job set.
        check: Called last in the transaction; raises where the change must not be.
        **values: The columns.

    Raises:
        StoreError: The job set was deleted.
    """

    def work(connection: Connection) -> None:
        landed = connection.execute(
            update(_SETS)
            .where(_SETS.c.key == job_set_key, _SETS.c.former_name.is_(None))
            .values(**values)
        )
        if landed.rowcount != 1:
            raise StoreError(f"Job set number {job_set_key} cannot be changed: it was deleted.")
        check(connection)

    database.write(work, repeatable=True)


def change_tags(
    database: Database,
    job_set_key: int,
    change: Callable[[tuple[str, ...]], tuple[str, ...]],
) -> tuple[str, ...]:
    """Change the tags of a job set in one transaction, so that no other change is lost.

    Raises:
        StoreError: The job set was deleted.
    """
    which = (_SETS.c.key == job_set_key, _SETS.c.former_name.is_(None))

    def work(connection: Connection) -> tuple[str, ...]:
        row = connection.execute(select(_SETS.c.tags).where(*which).with_for_update()).one_or_none()
        if row is None:
            raise StoreError(f"Job set number {job_set_key} cannot be changed: it was deleted.")
        tags = change(tags_from(row.tags))
        connection.execute(update(_SETS).where(*which).values(tags=tags_text(tags)))
        return tags

    return database.write(work, repeatable=True)


def request(
    database: Database, job_set_key: int, kind: RequestKind, job_index: int | None = None
) -> None:
    """Store a request for the driver of a job set.

    Raises:
        StoreError: The job set was deleted.
    """
    values = (literal(kind.value), literal(job_index, BigInteger))
    whole = select(_SETS.c.key, *values).where(
        _SETS.c.key == job_set_key, _SETS.c.former_name.is_(None)
    )
    new = insert(_REQUESTS).from_select(["job_set", "kind", "job_index"], whole)

    def work(connection: Connection) -> None:
        if connection.scalar(new.returning(_REQUESTS.c.key)) is None:
            raise StoreError(f"Job set number {job_set_key} takes no request: it was deleted.")

    database.write(work)


def _held_by(token: Token) -> tuple[ColumnElement[bool], ...]:
    # The fence counts, too: a process may have lost the lease and claimed it again meanwhile.
    row = _SETS.c
    newest = (row.owner == token.owner, row.fence == token.fence)
    return (row.key == token.job_set_key, *newest, row.former_name.is_(None))


def _must_hold(connection: Connection, token: Token) -> None:
    """Raise unless the token is the newest of its job set.

    Raises:
        LeaseLostError: Somebody has claimed since, or nobody has the lease, or the job set was
            deleted.
    """
    row = _SETS.c
    found = connection.execute(
        select(row.name, row.owner, row.fence, row.former_name).where(row.key == token.job_set_key)
    ).one_or_none()
    if found is None or found.former_name is not None:
        raise LeaseLostError(f"Job set number {token.job_set_key} was deleted meanwhile.")
    if (found.owner, found.fence) != (token.owner, token.fence):
        raise LeaseLostError(
            f"Another process took over the job set {found.name!r} meanwhile. Nothing is lost: "
            f"open it again, or {ways.AGAIN}."
        )


def name_in_use(database: Database, name: str) -> NameInUseError | None:
    """Return the error that a job set has a name, or ``None`` if none has it."""
    found = database.read(select(_SETS.c.job_set_id).where(_SETS.c.name == name))
    if not found:
        return None
    return NameInUseError(
        f"The job set {found[0].job_set_id} has the name {name!r} already: choose another name, "
        "or delete or rename that one."
    )


def refuse_name_of_group(database: Database, connection: Connection, name: str) -> None:
    """Refuse to give a job set the name of a group.

    Raises:
        NameOfGroupError: A group has it.
    """
    if database.run(connection, GROUP_NAMED, {"name": name}):
        raise NameOfGroupError(name)


def _must_be_whole(one: EncodedBlock) -> None:
    block = one.block
    if one.reused is not None and len(block.jobs) != 1:
        raise StoreError(f"A block with a reused result has {len(block.jobs)} jobs, and not one.")
    if len(one.experiments) != block.stop - block.start or not block.jobs:
        raise StoreError(
            f"A block of experiments {block.start} to {block.stop} with {len(block.jobs)} jobs "
            f"came with {len(one.experiments)} experiments."
        )


def _payloads(job_set_key: int, one: EncodedBlock) -> list[dict[str, Any]]:
    place = {"job_set": job_set_key, "start": one.block.start}
    return [{**place, **blob_values(one.payload, job_set_key, one.block.start)}]


def _experiments(job_set_key: int, one: EncodedBlock) -> list[dict[str, Any]]:
    return [
        {
            "job_set": job_set_key,
            "position": index,
            "name": experiment.name,
            "content_hash": experiment.content_hash,
        }
        for index, experiment in enumerate(one.experiments, one.block.start)
    ]


def _jobs(later: int, job_set_key: int, one: EncodedBlock) -> list[dict[str, Any]]:
    return [
        {
            "job_set": job_set_key,
            "position": job.index + later,
            "start": one.block.start,
            "stop": one.block.stop,
            "shots": job.shots,
            "share": job.share,
            "shares": job.shares,
            "state": _state_of(one).value,
            "attempts": 0 if one.reused is None else 1,
            "has_result": one.reused is not None,
            "cancel_requested": False,
            "circuits": job.circuits,
            "estimate_s": job.estimate_s,
        }
        for job in one.block.jobs
    ]


def append_late_event(
    database: Database, job_set_key: int, at: datetime, job_index: int, event: str, cause: str
) -> None:
    """Append an event about a submission that came late; harmless when the set was deleted."""
    values = {
        "job_set": job_set_key,
        "at": microseconds(at),
        "job_index": job_index,
        "event": event,
        "cause": clean(cause),
        "attempt": None,
        "before": None,
        "after": None,
    }

    def work(connection: Connection) -> None:
        if connection.scalar(select(_SETS.c.key).where(_SETS.c.key == job_set_key)):
            database.run(connection, write_statements.NEW_EVENT, values)

    database.write(work)
