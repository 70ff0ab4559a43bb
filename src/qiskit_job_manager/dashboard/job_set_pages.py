"""The pages of one job set: the overview, its jobs, one job, and its log."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.dashboard import filters
from qiskit_job_manager.dashboard.actions import note_mark
from qiskit_job_manager.dashboard.cache import remembered
from qiskit_job_manager.dashboard.rendering import page, pager, python, qjm
from qiskit_job_manager.dashboard.visit import PAGE_ROWS
from qiskit_job_manager.errors import CodecError, JobManagerJobNotFound, StoreCorruptError
from qiskit_job_manager.job_set.attention import needs_of
from qiskit_job_manager.job_set.status import (
    detail,
    ends_at,
    read_activity,
    read_progress,
    word_for_silent,
    word_for_undivided,
)
from qiskit_job_manager.model import JobState
from qiskit_job_manager.model.job_sets import LONGEST_NOTE
from qiskit_job_manager.model.provenance import ObservationKind
from qiskit_job_manager.pictures.timeline import spans_of
from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.phrases import shares, state_word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from starlette.responses import Response

    from qiskit_job_manager.dashboard.visit import Visit
    from qiskit_job_manager.job_set.attention import Need
    from qiskit_job_manager.model import EventRecord, JobRecord, JobSetRecord, Request
    from qiskit_job_manager.model.progress import Activity, Progress
    from qiskit_job_manager.model.search import ErrorCount
    from qiskit_job_manager.pictures.timeline import Span

_TIMELINE_ROWS = 30
_EVENTS_READ = 60
_ERRORS_SHOWN = 20
_USAGE_FOR_S, _ERRORS_FOR_S = 10.0, 60.0
_ENVIRONMENT_FOR_S = 600.0
_PACKAGES_SHOWN = ("qiskit-job-manager", "qiskit", "qiskit-aer", "qiskit-ibm-runtime")
_LOG_LENGTHS = (100, 500, 2000)
_LIVE = (JobState.COLLECTING, JobState.ACTIVE, JobState.SUBMITTING, JobState.IN_DOUBT)
_ENDED = (JobState.DONE, JobState.FAILED, JobState.LOST, JobState.CANCELLED)
_WITH_ERRORS = (JobState.FAILED, JobState.LOST, JobState.CANCELLED, JobState.IN_DOUBT)
_RETRIED = (JobState.FAILED, JobState.LOST)


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above each page of a job set.

    Attributes:
        record: The job set.
        progress: How far it is.
        activity: What the backend last said.
        driver: Who drives it, or ``None``.
        requests: Requests of users that no driver has handled.
        needs: What needs the user.
        ends_at: When it will have ended if it goes on like now, or ``None``.
    """

    record: JobSetRecord
    progress: Progress
    activity: Activity
    driver: str | None
    requests: Sequence[Request]
    needs: Sequence[Need]
    ends_at: datetime | None

    @property
    def ids(self) -> list[str]:
        """Its id, for forms."""
        return [self.record.job_set_id]

    @property
    def states(self) -> list[tuple[str, int]]:
        """Its jobs by state."""
        return shares(self.progress, self.activity)

    @property
    def n_done(self) -> int:
        """Experiments of jobs that are done."""
        return self.progress.n_done_experiments

    @property
    def n_failed(self) -> int:
        """Jobs that ended without the result."""
        return sum(self.progress.jobs.get(state, 0) for state in _RETRIED)

    @property
    def n_doubted(self) -> int:
        """Jobs in doubt."""
        return self.progress.jobs.get(JobState.IN_DOUBT, 0)

    @property
    def attention(self) -> int:
        """The number in the title: jobs that failed, and what needs the user."""
        return self.n_failed + len(self.needs)


