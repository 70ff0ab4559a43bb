"""What runs on the pool's threads: one function for each kind of call."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from qiskit_job_manager import ways
from qiskit_job_manager.engine.duplicate_submissions import labels_of
from qiskit_job_manager.engine.fetch_subprocess import fetch_once
from qiskit_job_manager.errors import (
    CodecError,
    StoreCorruptError,
    StoreError,
    SubmissionDeferredError,
    SubmissionRefusedError,
    SubmissionTooLargeError,
)
from qiskit_job_manager.lifecycle import CallKind
from qiskit_job_manager.model import Blob, Halves, JobRecord, RawResult, RemoteState, RemoteStatus
from qiskit_job_manager.planning import SEED_OPTIONS, derive_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qiskit_job_manager.codec.results import ResultReader
    from qiskit_job_manager.engine.spool import Spool
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import Backend, Store

# These are long: to give up too early costs more than a thread. IBM's client itself waits 900 s for
# the answer to a submission, and a large result may take minutes to arrive.
DEADLINES_S: Mapping[CallKind, float] = {
    CallKind.SUBMIT: 1000.0,
    CallKind.FIND: 120.0,
    CallKind.STATUS: 120.0,
    CallKind.FETCH: 1800.0,
    CallKind.AWAIT: 1800.0,
    CallKind.UNDERSTAND: 1800.0,
    CallKind.CANCEL: 120.0,
    CallKind.DUPLICATE_SEARCH: 600.0,
    CallKind.USAGE_POLL: 600.0,
    CallKind.END_WATCH: 600.0,
    CallKind.LATE_ACCEPTANCE: 600.0,
    CallKind.OBSERVE: 60.0,
}


END_WATCH_S = 5.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """A result, with the backend's words on why the job failed, if it did."""

    result: RawResult
    error: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a stored result says.

    Attributes:
        error: Why the job counts as failed, or ``None`` when all of it succeeded.
        failed_offsets: Offsets of the experiments that failed inside it.
        loss: What was asked for and is not in it, and why; or ``None``.
    """

    error: str | None
    failed_offsets: tuple[int, ...]
    loss: str | None = None


@dataclass(frozen=True, slots=True)
class Divided:
    """A definite no to the job as a whole; parts of it may do.

    Attributes:
        error: Why it is divided.
        halves: The parts.
    """

    error: str
    halves: Halves


def submission(
    backend: Backend,
    store: Store,
    job_set: JobSetRecord,
    job: JobRecord,
    is_safe: Callable[[], bool],
) -> Callable[[], str | Divided]:
    """Return the call that submits a job.

    It gives the remote id; or the parts of a job that was refused as too large, or in which some
    stored experiments cannot be read and others can. Shares of the same experiment send the same
    payload, and are not divided.

    Args:
        backend: Where to.
        store: Where the payload is.
        job_set: The job set.
        job: The job, as it was when its intent was stored.
        is_safe: Says, directly before the request leaves, whether the lease lasts long enough.
    """
    own = job_options(job_set.options, job)
    tag, labels = job.tag or "", labels_of(job_set)

    def submit() -> str | Divided:
        payload = _payload(store, job)
        if not is_safe():
            msg = "it was not sent, as the lease of the job set might have ended meanwhile"
            raise SubmissionDeferredError(msg)
        try:
            return backend.submit(payload, own, tag, labels)
        except SubmissionTooLargeError as error:
            return _halved(error, payload, job, complete=job_set.complete)
        except SubmissionRefusedError as error:
            divided = _divided_by_what_is_readable(payload, job)
            if divided is None:
                raise
            if not job_set.complete:
                msg = f"{error.message}; the others are sent when all experiments are stored"
                raise SubmissionDeferredError(msg) from error
            return divided

    return submit


def _halved(
    error: SubmissionTooLargeError, payload: Blob, job: JobRecord, *, complete: bool
) -> Divided:
    """Divide a job that was refused as too large.

    Raises:
        SubmissionTooLargeError: It cannot be divided.
        SubmissionDeferredError: It can be divided when all experiments are stored.
    """
    if not _is_divisible(job):
        raise error
    if not complete:
        msg = f"{error.message}; its halves are sent when all experiments are stored"
        raise SubmissionDeferredError(msg) from error
    middle = (job.stop - job.start) // 2
    return Divided(f"refused as too large: {error.message}", _parts(payload, job, middle))


def _is_divisible(job: JobRecord) -> bool:
    return job.stop - job.start > 1 and job.shares == 1


def _divided_by_what_is_readable(payload: Blob, job: JobRecord) -> Divided | None:
    """Divide a job where experiments that can be read meet others that cannot; ``None``: nowhere.

    The part without such a border is sent or fails as a whole, and the other is divided again.
    """
    if not _is_divisible(job):
        return None
    from qiskit_job_manager.codec.experiments import read_experiments

    try:
        errors = [
            each if isinstance(each, CodecError) else None for each in read_experiments(payload)
        ]
    except CodecError:
        return None
    for middle, (before, after) in enumerate(pairwise(errors), start=1):
        if (before is None) != (after is None):
            bad = middle if before is None else middle - 1
            reason = f"experiment {job.start + bad} cannot be read from the store: {errors[bad]}"
            return Divided(reason, _parts(payload, job, middle))
    return None


def _parts(payload: Blob, job: JobRecord, middle: int) -> Halves:
    # NumPy comes with it, which a process that only reads does not need.
    from qiskit_job_manager.codec.experiments import split_payload

    return Halves(job.start + middle, *split_payload(payload, middle))


def _payload(store: Store, job: JobRecord) -> Blob:
    """Return what to submit.

    Raises:
        SubmissionRefusedError: It is damaged.
        SubmissionDeferredError: It cannot be read now. In both cases nothing was sent.
    """
    try:
        return store.payload(job.key)
    except StoreCorruptError as error:
        raise SubmissionRefusedError(str(error)) from error
    except StoreError as error:
        raise SubmissionDeferredError(str(error)) from error


def status_check(
    backend: Backend, remote_ids: Sequence[str]
) -> Callable[[], Mapping[str, RemoteStatus]]:
    """Return the call that asks about jobs."""
    return lambda: backend.statuses(remote_ids)


def search(backend: Backend, tag: str) -> Callable[[], Sequence[str]]:
    """Return the call that looks for jobs by their tag."""
    return lambda: backend.find(tag)


def cancellation(backend: Backend, remote_id: str) -> Callable[[], None]:
    """Return the call that asks the backend to cancel a job."""
    return lambda: backend.cancel(remote_id)


def fetching(
    backend: Backend, spool: Spool, job: JobRecord, remote_id: str
) -> Callable[[], Fetched]:
    """Return the call that fetches a result, and the reason where the job failed."""
    failed = job.status is not None and job.status.state is RemoteState.ERROR

    def fetch() -> Fetched:
        if backend.capabilities.reads_once:
            result = fetch_once(spool, backend, remote_id, job.tag or "")
        else:
            result = backend.fetch(remote_id)
        return Fetched(result, _reason(backend, remote_id) if failed else None)

    return fetch


def awaiting(backend: Backend, remote_id: str) -> Callable[[], Fetched]:
    """Return the call that waits for a job's end and fetches its result."""
    return lambda: Fetched(backend.fetch(remote_id), None)


