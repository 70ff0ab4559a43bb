"""The store: every method of the port `ports.Store`, in the order in which the port has them.

What takes more than a few lines is a function of another module, named after what it holds.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import JobManagerInvalidStateError
from qiskit_job_manager.stores import (
    delete,
    driver_writes,
    hand_over,
    identity,
    imports,
    job_counts,
    observations,
    read_statements,
    reads,
    search,
)
from qiskit_job_manager.stores.groups import Groups
from qiskit_job_manager.stores.identity import store_ids, take_new_identity
from qiskit_job_manager.stores.notices import Notices
from qiskit_job_manager.stores.rows import (
    experiment_from,
    job_from,
    request_from,
    totals_from,
)
from qiskit_job_manager.stores.versions import refuse_newer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from qiskit_job_manager.model import (
        Advance,
        AttemptRecord,
        Blob,
        EncodedBlock,
        EventRecord,
        ExperimentRecord,
        JobRecord,
        JobSetDraft,
        JobSetHistory,
        JobSetRecord,
        JobState,
        Observation,
        RemoteFigures,
        Request,
        RequestKind,
        Snapshot,
        StoredResult,
        Token,
        Totals,
        Usage,
    )
    from qiskit_job_manager.model.groups import GroupDraft
    from qiskit_job_manager.model.search import (
        ErrorCount,
        JobFilter,
        JobSetFilter,
        JobSetOrder,
        RecentTotals,
    )
    from qiskit_job_manager.stores.database import Database
    from qiskit_job_manager.stores.leases import Leases
    from qiskit_job_manager.stores.store_files import StoreFiles


class _MovedError(Exception):
    """The file was copied or moved since it was made."""


class SqlStore:
    """A `ports.Store` on SQLAlchemy; `open_store` makes it.

    Args:
        database: The open database, with the newest schema.
        leases: Who may drive its job sets.
        files: What belongs to it and is not in the database.
    """

    def __init__(self, database: Database, leases: Leases, files: StoreFiles) -> None:
        self._database = database
        self._leases = leases
        self._files = files

    @property
    def url(self) -> str:
        """Where it is, without password."""
        return self._database.url

    @property
    def spool_folders(self) -> list[Path]:
        """The folder for results that are not stored yet, then others that may have some."""
        return self._files.spool_folders()

    @property
    def lease_s(self) -> float | None:
        """Seconds that a lease lasts, or ``None`` where it lasts as long as its process."""
        return self._leases.lease_s

    @property
    def notices(self) -> Notices:
        """What users want to be told of its job sets, and what they were told."""
        return Notices(self._database)

    def close(self) -> None:
        """Give back the leases that were claimed here and close all connections."""
        if self._database.is_usable:
            self._leases.close()
        self._database.close()

    # -- handing over ---------------------------------------------------------------------------

    def create_job_set(
        self,
        draft: JobSetDraft,
        owner: str,
        blocks: Sequence[EncodedBlock] = (),
        *,
        are_last: bool = False,
        environment: Snapshot | None = None,
    ) -> tuple[JobSetRecord, Token]:
        """Begin a job set, take its lease and append its first blocks, in one transaction."""
        check = self._must_be_current
        beginning = hand_over.Beginning(draft, blocks, are_last, environment, check)
        try:
            return self._leases.create(beginning, owner)
        except _MovedError:
            self.ensure_original()
            return self._leases.create(beginning, owner)

    @property
    def groups(self) -> Groups:
        """The groups of its job sets."""
        return Groups(self._database)

    def begin_group(
        self, draft: GroupDraft, job_sets: Sequence[JobSetDraft], environment: Snapshot | None
    ) -> None:
        """Store a group with its job sets, which have no experiments yet; see `Groups.begin`."""
        beginning = (draft, job_sets, environment, self._must_be_current)
        try:
            self.groups.begin(*beginning)
        except _MovedError:
            self.ensure_original()
            self.groups.begin(*beginning)

    def _must_be_current(self, connection: Connection) -> None:
        """Check in a transaction that this program may write new job sets to the database."""
        refuse_newer(self._database, connection)
        identity.ensure_newest(self._database, self._files, connection)
        path = self._files.path
        if path is not None and not identity.is_in_place(connection, path):
            raise _MovedError

    def add_blocks(
        self, token: Token, blocks: Sequence[EncodedBlock], *, are_last: bool = False
    ) -> None:
        """Append blocks: their experiments, their jobs (planned) and their payloads."""
        hand_over.add_blocks(self._database, token, blocks, are_last=are_last)

    def extend_job_set(
        self, job_set_key: int, blocks: Sequence[EncodedBlock], at: datetime
    ) -> bool:
        """Append blocks to a complete job set, whichever process drives it."""
        return hand_over.extend_job_set(self._database, job_set_key, blocks, at)

    def complete_job_set(self, token: Token) -> None:
        """Record that all experiments were handed over."""
        hand_over.complete_job_set(self._database, token)

    def import_job_set(self, history: JobSetHistory) -> JobSetRecord:
        """Store a job set that ended in another store, also one that is half deleted here."""
        while True:
            for left in self.half_deleted():
                if left.job_set_id == history.draft.job_set_id:
                    self.delete_rest(left.key)
            with contextlib.suppress(imports.HalfDeletedError):  # its deletion began just now
                return imports.import_job_set(self._database, history)

    def delete_job_set(
        self, token: Token, *, expected: Mapping[JobState, int] | None = None
    ) -> None:
        """Remove a job set and all that belongs to it; harmless when it is gone."""
        is_held = False
        try:
            delete.delete_job_set(self._database, token, expected)
        except JobManagerInvalidStateError:
            is_held = True  # nothing was deleted
            raise
        finally:
            if not is_held:
                self._leases.forget(token)

    def delete_rest(self, job_set_key: int) -> None:
        """Remove what is left of a job set that is half deleted; harmless when it is gone."""
        delete.delete_rest(self._database, job_set_key)

    def half_deleted(self) -> list[JobSetRecord]:
        """Return the job sets whose deletion began and has not ended, under their former names."""
        return delete.half_deleted(self._database)

    # -- finding --------------------------------------------------------------------------------

    def reading(self) -> AbstractContextManager[None]:
        """Return a context in which the small reads of this thread are one transaction."""
        return self._database.together()

    def job_set(self, job_set_id: str) -> JobSetRecord | None:
        """Return the job set with this id, or ``None``."""
        return reads.job_set(self._database, job_set_id=job_set_id)

    def job_set_named(self, name: str) -> JobSetRecord | None:
        """Return the job set with this name, or ``None``."""
        return reads.job_set(self._database, name=name)

    def job_sets_by_prefix(self, prefix: str, limit: int) -> list[JobSetRecord]:
        """Return up to ``limit`` job sets whose id begins with ``prefix``."""
        return reads.job_sets_by_prefix(self._database, prefix, limit)

    def job_sets(self, *, before: JobSetRecord | None = None, limit: int) -> list[JobSetRecord]:
        """Return up to ``limit`` job sets, newest first, those older than ``before`` if given."""
        return reads.job_sets(self._database, before, limit)

    def unfinished(self, limit: int | None = None) -> list[JobSetRecord]:
        """Return up to ``limit`` job sets with something left to do, oldest first."""
        return reads.unfinished(self._database, limit)

    def totals(self, job_set_key: int) -> Totals:
        """Count jobs and experiments by state."""
        return totals_from(self._database.quick(read_statements.TOTALS, {"set": job_set_key}))

    def totals_of(self, job_set_keys: Sequence[int]) -> dict[int, Totals]:
        """Count jobs and experiments by state of many job sets at once, by their keys."""
        return reads.totals_of(self._database, job_set_keys)

    def jobs(
        self,
        job_set_key: int,
        *,
        states: Iterable[JobState] | None = None,
        after: int = -1,
        limit: int | None = None,
    ) -> list[JobRecord]:
        """Return jobs in the order of their index."""
        wanted = None if states is None else tuple(sorted(set(states)))
        if wanted == ():
            return []
        values = {"set": job_set_key, "after": after} | ({} if limit is None else {"limit": limit})
        rows = self._database.quick(read_statements.jobs(wanted, limited=limit is not None), values)
        return [job_from(row) for row in rows]

    def last_jobs(
        self, job_set_key: int, *, states: Iterable[JobState], limit: int
    ) -> list[JobRecord]:
        """Return the last jobs in some states, in the order of their index."""
        statement = read_statements.last_jobs(tuple(sorted(set(states))))
        rows = self._database.quick(statement, {"set": job_set_key, "limit": limit})
        return [job_from(row) for row in reversed(rows)]

    def jobs_covering(self, job_set_key: int, index: int) -> list[JobRecord]:
        """Return the jobs that run this experiment, one a share, in order; empty if none does."""
        rows = self._database.quick(read_statements.COVERING, {"set": job_set_key, "index": index})
        return [job_from(row) for row in rows]

    def experiment(self, job_set_key: int, index: int) -> ExperimentRecord | None:
        """Return one experiment, or ``None``."""
        values = {"set": job_set_key, "index": index}
        found = self._database.quick(read_statements.EXPERIMENT, values)
        return experiment_from(found[0]) if found else None

    def experiments(
        self, job_set_key: int, *, start: int = 0, stop: int | None = None
    ) -> Iterator[ExperimentRecord]:
        """Yield experiments in order, reading in pages."""
        return reads.experiments(self._database, job_set_key, start, stop)

    def indices(self, job_set_key: int, name: str, limit: int | None = None) -> list[int]:
        """Return the indices of the experiments with this name, in order."""
        return reads.indices(self._database, job_set_key, name, limit)

    def indices_with_content(
        self, job_set_key: int, content_hash: bytes, limit: int, name: str | None = None
    ) -> list[int]:
        """Return the indices of the first experiments with this content, in order."""
        return reads.indices_with_content(self._database, job_set_key, content_hash, limit, name)

    def places_of_contents(
        self, job_set_key: int, content_hashes: Iterable[bytes], stop: int
    ) -> Mapping[bytes, Sequence[tuple[int, str]]]:
        """Return the indices and names of all experiments with some contents, each in order."""
        return reads.places_of_contents(self._database, job_set_key, content_hashes, stop)

    def places_of_content(
        self, job_set_keys: Iterable[int], content_hash: bytes
    ) -> list[tuple[int, int]]:
        """Return where a content is in some job sets: their keys and indices."""
        return reads.places_of_content(self._database, job_set_keys, content_hash)

    def unique_names(self, job_set_key: int, start: int, stop: int) -> dict[str, int]:
        """Return the index by name of experiments in a range, where no other has the name."""
        values = {"set": job_set_key, "start": start, "stop": stop}
        found: Any = self._database.quick(read_statements.UNIQUE_NAMES, values)
        return dict(found)

    def payload(self, job_key: int) -> Blob:
        """Return the encoded experiments of a job."""
        return reads.payload(self._database, job_key)

    def result(self, job_key: int) -> Blob | None:
        """Return the raw result of a job, or ``None`` if none is stored."""
        return reads.result(self._database, job_key)

    def results(self, job: JobRecord) -> Iterator[StoredResult]:
        """Yield every raw result of a job, oldest first, also those that a later one hides."""
        return reads.results(self._database, job)

    def attempts(self, job_key: int) -> list[AttemptRecord]:
        """Return the attempts of a job, oldest first."""
        return reads.attempts(self._database, job_key)

    def attempts_tagged(
        self, job_set_key: int, tags: Iterable[str]
    ) -> list[tuple[int, AttemptRecord]]:
        """Return the attempts that have one of some tags, each after the index of its job."""
        return reads.attempts_tagged(self._database, job_set_key, tags)

    def attempts_without_usage(self, job_set_key: int, limit: int) -> list[AttemptRecord]:
        """Return up to ``limit`` attempts that a backend accepted and whose usage is not known."""
        return reads.attempts_without_usage(self._database, job_set_key, limit)

    def usage(self, job_set_key: int) -> Usage:
        """Return the quantum seconds of the attempts of a job set."""
        return reads.usage(self._database, job_set_key)

    def events(self, job_set_key: int, job_index: int | None = None) -> Iterator[EventRecord]:
        """Yield the events of a job set, or of one of its jobs, oldest first, in pages."""
        return reads.events(self._database, job_set_key, job_index)

    def last_events(
        self, job_set_key: int, job_index: int | None = None, *, limit: int
    ) -> list[EventRecord]:
        """Return the newest events, at most so many, oldest first."""
        return reads.last_events(self._database, job_set_key, job_index, limit)

    def duplicates(
        self, job_set_key: int | None = None, *, limit: int
    ) -> list[tuple[int, EventRecord]]:
        """Return the newest events about duplicates, each after the key of its job set."""
        return reads.duplicates(self._database, job_set_key, limit)

    def requests(self, job_set_key: int) -> list[Request]:
        """Return the requests that the driver has not handled yet, oldest first."""
        rows = self._database.quick(read_statements.REQUESTS, {"set": job_set_key})
        return [request_from(row) for row in rows]

    def observations(self, job_set_key: int) -> list[Observation]:
        """Return what was seen of the processes and the backend of a job set, oldest first."""
        return observations.observations(self._database, job_set_key)

    def snapshot(self, sha256: bytes) -> Snapshot:
        """Return a snapshot that an observation names."""
        return observations.snapshot(self._database, sha256)

    # -- searching ------------------------------------------------------------------------------

    def find_job_sets(
        self, wanted: JobSetFilter, order: JobSetOrder, *, offset: int = 0, limit: int
    ) -> list[JobSetRecord]:
        """Return one page of the job sets that meet the conditions."""
        return search.find_job_sets(
            self._database, self.driver, wanted, order, offset=offset, limit=limit
        )

    def count_job_sets(self, wanted: JobSetFilter) -> int:
        """Count the job sets that meet the conditions."""
        return search.count_job_sets(self._database, self.driver, wanted)

    def jobs_by_backend(self) -> Mapping[tuple[str, JobState], int]:
        """Count all jobs by the name of their backend and their state."""
        return search.jobs_by_backend(self._database)

    def find_jobs(
        self, job_set_key: int, wanted: JobFilter, *, offset: int = 0, limit: int
    ) -> list[JobRecord]:
        """Return one page of the jobs that meet the conditions, in order."""
        return search.find_jobs(
            self._database, self.driver, job_set_key, wanted, offset=offset, limit=limit
        )

    def count_jobs(self, job_set_key: int, wanted: JobFilter) -> int:
        """Count the jobs that meet the conditions."""
        return search.count_jobs(self._database, self.driver, job_set_key, wanted)

    def count_errors(
        self, job_set_key: int, states: Iterable[JobState], *, limit: int
    ) -> list[ErrorCount]:
        """Count the jobs in some states by their error, the most frequent error first."""
        return search.count_errors(self._database, job_set_key, states, limit)

    def experiments_named(
        self, job_set_key: int, start: str, *, offset: int = 0, limit: int
    ) -> list[ExperimentRecord]:
        """Return one page of the experiments whose name begins so, by their names."""
        return search.experiments_named(self._database, job_set_key, start, offset, limit)

    def recent(self, failed_since: datetime, used_since: datetime) -> RecentTotals:
        """Return what happened lately to the newest jobs."""
        return search.recent(self._database, failed_since, used_since)

    def recent_attempts(self, backend_name: str, *, limit: int) -> list[AttemptRecord]:
        """Return the attempts of the newest jobs on a backend."""
        return search.recent_attempts(self._database, backend_name, limit)

    def mark(self, job_set_key: int | None = None) -> int:
        """Return a number that grows with each event: of one job set, or of all."""
        return search.mark(self._database, job_set_key)

    # -- what users may write without a lease ---------------------------------------------------

    def record_late_acceptance(
        self, job_set_key: int, at: datetime, job_index: int, cause: str, *, is_certain: bool = True
    ) -> None:
        """Append an event about a job that a backend accepted after the lease was lost."""
        event = "accepted late" if is_certain else "perhaps accepted late"
        hand_over.append_late_event(self._database, job_set_key, at, job_index, event, cause)

    def observe(
        self, job_set_key: int, seen: Observation, snapshot: Snapshot | None = None
    ) -> bool:
        """Record what a process or a backend was seen as; ``False``: the job set was deleted."""
        return observations.observe(self._database, job_set_key, seen, snapshot)

    def rename(self, job_set_key: int, name: str) -> None:
        """Give a job set another name."""
        hand_over.rename(self._database, job_set_key, name)

    def change_tags(
        self, job_set_key: int, change: Callable[[tuple[str, ...]], tuple[str, ...]]
    ) -> tuple[str, ...]:
        """Change the user's tags of a job set, and return them."""
        return hand_over.change_tags(self._database, job_set_key, change)

    def set_note(self, job_set_key: int, note: str | None) -> None:
        """Replace what the user wrote about a job set."""
        hand_over.change_job_set(self._database, job_set_key, note=note)

    def set_max_usage(self, job_set_key: int, max_usage_s: float | None) -> None:
        """Change how many quantum seconds a job set may use."""
        hand_over.change_job_set(self._database, job_set_key, max_usage_s=max_usage_s)

    def set_max_cost(self, job_set_key: int, max_cost: float | None) -> None:
        """Change what a job set may cost."""
        hand_over.change_job_set(self._database, job_set_key, max_cost=max_cost)

    def request(self, job_set_key: int, kind: RequestKind, job_index: int | None = None) -> None:
        """Store a request for the driver."""
        hand_over.request(self._database, job_set_key, kind, job_index)

    def ensure_original(self) -> None:
        """Make sure that this is no copy of a store that another process may go on with."""
        path = self._files.path
        if path is not None and not identity.ensure_original(self._database, path):
            self.adopt()
        identity.ensure_newest(self._database, self._files)

    def adopt(self) -> None:
        """Take this store for the original from now on."""
        reached = identity.generation(self._database)
        with self._database.writing() as connection:
            if self._files.path is not None:
                identity.record_place(connection, self._files.path)
            take_new_identity(connection, reached)
        self._files.store_ids = tuple(store_ids(self._database))

    # -- driving --------------------------------------------------------------------------------

    def claim(self, job_set_key: int, owner: str) -> Token | None:
        """Take the lease of a job set, or return ``None`` while another live driver has it."""
        refuse_newer(self._database)
        identity.ensure_newest(self._database, self._files)
        token = self._leases.claim(job_set_key, owner)
        if token is not None:
            job_counts.put_right(self._database, job_set_key)
        return token

    def renew(self, token: Token) -> bool:
        """Keep the lease; ``False`` means that another driver has it."""
        refuse_newer(self._database)
        return self._leases.renew(token)

    def release(self, token: Token) -> None:
        """Give the lease back; harmless when it is not held any more."""
        self._leases.release(token)

    def driver(self, job_set_key: int) -> str | None:
        """Return the identity of the live driver, or ``None`` when nobody drives."""
        return self._leases.driver(job_set_key)

    def advance(
        self, token: Token, steps: Sequence[Advance], *, releases: bool = False
    ) -> list[bool]:
        """Write steps of jobs in one transaction, and return which of them landed."""
        landed, reached = driver_writes.advance(self._database, token, steps, releases=releases)
        if releases and all(landed):
            self._leases.forget(token)
        if reached is not None:
            identity.record_beside(self._files, reached)
        return landed

    def store_usage(self, token: Token, figures: Mapping[str, RemoteFigures]) -> bool:
        """Store what the backend measured of attempts, by their tags."""
        return driver_writes.store_usage(self._database, token, figures)

    def append_event(
        self, token: Token, at: datetime, job_index: int, event: str, cause: str
    ) -> bool:
        """Append an event that changes nothing; ``False`` when the token is stale."""
        return driver_writes.append_event(self._database, token, at, job_index, (event, cause))

    def finish_request(self, token: Token, request: Request) -> bool:
        """Remove a request that was handled; ``False`` when the token is stale."""
        return driver_writes.finish_request(self._database, token, request)