def head_of(visit: Visit) -> Head:
    """Read what stands above each page of the job set that the path names."""
    store, record = visit.store, visit.job_set()
    progress = read_progress(store, record)
    activity = read_activity(store, record, progress)
    driver = store.driver(record.key)
    requests = [each for each in store.requests(record.key) if each.kind.is_users]
    unfinished = not progress.ended or bool(requests)
    needed = list(needs_of(store, record, progress, is_unfinished=unfinished))
    events = store.last_events(record.key, limit=_EVENTS_READ) if driver else []
    end = ends_at(events, progress, visit.clock.now())
    return Head(record, progress, activity, driver, requests, needed, end)


def set_page(visit: Visit, template: str, head: Head, **values: Any) -> Response:
    """Return a page of a job set."""
    shared = {
        "job_set": head.record,
        "head": head,
        "attention": head.attention,
        "ended": head.progress.ended,
    }
    return page(visit, template, **{**shared, **values})


def overview(visit: Visit) -> Response:
    """Return the page on a job set as a whole."""
    head = head_of(visit)
    store, record = visit.store, head.record
    usage = remembered.get(
        visit, ("usage", record.key), _USAGE_FOR_S, lambda: store.usage(record.key)
    )
    commands = [qjm("show", record.job_set_id), qjm("watch", record.job_set_id)]
    return set_page(
        visit,
        "overview.html",
        head,
        usage=usage,
        cost=None if record.prices is None else record.prices.cost(usage),
        errors=_errors(visit, head),
        timeline=_timeline(visit, record, _on_timeline(visit, head)),
        duplicates=store.duplicates(record.key, limit=10),
        state_word=filters.state_word,
        note_mark=note_mark(record.note),
        longest_note=LONGEST_NOTE,
        facts=[*_facts(record), *_ran_in(visit, record)],
        commands=[*commands, python(record, "report()")],
    )


def _errors(visit: Visit, head: Head) -> list[ErrorCount]:
    """Return the jobs without result by their error; they agree with the figures above them."""
    key = head.record.key
    counted = tuple(head.progress.jobs.get(state, 0) for state in _WITH_ERRORS)
    read = partial(visit.store.count_errors, key, _WITH_ERRORS, limit=_ERRORS_SHOWN)
    return remembered.get(visit, ("errors", key, counted), _ERRORS_FOR_S, read)


def _facts(record: JobSetRecord) -> list[tuple[str, str]]:
    limits = {name: getattr(record.limits, name) for name in record.limits.__slots__}
    pairs = {
        "backend's URI": record.backend_uri,
        **{f"option {name}": value for name, value in record.options.items()},
        **{name.replace("_", " "): value for name, value in limits.items()},
        "attempts at most": record.retry.max_attempts,
        **{f"transpile {name}": value for name, value in (record.transpile or {}).items()},
    }
    return [(name, str(value)) for name, value in pairs.items() if value is not None]


def _ran_in(visit: Visit, record: JobSetRecord) -> list[tuple[str, str]]:
    """Return what the process ran in that handed the job set over, as far as it is recorded."""
    key = ("environment", record.key)
    return remembered.get(visit, key, _ENVIRONMENT_FOR_S, lambda: _read_environment(visit, record))


def _read_environment(visit: Visit, record: JobSetRecord) -> list[tuple[str, str]]:
    from qiskit_job_manager.codec.snapshots import read_snapshot

    for each in visit.store.observations(record.key):
        if each.kind is ObservationKind.ENVIRONMENT and each.sha256 is not None:
            try:
                seen = read_snapshot(visit.store.snapshot(each.sha256))
            except (CodecError, StoreCorruptError) as error:
                return [("versions", error.message)]
            return list(_words_of_environment(seen))
    return []


