"""States, numbers, durations and rates in words, the same wherever they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.model.jobs import JobState, RemoteState
from qiskit_job_manager.model.search import ActiveAs
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from qiskit_job_manager.model.jobs import EventRecord, JobRecord
    from qiskit_job_manager.model.progress import Activity, Pace, Progress

_RATES = (("s", 1), ("min", 60), ("h", 3600), ("day", 86400))
_ID_SHOWN = 8
_TROUBLE_SHOWN = 300
_FACTS_OF_AN_OWNER = 3
_LONGEST_S = 10 * 365 * 86400
# Outcomes first, as a bar begins with them.
_ORDER = (
    JobState.DONE,
    JobState.FAILED,
    JobState.LOST,
    JobState.CANCELLED,
    JobState.IN_DOUBT,
    JobState.COLLECTING,
    JobState.ACTIVE,
    JobState.SUBMITTING,
    JobState.PLANNED,
)
RUNNING, QUEUED, INTERRUPTED = map(str, ActiveAs)
"""What is shown of an active job."""

UNDIVIDED = "queued or running"
"""What is shown where it is not known which of the two."""

_TOLD_AFTER = (JobState.PLANNED, JobState.IN_DOUBT)

_EVENTS = {
    "intended": "sending",
    "accepted": "accepted by the backend",
    "deferred": "not taken by the backend for now",
    "refused": "refused by the backend",
    "halved": "too large for the backend, goes in two halves",
    "unanswered": "sent, and no answer came",
    "found": "found on the backend",
    "absent": "not found on the backend",
    "repeated": "sending the same once more",
    "resubmitted": "to be sent again, as you asked",
    "abandoned": "given up, as you asked",
    "ended": "ended on the backend",
    "stopped": "cancelled on the backend",
    "vanished": "no longer on the backend",
    "out of reach": "out of reach of this process",
    "died": "interrupted",
    "stored": "result received",
    "understood": "result read",
    "broke": "ended without a result",
    "retried": "ended without a result, to be sent again",
    "gone": "result no longer on the backend",
    "dropped": "cancelled before it was sent",
    "revived": "to be sent again, as you asked",
    "reopened": "to be read again, as you asked",
}

BETWEEN = " \u00b7 "
"""Stands between facts of one line; see `shown_in` for outputs that cannot show it."""


def shares(progress: Progress, activity: Activity | None = None) -> list[tuple[str, int]]:
    """Return how many jobs are in each state, without empty states.

    Args:
        progress: The jobs by state.
        activity: Divides the jobs that a backend has into running, queued and interrupted ones;
            without it they stay undivided.
    """
    found: list[tuple[str, int]] = []
    for state in _ORDER:
        number = progress.jobs.get(state, 0)
        if state is JobState.ACTIVE and activity is not None:
            running, queued = activity.running, activity.queued
            left = max(number - running - queued, 0)
            found += [(RUNNING, running), (QUEUED, queued), (INTERRUPTED, left)]
        else:
            found.append((UNDIVIDED if state is JobState.ACTIVE else str(state), number))
    return [(label, count) for label, count in found if count]


def state_word(job: JobRecord, silent: str) -> str:
    """Return the state in which a job is shown.

    Args:
        job: The job.
        silent: The word for an active job of which the backend has said nothing, or the one for all
            active jobs, if they were interrupted.
    """
    if job.state is not JobState.ACTIVE:
        return str(job.state)
    if job.status is None or silent == INTERRUPTED:
        return silent
    return QUEUED if job.status.state is RemoteState.QUEUED else RUNNING


def counts(states: Iterable[tuple[str, int]]) -> list[str]:
    """Return such as ``["20 done", "3 running"]``."""
    return [f"{count:,} {label}" for label, count in states]


def counted(states: Iterable[tuple[str, int]]) -> str:
    """Return such as ``20 done, 3 running``."""
    return ", ".join(counts(states))


def state_after(event: EventRecord) -> str:
    """Return the state to which an event led; an empty text where the event's words say it.

    JSON has the state before and after each event.
    """
    after = event.after
    if after is None or after == event.before:
        return ""
    return str(after) if after.is_final or after in _TOLD_AFTER else ""


def split(n_experiments: int, n_jobs: int) -> str:
    """Return such as ``1,200 experiments in 4 jobs``."""
    return f"{plural(n_experiments, 'experiment')} in {plural(n_jobs, 'job')}"


def local(moment: datetime) -> datetime:
    """Return a moment in the user's time zone, or as it is where that would leave the calendar."""
    try:
        return moment.astimezone()
    except (OverflowError, ValueError, OSError):
        return moment


