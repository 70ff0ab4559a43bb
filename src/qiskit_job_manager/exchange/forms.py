"""Nouns to plain JSON values and back; on the way back, every value is checked.

Times are texts of ISO 8601 in UTC, hashes are hexadecimal, and what is ``None`` is left out.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.exchange.fields import Fields, is_unicode
from qiskit_job_manager.model import (
    AttemptRecord,
    EventRecord,
    ExperimentRecord,
    JobHistory,
    JobRecord,
    JobSetDraft,
    JobState,
    Limits,
    RemoteFigures,
    RemoteState,
    RemoteStatus,
    RetryPolicy,
)

if TYPE_CHECKING:
    from datetime import datetime

    from qiskit_job_manager.model import JobSetRecord


def _told(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _moment(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


# -- job sets -------------------------------------------------------------------------------------


def set_form(record: JobSetRecord) -> dict[str, Any]:
    """Return a job set as plain values."""
    return _told(
        id=record.job_set_id,
        name=record.name,
        created_at=_moment(record.created_at),
        backend_uri=record.backend_uri,
        backend_name=record.backend_name,
        volatile=record.volatile,
        blind=record.blind,
        options=dict(record.options),
        limits=_told(**asdict(record.limits)),
        retry=asdict(record.retry),
        tags=list(record.tags),
        max_usage_s=record.max_usage_s,
        n_experiments=record.n_experiments,
        n_jobs=record.n_jobs,
    )


def read_set(form: Any) -> tuple[JobSetDraft, int, int]:
    """Return a job set, its number of experiments, and its number of jobs.

    Raises:
        ArchiveError: A value is not what it must be.
    """
    fields = Fields(form, "the job set")
    draft = JobSetDraft(
        job_set_id=fields.hexadecimal("id", 16).hex(),
        name=_name(fields),
        created_at=fields.time("created_at"),
        backend_uri=fields.optional_text("backend_uri"),
        backend_name=fields.text("backend_name"),
        volatile=fields.truth("volatile"),
        blind=fields.truth("blind"),
        options=fields.plain("options"),
        limits=_limits(fields.inner("limits")),
        retry=_retry(fields.inner("retry")),
        tags=_tags(fields),
        max_usage_s=fields.optional_number("max_usage_s"),
    )
    return draft, fields.whole("n_experiments", 1), fields.whole("n_jobs", 1)


def _name(fields: Fields) -> str:
    name = fields.text("name")
    if not name.strip():
        raise fields.wrong("name", "a text that is not empty")
    return name


def _limits(fields: Fields) -> Limits:
    return Limits(**{f: fields.optional_whole(f, 1) for f in Limits.__dataclass_fields__})


def _retry(fields: Fields) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=fields.whole("max_attempts", 1),
        first_wait_s=fields.number("first_wait_s"),
        longest_wait_s=fields.number("longest_wait_s"),
    )


def _tags(fields: Fields) -> tuple[str, ...]:
    tags = fields.items("tags")
    if not all(isinstance(tag, str) and is_unicode(tag) for tag in tags):
        raise fields.wrong("tags", "a list of texts")
    return tuple(dict.fromkeys(tags))


# -- experiments ----------------------------------------------------------------------------------


def experiment_form(experiment: ExperimentRecord) -> dict[str, Any]:
    """Return an experiment as plain values."""
    return {
        "index": experiment.index,
        "name": experiment.name,
        "content_hash": experiment.content_hash.hex(),
    }


def read_experiment(form: Any, index: int) -> ExperimentRecord:
    """Return the experiment with this index.

    Raises:
        ArchiveError: A value is not what it must be.
    """
    fields = Fields(form, f"experiment {index}")
    if fields.whole("index") != index:
        raise fields.wrong("index", f"{index}: the experiments stand in order, without gaps")
    return ExperimentRecord(index, fields.text("name"), fields.hexadecimal("content_hash", 32))


# -- jobs -----------------------------------------------------------------------------------------


def job_form(history: JobHistory) -> dict[str, Any]:
    """Return a job and its attempts as plain values."""
    job = history.job
    return _told(
        index=job.index,
        start=job.start,
        stop=job.stop,
        shots=job.shots,
        share=job.share,
        shares=job.shares,
        state=job.state.value,
        error=job.error,
        failed_offsets=list(job.failed_offsets),
        cancel_requested=job.cancel_requested,
        circuits=job.circuits,
        estimate_s=job.estimate_s,
        status=None if job.status is None else _told(**asdict(job.status)),
        attempts=[_attempt_form(attempt) for attempt in history.attempts],
    )


def _attempt_form(attempt: AttemptRecord) -> dict[str, Any]:
    return _told(
        number=attempt.number,
        tag=attempt.tag,
        remote_id=attempt.remote_id,
        intended_at=_moment(attempt.intended_at),
        accepted_at=_moment(attempt.accepted_at),
        ended_at=_moment(attempt.ended_at),
        error=attempt.error,
        figures=None if attempt.figures is None else _figures_form(attempt.figures),
    )


def _figures_form(figures: RemoteFigures) -> dict[str, Any]:
    return _told(
        usage_s=figures.usage_s,
        created_at=_moment(figures.created_at),
        started_at=_moment(figures.started_at),
        ended_at=_moment(figures.ended_at),
        session_id=figures.session_id,
    )


def read_job(form: Any, index: int, *, has_result: bool) -> JobHistory:
    """Return the job with this index, and its attempts.

    Args:
        form: The plain values.
        index: The index that it must have.
        has_result: Whether there is a raw result of it.

    Raises:
        ArchiveError: A value is not what it must be.
    """
    fields = Fields(form, f"job {index}")
    if fields.whole("index") != index:
        raise fields.wrong("index", f"{index}: the jobs stand in order, without gaps")
    attempts = tuple(
        _attempt(Fields(each, f"attempt {number} of job {index}"), number)
        for number, each in enumerate(fields.items("attempts"), start=1)
    )
    latest = attempts[-1] if attempts else None
    start = fields.whole("start")
    stop = fields.whole("stop", start + 1)
    job = JobRecord(
        key=0,
        index=index,
        start=start,
        stop=stop,
        shots=fields.optional_whole("shots", 1),
        share=fields.whole("share"),
        shares=fields.whole("shares", 1),
        state=fields.word("state", JobState),
        attempts=len(attempts),
        tag=latest.tag if latest else None,
        remote_id=latest.remote_id if latest else None,
        status=_status(fields.inner("status")) if latest and "status" in fields else None,
        error=fields.optional_text("error"),
        failed_offsets=_offsets(fields, stop - start),
        has_result=has_result,
        cancel_requested=fields.truth("cancel_requested"),
        circuits=fields.whole("circuits"),
        estimate_s=fields.optional_number("estimate_s"),
    )
    return JobHistory(job, attempts)


def _offsets(fields: Fields, n_experiments: int) -> tuple[int, ...]:
    offsets = fields.items("failed_offsets")
    if not all(type(each) is int and 0 <= each < n_experiments for each in offsets):
        raise fields.wrong("failed_offsets", f"a list of whole numbers below {n_experiments}")
    return tuple(offsets)


def _status(fields: Fields) -> RemoteStatus:
    return RemoteStatus(
        fields.word("state", RemoteState),
        fields.optional_whole("queue_position"),
        fields.optional_text("message"),
    )


def _attempt(fields: Fields, number: int) -> AttemptRecord:
    if fields.whole("number") != number:
        raise fields.wrong("number", f"{number}: the attempts stand in order, without gaps")
    return AttemptRecord(
        number=number,
        tag=fields.text("tag"),
        remote_id=fields.optional_text("remote_id"),
        intended_at=fields.time("intended_at"),
        accepted_at=fields.optional_time("accepted_at"),
        ended_at=fields.optional_time("ended_at"),
        error=fields.optional_text("error"),
        figures=_figures(fields.inner("figures")) if "figures" in fields else None,
    )


def _figures(fields: Fields) -> RemoteFigures:
    return RemoteFigures(
        usage_s=fields.optional_number("usage_s"),
        created_at=fields.optional_time("created_at"),
        started_at=fields.optional_time("started_at"),
        ended_at=fields.optional_time("ended_at"),
        session_id=fields.optional_text("session_id"),
    )


# -- the story ------------------------------------------------------------------------------------


def event_form(event: EventRecord) -> dict[str, Any]:
    """Return an event as plain values."""
    return _told(
        at=_moment(event.at),
        job=event.job_index,
        attempt=event.attempt,
        event=event.event,
        before=event.before and event.before.value,
        after=event.after and event.after.value,
        cause=event.cause,
    )


def read_event(form: Any, number: int) -> EventRecord:
    """Return an event.

    Raises:
        ArchiveError: A value is not what it must be.
    """
    fields = Fields(form, f"event {number}")
    return EventRecord(
        at=fields.time("at"),
        job_index=fields.optional_whole("job"),
        attempt=fields.optional_whole("attempt"),
        event=fields.text("event"),
        before=fields.optional_word("before", JobState),
        after=fields.optional_word("after", JobState),
        cause=fields.optional_text("cause"),
    )