def end_watch(backend: Backend) -> Callable[[], Mapping[str, RemoteStatus]]:
    """Return the call that waits until some jobs have ended, and says which."""
    return lambda: backend.wait_for_ends(END_WATCH_S)


def understanding(
    store: Store,
    job_set: JobSetRecord,
    job: JobRecord,
    *,
    reopened: bool,
    raw: RawResult | None = None,
) -> Callable[[], Verdict]:
    """Return the call that finds out what a stored result says; its arguments as `understand`'s."""
    return lambda: understand(store, job_set, job, reopened=reopened, raw=raw)


def understand(
    store: Store,
    job_set: JobSetRecord,
    job: JobRecord,
    *,
    reopened: bool = False,
    raw: RawResult | None = None,
) -> Verdict:
    """Read a stored result far enough to know what succeeded.

    Args:
        store: Where the result is.
        job_set: The job set.
        job: The job.
        reopened: Whether the job was retrieved by its id, as another process had sent it.
        raw: The result, where this driver has just stored it; otherwise it is read from the store.
    """
    from qiskit_job_manager.codec.results import open_result

    try:
        blob = store.result(job.key) if raw is None else Blob(raw.format, raw.data)
        if blob is None:
            return Verdict("the stored result has disappeared from the store", ())
        reader = open_result(blob)
        mismatch = _mismatch(reader, job, _names(store, job_set.key, job))
        failures = reader.failures()
        loss = _loss(reader, job_set, reopened=reopened)
    except (CodecError, StoreCorruptError) as error:
        return Verdict(f"the result is kept as it came, but cannot be read: {error}", ())
    if mismatch:
        return Verdict(f"{mismatch}; the result is kept as it came", ())
    if failures:
        first = min(failures)
        text = (
            f"{len(failures)} of {job.stop - job.start} experiments failed; {job.start + first}: "
        )
        return Verdict(text + failures[first], tuple(sorted(failures)))
    if reader.success is False:
        return Verdict(f"the backend calls the result unsuccessful: {reader.status}", ())
    return Verdict(job.error if _ended_in_error(job) else None, (), loss)


