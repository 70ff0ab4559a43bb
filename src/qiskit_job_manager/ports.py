"""The protocols of a store, a backend and a clock, as the engine and the command line use them.

The docstrings are the contract. `qiskit_job_manager.testing` has a test suite for each protocol.
Every implementation passes it: ours, and those of other authors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from qiskit_job_manager.optional_ports import (
    DeletesJobs,
    DryRuns,
    HasAllowance,
    HasCalibration,
    Reopens,
)
from qiskit_job_manager.search_port import StoreSearch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from qiskit_job_manager.model import (
        Advance,
        AttemptRecord,
        Blob,
        EncodedBlock,
        EventRecord,
        ExperimentKind,
        ExperimentRecord,
        JobRecord,
        JobSetDraft,
        JobSetHistory,
        JobSetRecord,
        JobState,
        Limits,
        Observation,
        RawResult,
        RemoteFigures,
        RemoteStatus,
        Request,
        RequestKind,
        Snapshot,
        StoredResult,
        Token,
        Totals,
        Usage,
    )

__all__ = [
    "Backend",
    "Capabilities",
    "Clock",
    "DeletesJobs",
    "DryRuns",
    "HasAllowance",
    "HasCalibration",
    "Reopens",
    "SearchableStore",
    "Store",
    "StoreSearch",
]


class Clock(Protocol):
    """Gives the time; nothing else in the package asks for it. Any thread may call it."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC. It is recorded, never compared for safety."""

    def monotonic(self) -> float:
        """Return seconds that never decrease; only differences have a meaning."""

    def since_boot(self) -> float:
        """Return seconds that only grow, and go on while the machine is suspended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a backend can and cannot do.

    Attributes:
        volatile: Its jobs die with the process that submitted them; submitting again is free.
        findable: `find` can search for a tag.
        listing_lag_s: Seconds after which `find` is sure to find an accepted job.
        idempotent: Submitting the same tag twice gives the same job.
        reads_once: A result can be fetched only once.
        bulk_status: `statuses` asks about many jobs in one call.
        cancels: `cancel` does something.
        may_duplicate: One `submit` may create several jobs, because the client repeats requests
            by itself. `find_duplicates` finds them.
        reports_usage_late: The backend may report the usage of a job only after its result was
            fetched. `fetch_usage` asks for it.
        awaits: `fetch` of a job that still runs waits for its end, for seconds and not for
            minutes, and raises `JobNotEndedError` if the job goes on. Its results must say by
            themselves whether a job failed. This is ignored where results can be read only once.
        concurrent_submissions: `submit` may be called again before an earlier call has returned.
        reports_ends: `wait_for_ends` says which jobs have ended, so that they are seldom asked
            about.
        pending_jobs: Jobs that it can make use of at once, ``None``: not known. Unlike a limit it
            is never stored, and may change.
    """

    volatile: bool = False
    findable: bool = False
    listing_lag_s: float = 0.0
    idempotent: bool = False
    reads_once: bool = False
    bulk_status: bool = False
    cancels: bool = True
    may_duplicate: bool = False
    reports_usage_late: bool = False
    awaits: bool = False
    concurrent_submissions: bool = True
    reports_ends: bool = False
    pending_jobs: int | None = None


