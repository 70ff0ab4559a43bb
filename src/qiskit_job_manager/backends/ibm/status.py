"""Follows the jobs of one adapter, with as few requests as may be.

What jobs were last known to do, so that the service is not asked more often than is of use.

The engine asks about a job some moments after it was accepted, and each job that is sent has it ask
again. Jobs of this service take minutes, and are sent at a pace of its own: to list them at each of
these occasions would take more requests than all the rest.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import ResultGoneError, TransientBackendError
from qiskit_job_manager.model import RemoteState, RemoteStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from qiskit_job_manager.backends.ibm.job_api import JobApi, JobInfo


_SINGLES = 3
_ENDED = frozenset({RemoteState.DONE, RemoteState.ERROR, RemoteState.CANCELLED})


class StatusTracker:
    """Tells the statuses of jobs. Safe to use from any thread.

    The jobs of a job set share a tag, by which they are listed in one request. Jobs of another
    process are asked about one by one until the tag that they share is known; so are those that
    the listing does not have, a few at a time. What was heard a moment ago is not asked for again.

    Args:
        job_api: What asks the service.
    """

    def __init__(self, job_api: JobApi) -> None:
        self._job_api = job_api
        self._tags: dict[str, tuple[str, ...]] = {}
        self._asked: Counter[str] = Counter()
        self._not_there: Counter[str] = Counter()
        self._ended: dict[str, JobInfo] = {}
        self._cache = StatusCache()

    def note_submission(self, remote_id: str, tags: Sequence[str]) -> None:
        """Take note of what a job can be found by: the service has just taken it."""
        self._tags[remote_id] = tuple(tags)
        self._cache.note(remote_id, RemoteStatus(RemoteState.QUEUED))

    def note_cancelling(self, remote_id: str) -> None:
        """Take note that a job may end at any moment."""
        self._cache.drop(remote_id)

    def note(self, infos: Iterable[JobInfo]) -> None:
        """Take note of jobs that were listed for another purpose, where they are known here."""
        for info in infos:
            if info.id in self._tags:
                self._note(info)

    def forget(self, remote_id: str) -> None:
        """Drop what is known of a job, as its result is here, or there is none."""
        for known in (self._tags, self._asked, self._not_there, self._ended):
            known.pop(remote_id, None)
        self._cache.drop(remote_id)

    def statuses(self, remote_ids: Sequence[str]) -> Mapping[str, RemoteStatus]:
        """Ask about jobs; those that nothing was found out about are left out.

        Raises:
            TransientBackendError: Nothing was found out about any.
            CredentialsError: The user must log in again.
        """
        found = {each: self._ended[each].status for each in remote_ids if each in self._ended}
        fresh = self._cache.told(each for each in remote_ids if each not in found)
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
        """Return the description of one job, asked for unless it is known to have ended.

        Raises:
            ResultGoneError: There is none of that id.
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
            # Said twice, it is believed: what was accepted a moment ago may not be everywhere yet.
            self._not_there[remote_id] += 1
            if self._not_there[remote_id] > 1:
                found[remote_id] = RemoteStatus(RemoteState.GONE, message=str(error))

    def _list(
        self,
        remote_ids: Sequence[str],
        found: dict[str, RemoteStatus],
        trouble: list[TransientBackendError],
    ) -> None:
        """Ask at once about all that share a tag, if it is more than one that is not known of."""
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
        """Return the tag that most of the jobs are known to have, if any is shared.

        Among equals the longest, as short ones are rather the user's, on jobs of any kind.
        """
        counts = Counter(tag for each in remote_ids for tag in self._known_tags(each))
        best = max(counts, key=lambda tag: (counts[tag], len(tag)), default=None)
        return best if best is not None and counts[best] > 1 else None

    def _known_tags(self, remote_id: str) -> tuple[str, ...]:
        return self._tags.get(remote_id, ())

    def _note(self, info: JobInfo) -> RemoteStatus:
        self._tags[info.id] = info.tags
        self._not_there.pop(info.id, None)
        if info.status.state in _ENDED:
            self._ended[info.id] = info
            self._cache.drop(info.id)
        else:
            self._cache.note(info.id, info.status)
        return info.status


SHORTEST_S = 2.0
"""For how long an answer is fresh at first: no job of the service is over sooner."""

LONGEST_S = 12.0
"""For how long later on: jobs are listed no more often than the service takes new ones."""

IDLE_S = 60.0
"""After how long without a question it begins as at first."""


class StatusCache:
    """Knows what jobs that have not ended were last heard to do. Safe to use from any thread.

    What was heard is fresh for some seconds, twice as many each time that the service is asked, up
    to a bound.

    Args:
        seconds: The time, from any zero.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._heard: dict[str, tuple[RemoteStatus, float]] = {}
        self._fresh_s = 0.0
        self._asked_s = float("-inf")

    def note(self, remote_id: str, status: RemoteStatus) -> None:
        """Take note of what a job does now."""
        self._heard[remote_id] = (status, self._seconds())

    def drop(self, remote_id: str) -> None:
        """Forget a job: it has ended, or something was done that may change what it does."""
        self._heard.pop(remote_id, None)

    def told(self, remote_ids: Iterable[str]) -> Mapping[str, RemoteStatus] | None:
        """Return what jobs were heard to do, if that is fresh for each; else the service is asked.

        Returns:
            ``None``: The service is to be asked.
        """
        now_s = self._seconds()
        if now_s >= self._asked_s + IDLE_S:
            self._fresh_s = SHORTEST_S
        found = {each: self._heard.get(each) for each in remote_ids}
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
