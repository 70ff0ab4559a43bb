"""What in a store needs the user: which job set, why, and the command that helps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from qiskit_job_manager import ways
from qiskit_job_manager.job_set.report import allowing_more
from qiskit_job_manager.job_set.status import held_jobs, read_progress, trouble_of
from qiskit_job_manager.model.progress import progress_of
from qiskit_job_manager.model.search import JobSetFilter, JobSetOrder
from qiskit_job_manager.views.phrases import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.model.progress import Progress
    from qiskit_job_manager.ports import SearchableStore

_SETS_READ = 200
_DUPLICATES_READ = 20


class NeedKind(StrEnum):
    """Why a job set needs the user."""

    IN_DOUBT = "in doubt"
    HELD = "held"
    NOT_HANDED_OVER = "not handed over"
    NOT_DRIVEN = "not driven"
    WAITING = "waiting"
    HALF_DELETED = "half deleted"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that needs the user.

    Attributes:
        kind: Why.
        record: The job set.
        words: What is so.
        advice: What to do, in words; empty where the command says it.
        command: The words of the command after ``qjm``; ``...`` stands for what the user chooses.
    """

    kind: NeedKind
    record: JobSetRecord
    words: str
    advice: str = ""
    command: tuple[str, ...] = ()


def needs(store: SearchableStore) -> list[Need]:
    """Return what needs the user, of the first few hundred job sets that may, the oldest first."""
    found = list(_of_half_deleted(store))
    wanted = JobSetFilter(may_need_user=True)
    unfinished = store.unfinished(_SETS_READ)
    others = store.find_job_sets(wanted, JobSetOrder.OLDEST, limit=_SETS_READ)
    records = {each.key: each for each in (*others, *unfinished)}
    totals = store.totals_of(list(records))
    moving = {each.key for each in unfinished}
    for record in records.values():
        counted = totals[record.key]
        progress = progress_of(record, counted, held_jobs(store, record, counted))
        found += needs_of(store, record, progress, is_unfinished=record.key in moving)
    return [*found, *_of_duplicates(store, records.values())]


def needs_of(
    store: SearchableStore, record: JobSetRecord, progress: Progress, *, is_unfinished: bool
) -> Iterator[Need]:
    """Yield what of one job set needs the user.

    Args:
        store: Where it is.
        record: The job set.
        progress: How far it is.
        is_unfinished: Whether something is left to do, a request included.
    """
    is_driven = store.driver(record.key) is not None
    if not record.complete and not is_driven:
        now = store.job_set(record.job_set_id)
        if now is None or now.complete:
            return  # the hand-over ended, or the set was deleted, between the two looks
        advice = f"{ways.AGAIN}, or delete it"
        yield Need(NeedKind.NOT_HANDED_OVER, record, "not handed over to its end", advice)
        return
    if progress.needs_user:
        words = f"{plural(progress.needs_user, 'job')} in doubt: the backend may have accepted them"
        command = ("resubmit", record.job_set_id)
        advice = "look on the backend, then send them again or give them up"
        yield Need(NeedKind.IN_DOUBT, record, words, advice, command)
    if progress.held:
        words = f"{plural(progress.held, 'job')} held by the usage limit"
        more = ("resume", record.job_set_id, *allowing_more(record))
        yield Need(NeedKind.HELD, record, words, "", more)
    if is_unfinished and not is_driven and (record.complete and not _only_waits(progress)):
        if not _is_unfinished(store, record):
            return  # its driver's last act came between the two looks
        yield Need(
            NeedKind.NOT_DRIVEN, record, "nobody drives it", "", ("resume", record.job_set_id)
        )
    elif is_driven and (trouble := trouble_of(store, record, progress)):
        yield Need(NeedKind.WAITING, record, trouble)


def _is_unfinished(store: SearchableStore, record: JobSetRecord) -> bool:
    """Return whether something is left to do now."""
    return bool(store.requests(record.key)) or not read_progress(store, record).ended


def _only_waits(progress: Progress) -> bool:
    """Return whether all that is left waits for the user, so that a driver would not help."""
    return progress.ended and bool(progress.needs_user or progress.held)


def _of_half_deleted(store: SearchableStore) -> Iterator[Need]:
    for record in store.half_deleted():
        command = ("delete", record.job_set_id)
        yield Need(NeedKind.HALF_DELETED, record, "half deleted", "", command)


def _of_duplicates(store: SearchableStore, known: Iterable[JobSetRecord]) -> Iterator[Need]:
    """Yield the duplicates of the job sets that are not finished: others cannot be helped."""
    by_key = {each.key: each for each in known}
    for key, event in store.duplicates(limit=_DUPLICATES_READ):
        if key in by_key:
            record = by_key[key]
            words = f"job {event.job_index} {event.cause}"
            command = ("cancel", record.job_set_id, "--duplicates")
            yield Need(NeedKind.DUPLICATE, record, words, "", command)