def short_id(job_set_id: str) -> str:
    """Return as much of an id as is needed among a few thousand job sets."""
    return job_set_id[:_ID_SHOWN]


def plural(number: int, noun: str) -> str:
    """Return such as ``1 job`` or ``1,200 jobs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """Return such as ``45 s``, ``3 min``, ``2 h 10 min`` or ``3 d 4 h``."""
    whole = max(round(seconds), 0)
    if whole < 120:
        return f"{whole} s"
    if whole < 3600:
        return f"{round(whole / 60)} min"
    minutes = round(whole / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(whole / 3600)
    return f"{hours // 24} d {hours % 24} h"


def rate(pace: Pace) -> str:
    """Return such as ``3.2 jobs/s`` or ``14.0 jobs/h``; an empty text if it is not known."""
    if not pace.jobs_per_s:
        return ""
    per_s = pace.jobs_per_s
    unit, seconds = next((each for each in _RATES if per_s * each[1] >= 1), _RATES[-1])
    return f"{per_s * seconds:,.1f} jobs/{unit}"


def left(pace: Pace) -> str:
    """Return such as ``about 3 min left``; an empty text if that is not known."""
    if pace.left_s is None or pace.left_s > _LONGEST_S:
        return ""
    return f"about {duration(pace.left_s)} left"


def end(pace: Pace) -> str:
    """Return such as ``until about 14:05``; an empty text if that is not known."""
    if pace.left_s is None or pace.left_s > _LONGEST_S or pace.ends_at is None:
        return ""
    day = "" if pace.left_s < 12 * 3600 else "%Y-%m-%d "
    return f"until about {local(pace.ends_at):{day}%H:%M}"


def event_words(event: str) -> str:
    """Return what happened to a job in the users' words; JSON has the names of events."""
    return _EVENTS.get(event, event)


def elapsed(pace: Pace) -> str:
    """Return such as ``after 14 s``; an empty text if that is not known."""
    return "" if pace.elapsed_s is None else f"after {duration(pace.elapsed_s)}"


def how_far(progress: Progress, pace: Pace | None = None) -> str:
    """Return such as ``24 of 60 circuits · 6 of 15 jobs · about 1 min left``.

    The first number of each pair counts what is done, not what was cancelled or failed.
    """
    so_far = "" if progress.complete else " so far"
    done_jobs = progress.jobs.get(JobState.DONE, 0)
    parts = [
        f"{progress.n_done_experiments:,} of {plural(progress.n_experiments, 'circuit')}{so_far}",
        f"{done_jobs:,} of {plural(progress.n_jobs, 'job')}",
        "" if pace is None else left(pace),
    ]
    return BETWEEN.join(filter(None, parts))


def line(progress: Progress, activity: Activity | None, pace: Pace) -> str:
    """Return how far a job set is, in one line."""
    states = counted(shares(progress, activity))
    parts = [how_far(progress, pace), states, rate(pace), end(pace), elapsed(pace)]
    text = BETWEEN.join(filter(None, parts))
    found = trouble(activity)
    return f"{text}; {found}" if found else text


def shown_in(text: str, encoding: str | None) -> str:
    """Return a text for an output with this encoding; what stands between facts may be a comma."""
    try:
        BETWEEN.encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return text.replace(BETWEEN, ", ")
    return text


def trouble(activity: Activity | None) -> str:
    """Return in one line what keeps jobs from going on; an empty text if nothing does."""
    if activity is None or activity.trouble is None:
        return ""
    return f"trouble: {shortened(activity.trouble, _TROUBLE_SHOWN)}"


def driver(owner: str) -> str:
    """Return in words who drives a job set.

    Args:
        owner: What a driver calls itself: a unique id, and since this version its process, its
            machine and when it started, with blanks in between.
    """
    _, *who = owner.split(" ")
    if len(who) != _FACTS_OF_AN_OWNER:
        return "another process"
    process, machine, started = who
    return f"process {process} on {machine}, which started at {started}"


def experiments(job: JobRecord) -> str:
    """Return which experiments a job runs, such as ``0-299, share 1 of 2``."""
    first, last = job.start, job.stop - 1
    text = f"{first}" if first == last else f"{first}-{last}"
    return f"{text}, share {job.share + 1} of {job.shares}" if job.shares > 1 else text