def _loss(reader: ResultReader, job_set: JobSetRecord, *, reopened: bool) -> str | None:
    """Say that a result lacks the memory that was asked for, and why; or return ``None``."""
    from qiskit_job_manager.codec.primitive_reading import PrimitiveReader

    asked = job_set.options.get("memory") is True and not job_set.volatile
    if not asked or isinstance(reader, PrimitiveReader):  # PUBs keep each shot in their registers
        return None
    if any(each is not None for each in reader.each("data", "memory")):
        return None
    why = "the backend gave none"
    if reopened:
        why = (
            "the job was opened again by its id, as another process had sent it, and the "
            "provider gives no memory then"
        )
    return f"{ways.MEMORY} was asked for, and the result of {job_set.backend_name} has none: {why}"


def _names(store: Store, job_set_key: int, job: JobRecord) -> list[str]:
    """Return the names of a job's experiments, where their order can be wrong at all."""
    if job.stop - job.start == 1:
        return []
    members = store.experiments(job_set_key, start=job.start, stop=job.stop)
    return [member.name for member in members]


def _mismatch(reader: ResultReader, job: JobRecord, names: list[str]) -> str | None:
    """Say why a result cannot be that of the job, or return ``None``.

    Results are found by their position. Names only show whether the right results came in a wrong
    order; many backends drop or change them.
    """
    n_experiments = job.stop - job.start
    if reader.n_experiments != n_experiments:
        return (
            f"the backend returned {reader.n_experiments} results for {n_experiments} experiments"
        )
    found = reader.each("header", "name") if names else names
    if found != names and sorted(map(str, found)) == sorted(names) and len(set(names)) > 1:
        return "the backend returned the results in another order than the experiments"
    if job.shots is None:
        return None
    failed = reader.failures()
    shots = [n for offset, n in enumerate(reader.each("shots")) if offset not in failed]
    other = [n for n in shots if isinstance(n, int) and n != job.shots]
    if other:
        return f"the backend returned a result of {other[0]} shots instead of {job.shots}"
    return None


def job_options(options: Mapping[str, Any], job: JobRecord) -> dict[str, Any]:
    """Return the run options of one job: its share of the shots, and a seed of its own."""
    own = dict(options)
    if job.shots is not None:
        own["shots"] = job.shots
    for name in SEED_OPTIONS:
        if isinstance(own.get(name), int):
            own[name] = derive_seed(own[name], job.index)
    return own


def _ended_in_error(job: JobRecord) -> bool:
    return job.status is not None and job.status.state is RemoteState.ERROR


def _reason(backend: Backend, remote_id: str) -> str:
    try:
        message = backend.error_message(remote_id)
    except Exception as error:  # noqa: BLE001  # the result is here; the reason may be missing
        message = f"the reason could not be read: {error}"
    return message or "the backend says that the job failed, and not why"
