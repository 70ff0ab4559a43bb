"""Rows to nouns and back: the one place that knows both.

Each ``X_COLUMNS`` lists what ``x_from`` unpacks, in that order.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from qiskit_job_manager.errors import StoreCorruptError
from qiskit_job_manager.foreign_text import storable
from qiskit_job_manager.model import (
    AttemptRecord,
    Blob,
    EventRecord,
    ExperimentRecord,
    JobRecord,
    JobSetDraft,
    JobSetRecord,
    JobState,
    Limits,
    Prices,
    RawResult,
    RemoteFigures,
    RemoteState,
    RemoteStatus,
    Request,
    RequestKind,
    RetryPolicy,
    Totals,
)
from qiskit_job_manager.stores import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    Row = Sequence[Any]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_s, _j, _a = schema.job_set.c, schema.job.c, schema.attempt.c

JOB_SET_COLUMNS = (
    *(_s.key, _s.job_set_id, _s.name, _s.created_at, _s.backend_uri, _s.backend_name, _s.volatile),
    *(_s.blind, _s.options, _s.limits, _s.retry, _s.tags, _s.complete, _s.n_experiments, _s.n_jobs),
    *(_s.max_usage_s, _s.transpile, _s.prices, _s.max_cost, _s.note),
)
EXPERIMENT_COLUMNS = (
    *(schema.experiment.c.position, schema.experiment.c.name, schema.experiment.c.content_hash),
)
JOB_COLUMNS = (
    *(_j.key, _j.position, _j.start, _j.stop, _j.shots, _j.share, _j.shares, _j.state, _j.attempts),
    *(_a.tag, _a.remote_id, _a.status, _a.queue_position, _a.message),
    *(_j.error, _j.failed_offsets, _j.has_result, _j.cancel_requested),
    *(_j.circuits, _j.estimate_s),
)
ATTEMPT_COLUMNS = (
    *(_a.number, _a.tag, _a.remote_id, _a.intended_at, _a.accepted_at, _a.ended_at, _a.error),
    *(_a.usage_s, _a.remote_created_at, _a.remote_started_at, _a.remote_ended_at, _a.session_id),
)
EVENT_COLUMNS = (
    *(schema.event.c.at, schema.event.c.job_index, schema.event.c.attempt, schema.event.c.event),
    *(schema.event.c.before, schema.event.c.after, schema.event.c.cause),
)
REQUEST_COLUMNS = (schema.request.c.key, schema.request.c.kind, schema.request.c.job_index)


def or_corrupt(read: Callable[_P, _T]) -> Callable[_P, _T]:
    """Make a function that reads a row raise `StoreCorruptError` for one that makes no sense."""

    @wraps(read)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return read(*args, **kwargs)
        except (ValueError, TypeError, AttributeError) as error:
            raise StoreCorruptError(
                f"The store holds a row that makes no sense ({error}): restore it from a backup."
            ) from error

    return guarded


@or_corrupt
def job_set_from(row: Row) -> JobSetRecord:
    """Return the job set of a row of `JOB_SET_COLUMNS`."""
    (key, job_set_id, name, created_at, uri, backend_name, volatile, blind, *texts) = row
    options, limits, retry, tags = map(json.loads, texts[:4])
    complete, n_experiments, n_jobs, max_usage_s, transpile, prices, max_cost, note = texts[4:]
    return JobSetRecord(
        key=key,
        job_set_id=job_set_id,
        name=name,
        created_at=created_at,
        backend_uri=uri,
        backend_name=backend_name,
        volatile=bool(volatile),
        blind=bool(blind),
        options=options,
        limits=Limits(**_known(Limits, limits)),
        retry=RetryPolicy(**_known(RetryPolicy, retry)),
        tags=tuple(tags),
        complete=bool(complete),
        n_experiments=n_experiments,
        n_jobs=n_jobs,
        max_usage_s=max_usage_s,
        transpile=None if transpile is None else json.loads(transpile),
        prices=None if prices is None else Prices(**_known(Prices, json.loads(prices))),
        max_cost=max_cost,
        note=note,
    )


def job_set_values(draft: JobSetDraft) -> dict[str, Any]:
    """Return the columns of a new job set."""
    return {
        "job_set_id": draft.job_set_id,
        "name": draft.name,
        "created_at": draft.created_at,
        "backend_uri": draft.backend_uri,
        "backend_name": draft.backend_name,
        "volatile": draft.volatile,
        "blind": draft.blind,
        "options": json.dumps(dict(draft.options)),
        "limits": json.dumps(asdict(draft.limits)),
        "retry": json.dumps(asdict(draft.retry)),
        "tags": tags_text(draft.tags),
        "complete": False,
        "n_experiments": 0,
        "n_jobs": 0,
        "fence": 0,
        "max_usage_s": draft.max_usage_s,
        "transpile": None if draft.transpile is None else json.dumps(dict(draft.transpile)),
        "prices": None if draft.prices is None else json.dumps(asdict(draft.prices)),
        "max_cost": draft.max_cost,
        "note": draft.note,
    }


def tags_from(text: str) -> tuple[str, ...]:
    """Return the user's tags of what is stored."""
    return tuple(json.loads(text))