class Backend(Protocol):
    """What runs circuits, seen through an adapter.

    An adapter belongs to one manager. Its methods block and are called from several threads at
    once. The engine may abandon each call at its deadline, so no method may hold a lock while it
    waits for the network. No adapter retries a submission by itself, and none calls the engine.
    """

    @property
    def name(self) -> str:
        """Its name, for messages and for `ManagedResults.backend_name`."""

    @property
    def uri(self) -> str | None:
        """How another process opens it (``"aer"``, ``"fake:torino"``), or ``None``."""

    @property
    def account(self) -> str:
        """A text that names the account whose limits on jobs and submissions apply.

        Backends with the same account share these limits. The text may be logged: it must not
        contain a secret or identify a person.
        """

    @property
    def takes(self) -> ExperimentKind:
        """The kind of experiments that it runs."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; the same for the whole life of the adapter, but for `pending_jobs`."""

    def limits(self) -> Limits:
        """Return what is known of its limits. Does not ask the network."""

    def check(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:
        """Check that one experiment can run here, without the network.

        Args:
            experiment: What the user handed over: a circuit or a PUB.
            index: Its index in the job set, for the message.
            options: The run options.

        Raises:
            InvalidExperimentError: It cannot run; the message names index, name and reason.
        """

    def estimate_usage_s(self, circuits: int, shots: int | None) -> float | None:
        """Estimate the quantum seconds that a job is charged for. Does not ask the network.

        Args:
            circuits: Circuits of the job after parameter broadcasting.
            shots: Shots of each, or ``None`` for the backend's default.

        Returns:
            Seconds, or ``None`` where running is free or the charge is not known.
        """

    def submit(
        self, payload: Blob, options: Mapping[str, Any], tag: str, labels: Sequence[str] = ()
    ) -> str:
        """Submit one job.

        Args:
            payload: The encoded experiments of the job, in order.
            options: Run options of this job; ``"shots"`` is that of the job's share.
            tag: Our unique mark on this attempt; store it where `find` can find it, if possible.
            labels: First the label of the job set, which `find_duplicates` looks for, then the
                user's own tags; store them beside the tag where there is a place for them.

        Returns:
            The backend's id of the job: a definite yes.

        Raises:
            SubmissionTooLargeError: A definite no: the job is too large; half of it may fit.
            SubmissionRefusedError: A definite no, for good.
            SubmissionDeferredError: A definite no for now.
            CredentialsError: A definite no until the user logs in again.
            Exception: Anything else leaves the job in doubt.
        """

    def find(self, tag: str) -> Sequence[str]:
        """Return the ids of all jobs with this tag, oldest first. Called only if `findable`."""

    def find_duplicates(self, label: str) -> Mapping[str, Sequence[str]]:
        """Return the ids of all jobs with a label, by their tags, oldest first.

        A tag with more than one id has duplicates. Called only if `may_duplicate`.

        Args:
            label: The first of the labels that the jobs were submitted with.
        """

    def fetch_usage(self, label: str, remote_ids: Sequence[str]) -> Mapping[str, RemoteFigures]:
        """Return what the backend measured of jobs with a label, as far as it is known.

        Called only if `reports_usage_late`.

        Args:
            label: The first of the labels that the jobs were submitted with.
            remote_ids: The jobs; leave out those of which nothing is known.
        """

    def statuses(self, remote_ids: Sequence[str]) -> Mapping[str, RemoteStatus]:
        """Return the status of each job; a job whose status is not known now is missing.

        A job that the backend does not have any more is `RemoteState.GONE`.

        Raises:
            TransientBackendError: The backend could not be asked about any of them.
            CredentialsError: The user must log in again.
        """

    def fetch(self, remote_id: str) -> RawResult:
        """Fetch the result of a job that has ended, as raw bytes.

        Also called for jobs that ended in error, as they may have partial results; and, with the
        capability `awaits`, for jobs that still run.

        Raises:
            RemoteJobFailedError: The job ended in error and has no result.
            RemoteJobNotRunError: It was ended before it ran, and nothing was charged.
            JobNotEndedError: The job still runs.
            ResultGoneError: The result was deleted, or can be read only once and was read.
            CredentialsError: The user must log in again.
            Exception: Anything else counts as transient.
        """

    def wait_for_ends(self, timeout_s: float) -> Mapping[str, RemoteStatus]:
        """Return the jobs that have ended, each once, and wait for the first of them.

        Called only if `reports_ends`, by one thread at a time. What it leaves out is found by
        `statuses`, some seconds later.

        Args:
            timeout_s: The longest wait; nothing is returned after it.

        Returns:
            The last status of each, by its id.
        """

    def cancel(self, remote_id: str) -> None:
        """Ask the backend to cancel a job; its status shows whether it was cancelled."""

    def error_message(self, remote_id: str) -> str | None:
        """Return the backend's own message on why a job failed, or ``None``."""


class Store(Protocol):
    """The database. Any thread may call it. Each method but `delete_job_set` is one transaction.

    A store makes no calls and starts no thread. Every read gives what was committed. Each method
    may raise `StoreError` or a subclass; then nothing is half written.
    """

    @property
    def url(self) -> str:
        """Its location, without the password."""

    @property
    def lease_s(self) -> float | None:
        """Seconds that a lease lasts after `claim` or `renew`; ``None``: as long as its process."""

    def close(self) -> None:
        """Give back the leases that were claimed here; harmless when closed already.

        Every other method raises `StoreError` afterwards.
        """

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
        """Begin a job set, take its lease, and append its first blocks.

        All of it is one transaction: no other driver can claim the job set in between.

        Args:
            draft: What the user asked for.
            owner: Identity of the driver, as for `claim`.
            blocks: The first blocks of the plan, as for `add_blocks`; by default it has none yet.
            are_last: Whether the job set is complete with them.
            environment: What the process that hands over runs in; it is the first observation.

        Raises:
            NameInUseError: Another job set has the name.
            StoreCopiedError: The store is a copy, as for `ensure_original`.
            StoreError: A block is not the next one.
        """

    def add_blocks(
        self, token: Token, blocks: Sequence[EncodedBlock], *, are_last: bool = False
    ) -> None:
        """Append blocks: their experiments, their jobs (planned) and payloads, all or nothing.

        Args:
            token: The lease, as its owner got it from `create_job_set` or `claim`, and the newest
                of the job set. The hand-over and the engine of one process share it.
            blocks: The next blocks of the plan, in order; the first begins where the stored
                experiments end.
            are_last: Whether the job set is complete with them, as after `complete_job_set`.

        Raises:
            LeaseLostError: The lease was claimed since, or the job set was deleted.
            StoreError: The job set is complete, or a block is not its next one.
        """

    def extend_job_set(
        self, job_set_key: int, blocks: Sequence[EncodedBlock], at: datetime
    ) -> bool:
        """Append blocks to a complete job set, whichever process drives it.

        This needs no lease, as it changes nothing that a driver knows: it only adds, behind all
        that is stored. In the same transaction it stores the request `RequestKind.EXTENDED`, by
        which the driver learns of the new jobs, and the event ``extended``.

        Args:
            job_set_key: The job set.
            blocks: The next blocks, as for `add_blocks`.
            at: When, in UTC.

        Returns:
            ``False`` if nothing was written: the job set is not complete, is deleted, or its
            experiments do not end where the first block begins, as others were added meanwhile.
        """

    def complete_job_set(self, token: Token) -> None:
        """Record that all experiments were handed over.

        Raises:
            LeaseLostError: Another driver has the lease, or the job set was deleted.
        """

    def import_job_set(self, history: JobSetHistory) -> JobSetRecord:
        """Store a job set that ended in another store, with its id and all its past, or nothing.

        What the parts of the history raise while they are read is raised here.

        Raises:
            NameInUseError: Another job set has the name.
            StoreError: The store has the job set already, or one of its attempts.
        """

    def delete_job_set(
        self, token: Token, *, expected: Mapping[JobState, int] | None = None
    ) -> None:
        """Remove a job set and all that belongs to it; harmless when it is gone.

        A large job set takes many transactions, and others can write between them. After the
        first one no look-up finds the job set, its lease is void, and its name is free. If a
        crash cuts the deletion off, `delete_rest` removes what is left.

        Args:
            token: The lease, as for `add_blocks`.
            expected: How many jobs are in each state; ``None``: it does not matter.

        Raises:
            LeaseLostError: Another driver has the lease; nothing was deleted.
            JobManagerInvalidStateError: There are other jobs by now; nothing was deleted.
        """

    def half_deleted(self) -> list[JobSetRecord]:
        """Return the job sets whose deletion has begun and not ended, under their former names.

        They count as complete, and no job of theirs counts any more.
        """

    def delete_rest(self, job_set_key: int) -> None:
        """Remove what is left of a half-deleted job set; harmless when it is gone.

        Raises:
            LeaseLostError: The job set is not half deleted; nothing was deleted.
        """

    # -- finding --------------------------------------------------------------------------------

    def reading(self) -> AbstractContextManager[None]:
        """Return a context in which small reads of this thread may be one transaction.

        It is for reads that follow each other at once: a writer may have to wait for its end.
        """

    def job_set(self, job_set_id: str) -> JobSetRecord | None:
        """Return the job set with this id, or ``None``."""

    def job_set_named(self, name: str) -> JobSetRecord | None:
        """Return the job set with this name, or ``None``."""

    def job_sets_by_prefix(self, prefix: str, limit: int) -> list[JobSetRecord]:
        """Return up to ``limit`` job sets whose id begins with ``prefix``."""

    def job_sets(self, *, before: JobSetRecord | None = None, limit: int) -> list[JobSetRecord]:
        """Return up to ``limit`` job sets, newest first, those older than ``before`` if given."""

    def unfinished(self, limit: int | None = None) -> list[JobSetRecord]:
        """Return up to ``limit`` job sets with something left to do, oldest first.

        That is a job that has not ended, or a request that no driver has handled. They come in the
        order of their keys, which no clock can change.
        """

    def totals(self, job_set_key: int) -> Totals:
        """Count jobs and experiments by state."""

    def totals_of(self, job_set_keys: Sequence[int]) -> dict[int, Totals]:
        """Count jobs and experiments by state of many job sets at once, by their keys."""

    def jobs(
        self,
        job_set_key: int,
        *,
        states: Iterable[JobState] | None = None,
        after: int = -1,
        limit: int | None = None,
    ) -> list[JobRecord]:
        """Return jobs in the order of their index.

        Args:
            job_set_key: The job set.
            states: Only jobs in these states; ``None`` means all.
            after: Only jobs with a greater index.
            limit: The most jobs to return; ``None`` means all.
        """

    def last_jobs(
        self, job_set_key: int, *, states: Iterable[JobState], limit: int
    ) -> list[JobRecord]:
        """Return up to ``limit`` of the last jobs in some states, in the order of their index."""

    def jobs_covering(self, job_set_key: int, index: int) -> list[JobRecord]:
        """Return the jobs that run this experiment, one for each share of its shots, in order."""

    def experiment(self, job_set_key: int, index: int) -> ExperimentRecord | None:
        """Return one experiment, or ``None``."""

    def experiments(
        self, job_set_key: int, *, start: int = 0, stop: int | None = None
    ) -> Iterator[ExperimentRecord]:
        """Yield experiments in order, reading in pages."""

    def indices(self, job_set_key: int, name: str, limit: int | None = None) -> list[int]:
        """Return the indices of the experiments with this name, in order."""

    def indices_with_content(
        self, job_set_key: int, content_hash: bytes, limit: int, name: str | None = None
    ) -> list[int]:
        """Return the indices of the first experiments with this content, in order.

        Args:
            job_set_key: The job set.
            content_hash: The hash of the content, 32 bytes.
            limit: At most so many.
            name: Only experiments with this name; ``None`` means any name.
        """

    def places_of_contents(
        self, job_set_key: int, content_hashes: Iterable[bytes], stop: int
    ) -> Mapping[bytes, Sequence[tuple[int, str]]]:
        """Return the indices and names of all experiments with some contents, each in order.

        Args:
            job_set_key: The job set.
            content_hashes: The hashes of the contents; those that no experiment has are left out.
            stop: Only experiments before this index.
        """

    def places_of_content(
        self, job_set_keys: Iterable[int], content_hash: bytes
    ) -> list[tuple[int, int]]:
        """Return where a content is in some job sets: their keys and indices, in no certain order.

        Args:
            job_set_keys: The job sets.
            content_hash: The hash of the content, 32 bytes.
        """

    def unique_names(self, job_set_key: int, start: int, stop: int) -> dict[str, int]:
        """Return the index by name of experiments in a range, where no other has the name."""

    def payload(self, job_key: int) -> Blob:
        """Return the encoded experiments of a job.

        Raises:
            StoreCorruptError: The bytes do not match their checksum.
        """

    def result(self, job_key: int) -> Blob | None:
        """Return the raw result of a job, or ``None`` if none is stored.

        Raises:
            StoreCorruptError: The bytes do not match their checksum.
        """

    def results(self, job: JobRecord) -> Iterator[StoredResult]:
        """Yield every raw result of a job, oldest first; `result` returns only the newest.

        Raises:
            StoreCorruptError: The bytes of one do not match their checksum.
        """

    def attempts(self, job_key: int) -> list[AttemptRecord]:
        """Return the attempts of a job, oldest first."""

    def attempts_tagged(
        self, job_set_key: int, tags: Iterable[str]
    ) -> list[tuple[int, AttemptRecord]]:
        """Return the attempts with these tags, each as the index of its job and the attempt."""

    def usage(self, job_set_key: int) -> Usage:
        """Return what the attempts use that a backend has, or may have, accepted."""

    def events(self, job_set_key: int, job_index: int | None = None) -> Iterator[EventRecord]:
        """Yield the events of a job set, or of one of its jobs, oldest first, in pages."""

    def last_events(
        self, job_set_key: int, job_index: int | None = None, *, limit: int
    ) -> list[EventRecord]:
        """Return the newest of these events, at most ``limit``, oldest first."""

    def duplicates(
        self, job_set_key: int | None = None, *, limit: int
    ) -> list[tuple[int, EventRecord]]:
        """Return the newest events about duplicates, each after the key of its job set.

        Args:
            job_set_key: Only those of this job set; ``None``: of all.
            limit: At most so many.
        """

    def observations(self, job_set_key: int) -> list[Observation]:
        """Return what was seen of the processes and the backend of a job set, oldest first."""

    def snapshot(self, sha256: bytes) -> Snapshot:
        """Return a snapshot that an observation names.

        Raises:
            StoreCorruptError: The store does not have it.
        """

    # -- what users may write without a lease ---------------------------------------------------

    def record_late_acceptance(
        self, job_set_key: int, at: datetime, job_index: int, cause: str, *, is_certain: bool = True
    ) -> None:
        """Append the event ``accepted late``, or ``perhaps accepted late``; it needs no lease.

        A backend may accept a job after its driver has lost the lease. That must not be forgotten.
        """

    def observe(
        self, job_set_key: int, seen: Observation, snapshot: Snapshot | None = None
    ) -> bool:
        """Record what a process or a backend was seen as; it needs no lease, as it stays true.

        If the newest observation of this kind names the same snapshot and has the same note, its
        `Observation.last_at` grows instead. The snapshot is stored unless the store has it.

        Args:
            job_set_key: The job set.
            seen: What was seen.
            snapshot: The snapshot that it names; ``None`` if it names none.

        Returns:
            ``False`` when the job set was deleted: nothing was written.
        """

    def rename(self, job_set_key: int, name: str) -> None:
        """Give a job set another name.

        Raises:
            NameInUseError: Another job set has it.
        """

    def change_tags(
        self, job_set_key: int, change: Callable[[tuple[str, ...]], tuple[str, ...]]
    ) -> tuple[str, ...]:
        """Change the user's tags of a job set, and return them.

        Args:
            job_set_key: The job set.
            change: Returns the new tags of those that it has. No other change comes between.
        """

    def set_note(self, job_set_key: int, note: str | None) -> None:
        """Replace what the user wrote about a job set; ``None``: nothing."""

    def set_max_usage(self, job_set_key: int, max_usage_s: float | None) -> None:
        """Change how many quantum seconds a job set may use; ``None``: any."""

    def set_max_cost(self, job_set_key: int, max_cost: float | None) -> None:
        """Change what a job set may cost, at its own prices; ``None``: any sum."""

    def request(self, job_set_key: int, kind: RequestKind, job_index: int | None = None) -> None:
        """Store a request for the driver."""

    def requests(self, job_set_key: int) -> list[Request]:
        """Return the requests that the driver has not handled yet, oldest first."""

    def ensure_original(self) -> None:
        """Make sure that this is no copy of a store that another process may go on with.

        Raises:
            StoreCopiedError: It may be one; it can be read, and must not be driven.
        """

    def adopt(self) -> None:
        """Take this for the original from now on; the user decided so."""

    # -- driving --------------------------------------------------------------------------------

    def claim(self, job_set_key: int, owner: str) -> Token | None:
        """Take the lease of a job set, or return ``None`` while another live driver has it.

        Where the machine reports a death (a kernel lock), the lease of a driver that died is free
        at once; elsewhere it is free when it has run out. Every claim raises the fence, so that
        the writes with earlier tokens fail. `Token.took_over` says whether the lease of another
        driver had run out, so that this driver may live and act late.

        Args:
            job_set_key: The job set.
            owner: Identity of the driver; fresh for each start of a process.
        """

    def renew(self, token: Token) -> bool:
        """Keep the lease; ``False`` means that another driver has it."""

    def release(self, token: Token) -> None:
        """Give the lease back; harmless when it is not held any more."""

    def driver(self, job_set_key: int) -> str | None:
        """Return the identity of the live driver, or ``None`` when there is none."""

    def advance(
        self, token: Token, steps: Sequence[Advance], *, releases: bool = False
    ) -> list[bool]:
        """Write steps of jobs in one transaction, and return for each whether it landed.

        A step lands when the job is in its expected state. None lands when the token is stale.
        A landed step also appends an event if the state or the attempt changes, or if it brings a
        result. A step that halves a job keeps the first half in that job, and adds a job with the
        second half, planned and numbered after all others; the job must be alone in its block.

        Args:
            token: The lease.
            steps: The steps.
            releases: Whether to give the lease back, too, if every step lands.

        Returns:
            One truth value a step, in order. ``False``: nothing of that step was written.
        """

    def attempts_without_usage(self, job_set_key: int, limit: int) -> list[AttemptRecord]:
        """Return up to ``limit`` attempts that a backend accepted and whose usage is unknown."""

    def store_usage(self, token: Token, figures: Mapping[str, RemoteFigures]) -> bool:
        """Store what a backend measured of attempts, by their tags, in place of what was known.

        Returns:
            ``False`` when the token is stale: nothing was written.
        """

    def append_event(
        self, token: Token, at: datetime, job_index: int, event: str, cause: str
    ) -> bool:
        """Append an event of a job that changes nothing; ``False`` when the token is stale."""

    def finish_request(self, token: Token, request: Request) -> bool:
        """Remove a request that was handled; ``False`` when the token is stale."""


class SearchableStore(Store, StoreSearch, Protocol):
    """A store that the faces can search."""
