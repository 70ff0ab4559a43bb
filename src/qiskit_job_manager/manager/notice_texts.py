"""What of a job set is to be told, and in which words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_job_manager.foreign_text import clean
from qiskit_job_manager.job_set.attention import NeedKind, needs_of
from qiskit_job_manager.job_set.status import read_progress
from qiskit_job_manager.manager.notification_services import Message
from qiskit_job_manager.model import JobState
from qiskit_job_manager.model.notices import NoticeKind
from qiskit_job_manager.views.escape import shortened
from qiskit_job_manager.views.phrases import counted, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.job_set.attention import Need
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.model.progress import Progress
    from qiskit_job_manager.ports import SearchableStore

_LONGEST_NAME, _LONGEST_ERROR = 100, 300
_FAILED = (JobState.FAILED, JobState.LOST)
_TITLES = {
    NoticeKind.ENDED: "has ended",
    NoticeKind.FAILED: "has a failed job",
    NoticeKind.NEEDS_USER: "needs you",
    NoticeKind.USAGE_REACHED: "has reached its usage limit",
}
_MAYBE_KNOWN = "You may have been told this before: the program was killed while it told you."


@dataclass(frozen=True, slots=True)
class Finding:
    """Something of a job set that users want to be told.

    Attributes:
        kind: What it is.
        words: What is so, in one or more lines.
        mood: ``"success"``, ``"failure"`` or ``"warning"``.
        may_pass: Whether it may be over by itself a moment later.
    """

    kind: NoticeKind
    words: str
    mood: str = "warning"
    may_pass: bool = False


def found(store: SearchableStore, record: JobSetRecord) -> list[Finding]:
    """Return what is to be told of a job set as it is now."""
    progress = read_progress(store, record)
    asked = any(each.kind.is_users for each in store.requests(record.key))
    has_ended = progress.complete and progress.n_ended >= progress.n_jobs and not asked
    return list(_findings(store, record, progress, has_ended=has_ended))


def _findings(
    store: SearchableStore, record: JobSetRecord, progress: Progress, *, has_ended: bool
) -> Iterator[Finding]:
    if any(progress.jobs.get(state) for state in _FAILED):
        yield Finding(NoticeKind.FAILED, _failure(store, record, progress), "failure")
    if has_ended:
        yield _end(record, progress)
        return
    needs = list(needs_of(store, record, progress, is_unfinished=True))
    for need in needs:
        if need.kind is NeedKind.HELD:
            yield Finding(NoticeKind.USAGE_REACHED, _need(need))
    others = [each for each in needs if each.kind is not NeedKind.HELD]
    if others:
        may_pass = all(each.kind is not NeedKind.IN_DOUBT for each in others)
        words = "\n".join(map(_need, others))
        yield Finding(NoticeKind.NEEDS_USER, words, may_pass=may_pass)


def _end(record: JobSetRecord, progress: Progress) -> Finding:
    experiments = plural(progress.n_experiments, "experiment")
    states = counted([(str(state), n) for state, n in progress.jobs.items() if n])
    words = f"{experiments} in {plural(progress.n_jobs, 'job')}: {states or 'none'}."
    if progress.success:
        return Finding(
            NoticeKind.ENDED, f"{words}\nRead them: qjm results {record.job_set_id}", "success"
        )
    return Finding(NoticeKind.ENDED, f"{words}\nSee why: qjm show {record.job_set_id}", "failure")


def _failure(store: SearchableStore, record: JobSetRecord, progress: Progress) -> str:
    number = sum(progress.jobs.get(state, 0) for state in _FAILED)
    first = next(iter(store.jobs(record.key, states=_FAILED, limit=1)), None)
    error = first.error if first and first.error else "no reason is known"
    return (
        f"{number:,} of {plural(progress.n_jobs, 'job')} failed so far; the first one: "
        f"{shortened(clean(error), _LONGEST_ERROR)}\nSee all: qjm show {record.job_set_id}"
    )


def _need(need: Need) -> str:
    advice = f": {need.advice}" if need.advice else ""
    command = f"\nqjm {' '.join(need.command)}" if need.command else ""
    return f"{shortened(clean(need.words), _LONGEST_ERROR)}{advice}{command}"


def message_of(record: JobSetRecord, finding: Finding, *, may_be_known: bool) -> Message:
    """Return what a service carries.

    Args:
        record: The job set.
        finding: What is so.
        may_be_known: Whether a process that died had begun to tell it.
    """
    name = shortened(clean(record.name), _LONGEST_NAME)
    body = f"{finding.words}\n{_MAYBE_KNOWN}" if may_be_known else finding.words
    return Message(f"qjm: {name} {_TITLES[finding.kind]}", body, finding.mood)
