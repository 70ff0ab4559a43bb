"""Tracks the statuses of the jobs of one adapter, with few requests.

The engine asks about jobs shortly after each was accepted. Jobs of this service take minutes, and
are sent at a limited rate: to list them each time would take more requests than everything else. So
a status counts for some seconds before the service is asked again.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from qiskit_job_manager.backends.ibm.usage import ask_within, usage_so_far_s
from qiskit_job_manager.errors import ResultGoneError, TransientBackendError
from qiskit_job_manager.model import RemoteState, RemoteStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from qiskit_job_manager.backends.ibm.job_api import JobApi, JobInfo


_SINGLES = 3
_ENDED = frozenset({RemoteState.DONE, RemoteState.ERROR, RemoteState.CANCELLED})


class StatusTracker:
    """Returns the statuses of jobs. Safe to use from any thread.

    The jobs of a job set share a tag, by which one request lists them all. Jobs of another process
    are asked about one by one until their common tag is known; so are jobs that the listing lacks,
    a few at a time. A fresh status is not asked for again.

    Args:
        job_api: Asks the service.
    """

    def __init__(self, job_api: JobApi) -> None:
        self._job_api = job_api
        self._tags: dict[str, tuple[str, ...]] = {}
        self._asked: Counter[str] = Counter()
        self._not_there: Counter[str] = Counter()
        self._ended: dict[str, JobInfo] = {}
        self._cache = StatusCache()
        self._no_usage_before_s = 0.0

    def note_submission(self, remote_id: str, tags: Sequence[str]) -> None:
        """Record the tags of a job that the service has just accepted."""
        self._tags[remote_id] = tuple(tags)
        self._cache.note(remote_id, RemoteStatus(RemoteState.QUEUED))

    def note_cancelling(self, remote_id: str) -> None:
        """Record that a job was asked to be cancelled, and may end at any moment."""
        self._cache.drop(remote_id)

    def note(self, infos: Iterable[JobInfo]) -> None:
        """Record the statuses of known jobs that were listed for another purpose."""
        for info in infos:
            if info.id in self._tags:
                self._note(info)

    def forget(self, remote_id: str) -> None:
        """Forget a job whose result was fetched, or that has none."""
        for known in (self._tags, self._asked, self._not_there, self._ended):
            known.pop(remote_id, None)
        self._cache.drop(remote_id)

    def statuses(self, remote_ids: Sequence[str]) -> Mapping[str, RemoteStatus]:
        """Ask about jobs; those whose status could not be read are left out.

        Raises:
            TransientBackendError: No status could be read.
            CredentialsError: The user must log in again.
        """
        found = {each: self._ended[each].status for each in remote_ids if each in self._ended}
        fresh = self._cache.fresh(each for each in remote_ids if each not in found)
        if fresh is not None:
            return {**found, **fresh}
        trouble: list[TransientBackendError] = []
        strangers = [each for each in remote_ids if each not in self._tags and each not in found]
        sample = dict.fromkeys([*strangers[:1], *strangers[-1:]])
        for remote_id in sample:
            self._ask(remote_id, found, trouble)
        self._list(remote_ids, found, trouble)
        rest = [each for each in remote_ids if each not in found and each not in sample]
        for remote_id in sorted(rest, key=lambda each: self._asked[each])[:_SINGLES]:
            self._ask(remote_id, found, trouble)
        if trouble and not found:
            raise trouble[0]
        return found

    def info(self, remote_id: str) -> JobInfo:
        """Return the description of one job; the service is asked unless the job has ended.

        Raises:
            ResultGoneError: There is no such job.
            TransientBackendError: It could not be asked about.
            CredentialsError: The user must log in again.
        """
        known = self._ended.get(remote_id)
        if known is None:
            known = self._job_api.job(remote_id)
            self._note(known)
        return known

    def _ask(
        self,
        remote_id: str,
        found: dict[str, RemoteStatus],
        trouble: list[TransientBackendError],
    ) -> None:
        self._asked[remote_id] += 1
        try:
            found[remote_id] = self._note(self._job_api.job(remote_id))
        except TransientBackendError as error:
            trouble.append(error)
        except ResultGoneError as error:
            # It counts only when said twice: a job that was just accepted may not be visible yet.
            self._not_there[remote_id] += 1
            if self._not_there[remote_id] > 1:
                found[remote_id] = RemoteStatus(RemoteState.GONE, message=str(error))

    def _list(
        self,
        remote_ids: Sequence[str],
        found: dict[str, RemoteStatus],
        trouble: list[TransientBackendError],
    ) -> None:
        """Ask about all jobs that share a tag in one request, if it is about more than one."""
        wanted = {each for each in remote_ids if each not in found}
        tag = self._shared_tag(remote_ids)
        if tag is None or len(wanted) < 2:
            return
        try:
            infos = self._job_api.newest(
                tag, (one for one in wanted if tag in self._known_tags(one))
            )
        except TransientBackendError as error:
            trouble.append(error)
            return
        found.update((info.id, self._note(info)) for info in infos if info.id in wanted)

    def _shared_tag(self, remote_ids: Sequence[str]) -> str | None:
        """Return the tag that most of the jobs have, or ``None`` if no two share one.

        Among equals it is the longest: short tags are rather the user's, on other jobs too.
        """
        counts = Counter(tag for each in remote_ids for tag in self._known_tags(each))
        best = max(counts, key=lambda tag: (counts[tag], len(tag)), default=None)
        return best if best is not None and counts[best] > 1 else None

    def _known_tags(self, remote_id: str) -> tuple[str, ...]:
        return self._tags.get(remote_id, ())

    def _with_usage(self, info: JobInfo) -> RemoteStatus:
        """Return the status of a job, and while it runs for how long it was on the QPU."""
        status = info.status
        is_running = status.state is RemoteState.RUNNING and status.message is None
        if not is_running or time.monotonic() < self._no_usage_before_s:
            return status
        used_s = ask_within(lambda: usage_so_far_s(self._job_api.metrics(info.id)))
        if used_s is None:  # a call about many jobs must not wait for each
            self._no_usage_before_s = time.monotonic() + IDLE_S
            return status
        words = f"{used_s:,.1f} s on the QPU so far" if used_s else "no time on the QPU yet"
        return replace(status, message=words)

    def _note(self, info: JobInfo) -> RemoteStatus:
        info = replace(info, status=self._with_usage(info))
        self._tags[info.id] = info.tags
        self._not_there.pop(info.id, None)
        if info.status.state in _ENDED:
            self._ended[info.id] = info
            self._cache.drop(info.id)
        else:
            self._cache.note(info.id, info.status)
        return info.status


SHORTEST_S = 2.0
"""For how long a status is fresh at first: no job of the service ends sooner."""

LONGEST_S = 12.0
"""For how long it is fresh at most: jobs are listed no more often than new ones are accepted."""

IDLE_S = 60.0
"""After so long without a request, statuses are fresh for the shortest time again."""


class StatusCache:
    """Keeps the last statuses of jobs that have not ended. Safe to use from any thread.

    A status is fresh for some seconds. Each time that the service is asked, this time doubles, up
    to a bound.

    Args:
        seconds: Returns seconds that only grow.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._known: dict[str, tuple[RemoteStatus, float]] = {}
        self._fresh_s = 0.0
        self._asked_s = float("-inf")

    def note(self, remote_id: str, status: RemoteStatus) -> None:
        """Record the present status of a job."""
        self._known[remote_id] = (status, self._seconds())

    def drop(self, remote_id: str) -> None:
        """Forget a job, because it has ended or its status may change."""
        self._known.pop(remote_id, None)

    def fresh(self, remote_ids: Iterable[str]) -> Mapping[str, RemoteStatus] | None:
        """Return the statuses of jobs, or ``None`` if one of them is not fresh.

        ``None`` means that the service is asked now.
        """
        now_s = self._seconds()
        if now_s >= self._asked_s + IDLE_S:
            self._fresh_s = SHORTEST_S
        found = {each: self._known.get(each) for each in remote_ids}
        fresh = {
            each: known[0]
            for each, known in found.items()
            if known is not None and known[1] + self._fresh_s > now_s
        }
        if len(fresh) == len(found):
            return fresh
        self._asked_s = now_s
        self._fresh_s = min(2 * self._fresh_s, LONGEST_S)
        return None