def tags_text(tags: Sequence[str]) -> str:
    """Return the user's tags as they are stored."""
    return json.dumps(list(tags))


def _known(noun: type[Limits | RetryPolicy | Prices], stored: dict[str, Any]) -> dict[str, Any]:
    given = {**stored}
    return {field.name: given[field.name] for field in fields(noun) if field.name in given}


@or_corrupt
def experiment_from(row: Row) -> ExperimentRecord:
    """Return the experiment of a row of `EXPERIMENT_COLUMNS`."""
    index, name, content_hash = row
    return ExperimentRecord(index, name, bytes(content_hash))


@or_corrupt
def job_from(row: Row) -> JobRecord:
    """Return the job of a row of `JOB_COLUMNS`, also of one that comes straight from the driver."""
    (key, index, start, stop, shots, share, shares, state, attempts, *rest) = row
    tag, remote_id, status, queue_position, message, error, failed, *last = rest
    has_result, cancel, circuits, estimate_s = last
    return JobRecord(
        key=key,
        index=index,
        start=start,
        stop=stop,
        shots=shots,
        share=share,
        shares=shares,
        state=JobState(state),
        attempts=attempts,
        tag=tag,
        remote_id=remote_id,
        status=status and RemoteStatus(RemoteState(status), queue_position, message),
        error=error,
        failed_offsets=() if failed is None else tuple(json.loads(failed)),
        has_result=bool(has_result),
        cancel_requested=bool(cancel),
        circuits=stop - start if circuits is None else circuits,
        estimate_s=estimate_s,
    )


def figures_values(figures: RemoteFigures) -> dict[str, Any]:
    """Return the columns of what a backend measured of an attempt."""

    def micros(time: datetime | None) -> int | None:
        return None if time is None else schema.microseconds(time)

    return {
        "usage_s": figures.usage_s,
        "remote_created_at": micros(figures.created_at),
        "remote_started_at": micros(figures.started_at),
        "remote_ended_at": micros(figures.ended_at),
        "session_id": figures.session_id and storable(figures.session_id),
    }


def offsets_text(offsets: Sequence[int]) -> str:
    """Return the offsets of failed experiments as they are stored."""
    return json.dumps(list(offsets))


@or_corrupt
def totals_from(rows: Sequence[Row]) -> Totals:
    """Return the totals of rows of state, jobs, experiments."""
    counted = [(JobState(state), jobs, experiments) for state, jobs, experiments in rows]
    return Totals(
        jobs={state: jobs for state, jobs, _ in counted},
        # PostgreSQL sums in decimals.
        experiments={state: int(experiments) for state, _, experiments in counted},
    )


@or_corrupt
def attempt_from(row: Row) -> AttemptRecord:
    """Return the attempt of a row of `ATTEMPT_COLUMNS`."""
    *own, usage_s, created_at, started_at, ended_at, session_id = row
    told = (usage_s, created_at, started_at, ended_at, session_id)
    known = any(each is not None for each in told)
    return AttemptRecord(*(*own, RemoteFigures(*told) if known else None))


@or_corrupt
def event_from(row: Row) -> EventRecord:
    """Return the event of a row of `EVENT_COLUMNS`."""
    at, job_index, attempt, event, before, after, cause = row
    return EventRecord(at, job_index, attempt, event, _state(before), _state(after), cause)


def _state(text: str | None) -> JobState | None:
    return None if text is None else JobState(text)


@or_corrupt
def request_from(row: Row) -> Request:
    """Return the request of a row of `REQUEST_COLUMNS`."""
    key, kind, job_index = row
    return Request(key, RequestKind(kind), job_index)


def _checksum(name: str, data: bytes, place: tuple[int, ...]) -> bytes:
    head = " ".join([*map(str, place), name])
    return hashlib.sha256(head.encode() + b"\n" + data).digest()


def blob_values(blob: Blob | RawResult, *place: int) -> dict[str, Any]:
    """Return the columns of bytes to keep, with their checksum.

    Args:
        blob: The bytes.
        place: Numbers of what they belong to. The checksum is of them too, so that a damaged number
            does not give the bytes of one job to another.
    """
    digest = _checksum(blob.format, blob.data, place)
    return {"format": blob.format, "sha256": digest, "data": blob.data}


@or_corrupt
def blob_from(row: Row, what: str, *place: int) -> Blob:
    """Return the bytes of a row of ``format, sha256, data``.

    Args:
        row: The row.
        what: What the bytes are, for the message.
        place: Numbers of what they should belong to.

    Raises:
        StoreCorruptError: They do not match their checksum.
    """
    name, sha256, data = row
    if _checksum(name, data, place) != bytes(sha256):
        raise StoreCorruptError(
            f"The stored {what} does not match its checksum: the store is damaged; restore it "
            "from a backup. All else in it can still be read."
        )
    return Blob(name, bytes(data))
