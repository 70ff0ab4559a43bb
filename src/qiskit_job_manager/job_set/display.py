"""A job set shown: as HTML in a notebook, as a drawing of its split, as a timeline."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError, JobManagerError
from qiskit_job_manager.job_set.driving import fresh
from qiskit_job_manager.job_set.status import detail, read_jobs, word_for_silent, word_for_undivided
from qiskit_job_manager.model import JobState
from qiskit_job_manager.views import html, phrases
from qiskit_job_manager.views.close_names import not_one_of
from qiskit_job_manager.views.html import job_set_html
from qiskit_job_manager.views.split_text import split_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from qiskit_job_manager.model import JobRecord, JobSetRecord
    from qiskit_job_manager.model.progress import Activity, Progress
    from qiskit_job_manager.ports import Store

_JOBS_SHOWN = 10
_FIRST_DRAWN, _LAST_DRAWN = 30, 5
_TROUBLED = (JobState.IN_DOUBT, JobState.FAILED, JobState.LOST)
_UNDER_WAY = (JobState.COLLECTING, JobState.ACTIVE, JobState.SUBMITTING)
_OTHERS = tuple(state for state in JobState if state not in {*_TROUBLED, *_UNDER_WAY})


def as_text(
    record: JobSetRecord,
    progress: Callable[[], Progress],
    activity: Callable[[Progress], Activity],
) -> str:
    """Return a job set in one line, as the interpreter shows it.

    Args:
        record: The job set.
        progress: Reads how far it is.
        activity: Reads what the backend last said of its jobs.
    """
    try:
        now = progress()
        states = phrases.counts(phrases.shares(now, activity(now)))
    except JobManagerError:  # deleted, or the store is closed
        return f"<ManagedJobSet {record.name!r} ({record.job_set_id})>"
    facts = [phrases.split(now.n_experiments, now.n_jobs), *states]
    return f"<ManagedJobSet {record.name!r}: {', '.join(facts)}>"


def as_html(
    store: Store,
    record: JobSetRecord,
    progress: Callable[[], Progress],
    activity: Callable[[Progress], Activity],
) -> str:
    """Return a job set and its most interesting jobs as HTML.

    Args:
        store: Where it is.
        record: The job set.
        progress: Reads how far it is.
        activity: Reads what the backend last said of its jobs.
    """
    try:
        now = progress()
        found = islice(_interesting(store, record.key), _JOBS_SHOWN)
        silent = word_for_silent(store, record)
        jobs = [(job, phrases.state_word(job, silent), detail(job, silent)) for job in found]
        return job_set_html(fresh(store, record), now, activity(now), jobs)
    except JobManagerError as error:  # deleted, or the store is closed: shown, not raised
        text = as_text(record, progress, activity)
        return html.block(html.text(f"{text}: {error}", 300))


def _interesting(store: Store, key: int) -> Iterator[JobRecord]:
    """Yield a few jobs: those in trouble first, then those under way, then the others."""
    for states in (_TROUBLED, _UNDER_WAY, _OTHERS):
        yield from store.jobs(key, states=states, limit=_JOBS_SHOWN)


def drawn(store: Store, record: JobSetRecord, output: str, ax: Axes | None) -> Any:
    """Draw the split of a job set; see `ManagedJobSet.draw`.

    Raises:
        InvalidArgumentError: There is no such output.
    """
    silent = word_for_silent(store, record)
    if output == "mpl":
        from qiskit_job_manager.pictures.split_drawing import draw_split

        return draw_split(record, list(read_jobs(store, record.key)), silent, ax)
    if output != "text":
        raise InvalidArgumentError(not_one_of("output", output, ("text", "mpl")))
    first = store.jobs(record.key, limit=_FIRST_DRAWN)
    after = max(record.n_jobs - _LAST_DRAWN, len(first)) - 1
    return split_text(record, first, store.jobs(record.key, after=after), silent)


def timeline(store: Store, record: JobSetRecord, now: datetime, ax: Axes | None) -> Figure:
    """Plot what each job spent its time on; see `ManagedJobSet.plot_timeline`."""
    from qiskit_job_manager.pictures.timeline import draw_timeline

    attempts = [store.attempts(job.key) for job in read_jobs(store, record.key)]
    undivided = partial(word_for_undivided, record, silent=word_for_silent(store, record))
    figure: Figure = draw_timeline(record.name, attempts, now, ax, undivided)
    return figure
