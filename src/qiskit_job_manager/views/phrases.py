"""States, numbers, durations and rates in words, the same wherever they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.model.jobs import JobState
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from qiskit_job_manager.model.jobs import JobRecord
    from qiskit_job_manager.model.progress import Activity, Pace, Progress

_RATES = (("s", 1), ("min", 60), ("h", 3600), ("day", 86400))
_ID_SHOWN = 8
_TROUBLE_SHOWN = 300
_FACTS_OF_AN_OWNER = 3
_LONGEST_S = 10 * 365 * 86400
_ORDER = (
    JobState.DONE,
    JobState.COLLECTING,
    JobState.ACTIVE,
    JobState.SUBMITTING,
    JobState.PLANNED,
    JobState.IN_DOUBT,
    JobState.FAILED,
    JobState.CANCELLED,
    JobState.LOST,
)


def shares(progress: Progress, activity: Activity | None = None) -> list[tuple[str, int]]:
    """Return how many jobs are in each state, without empty states.

    Args:
        progress: The jobs by state.
        activity: Divides the jobs that a backend has into running and queued.
    """
    counts = {str(state): progress.jobs.get(state, 0) for state in _ORDER}
    if activity is not None:
        here = list(counts).index(JobState.ACTIVE)
        divided = {"running": activity.running, "queued": activity.queued}
        pairs = [pair for pair in counts.items() if pair[0] != JobState.ACTIVE]
        counts = dict([*pairs[:here], *divided.items(), *pairs[here:]])
    return [(label, count) for label, count in counts.items() if count]


def counts(states: Iterable[tuple[str, int]]) -> list[str]:
    """Return such as ``["20 done", "3 running"]``."""
    return [f"{count:,} {label}" for label, count in states]


def counted(states: Iterable[tuple[str, int]]) -> str:
    """Return such as ``20 done, 3 running``."""
    return ", ".join(counts(states))


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


def end(pace: Pace) -> str:
    """Return such as ``3 min left, until about 14:05``; an empty text if that is not known."""
    if pace.left_s is None or pace.left_s > _LONGEST_S:
        return ""
    left = f"{duration(pace.left_s)} left"
    if pace.ends_at is None:
        return left
    day = "" if pace.left_s < 12 * 3600 else "%Y-%m-%d "
    return f"{left}, until about {local(pace.ends_at):{day}%H:%M}"


def line(progress: Progress, activity: Activity | None, pace: Pace) -> str:
    """Return how far a job set is, in one line."""
    ended = f"{progress.n_ended:,} of {plural(progress.n_jobs, 'job')} ended"
    states = counted(shares(progress, activity))
    tail = [f"after {duration(pace.elapsed_s)}", rate(pace), end(pace)]
    text = ", ".join([f"{ended} ({states})", *filter(None, tail)])
    found = trouble(activity)
    return f"{text}; {found}" if found else text


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