def _words_of_environment(seen: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    packages = seen.get("packages", {})
    shown = [f"{name} {packages[name]}" for name in _PACKAGES_SHOWN if name in packages]
    yield "versions", ", ".join([f"python {seen.get('python', '?')}", *shown])
    git = seen.get("git", {})
    if "commit" in git:
        yield "git commit", f"{git['commit']}{' and changes' * bool(git.get('changed'))}"
    for name in ("host", "platform"):
        if name in seen:
            yield name, str(seen[name])


def _on_timeline(visit: Visit, head: Head) -> list[JobRecord]:
    """Return the jobs that are under way, after those that ended last."""
    store, key = visit.store, head.record.key
    live = store.jobs(key, states=_LIVE, limit=_TIMELINE_ROWS)
    left = max(_TIMELINE_ROWS - len(live), 5)
    ended = store.last_jobs(key, states=_ENDED, limit=left)
    return sorted([*ended, *live], key=lambda job: job.index)


def _timeline(
    visit: Visit, record: JobSetRecord, jobs: Sequence[JobRecord]
) -> list[tuple[str, list[Span]]]:
    now = visit.clock.now()
    undivided = partial(word_for_undivided, record, silent=word_for_silent(visit.store, record))
    rows = []
    for job in jobs:
        attempts = visit.store.attempts(job.key) if job.attempts else []
        spans = [s for each in attempts for s in spans_of(each, now, undivided(each))]
        rows.append((f"{job.index:,}", spans))
    return [row for row in rows if row[1]]


# -- jobs -----------------------------------------------------------------------------------------


def jobs(visit: Visit) -> Response:
    """Return a page of jobs, by state and error."""
    wanted = filters.job_filter(visit)
    head = head_of(visit)
    store, record = visit.store, head.record
    total = store.count_jobs(record.key, wanted)
    offset = (visit.page - 1) * PAGE_ROWS
    found = store.find_jobs(record.key, wanted, offset=offset, limit=PAGE_ROWS)
    silent = word_for_silent(store, record)
    return set_page(
        visit,
        "jobs.html",
        head,
        jobs=[(job, state_word(job, silent), detail(job, silent)) for job in found],
        pager=pager(visit, total, PAGE_ROWS),
        errors=_errors(visit, head),
        states=filters.offered(visit, filters.STATES),
        state_word=filters.state_word,
        commands=[qjm("show", record.job_set_id, "--all"), python(record, "managed_jobs()")],
    )


def job(visit: Visit) -> Response:
    """Return the page on one job."""
    head = head_of(visit)
    record = head.record
    found = job_numbered(visit, record)
    index = str(found.index)
    silent = word_for_silent(visit.store, record)
    return set_page(
        visit,
        "job.html",
        head,
        job=found,
        word=state_word(found, silent),
        detail=detail(found, silent),
        attempts=visit.store.attempts(found.key),
        timeline=_timeline(visit, record, [found]),
        events=visit.store.last_events(record.key, found.index, limit=_LOG_LENGTHS[0]),
        commands=[
            qjm("log", record.job_set_id, index),
            python(record, f"managed_jobs()[{index}]"),
        ],
    )


def job_numbered(visit: Visit, record: JobSetRecord) -> JobRecord:
    """Return the job that the path names.

    Raises:
        JobManagerJobNotFound: There is none.
    """
    text = visit.parts["job"]
    if text.isascii() and text.isdecimal() and len(text) < 12:
        index = int(text)
        for found in visit.store.jobs(record.key, after=index - 1, limit=1):
            if found.index == index:
                return found
    msg = f"job set {record.name!r} has no job {text!r}; its jobs are 0 to {record.n_jobs - 1}"
    raise JobManagerJobNotFound(msg)


# -- the log --------------------------------------------------------------------------------------


def log(visit: Visit) -> Response:
    """Return the newest events, the newest first."""
    length = visit.number("last", _LOG_LENGTHS[0], least=1, most=_LOG_LENGTHS[-1])
    job_text = visit.text("job")
    index = visit.number("job", 0) if job_text else None
    head = head_of(visit)
    record = head.record
    newest = visit.store.last_events(record.key, index, limit=length)
    kind = visit.text("event")
    commands = [qjm("log", record.job_set_id, *([] if index is None else [str(index)]))]
    return set_page(
        visit,
        "log.html",
        head,
        events=[each for each in reversed(newest) if not kind or kind in _words(each)],
        read=len(newest),
        lengths=_LOG_LENGTHS,
        length=length,
        commands=[*commands, python(record, "events()")],
    )


def _words(event: EventRecord) -> str:
    return f"{phrases.event_words(event.event)} {event.event} {event.cause or ''}"
