"""A backend in memory whose behaviour a test scripts, with a ledger."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from qiskit_job_manager.backends import BaseBackend
from qiskit_job_manager.errors import JobNotEndedError, RemoteJobFailedError, ResultGoneError
from qiskit_job_manager.model import (
    ExperimentKind,
    Limits,
    RawResult,
    RemoteFigures,
    RemoteState,
    RemoteStatus,
)
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing.ledger import Ledger, Submission, digest
from qiskit_job_manager.testing.samples import count_experiments, sampled
from qiskit_job_manager.testing.scripts import (
    Behaviour,
    Call,
    Hang,
    JobStory,
    LoseAnswer,
    Proceed,
    Raise,
    Repeat,
    RunFunction,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qiskit_job_manager.model import Blob
    from qiskit_job_manager.ports import Clock

_Answer = TypeVar("_Answer")

_ENDED = frozenset(RemoteState) - {RemoteState.QUEUED, RemoteState.RUNNING}


@dataclass(slots=True)
class _RemoteJob:
    """A job that was accepted; guarded by the backend's lock."""

    submission: Submission
    payload: Blob
    story: JobStory
    enquiries: int = 0
    read: bool = False
    ended_as: RemoteStatus | None = None

    def told(self) -> RemoteStatus:
        """Return the status at the present poll."""
        if self.ended_as is not None:
            return self.ended_as
        return self.story.statuses[min(self.enquiries, len(self.story.statuses) - 1)]


class ScriptedBackend(BaseBackend):
    """A `Backend` whose behaviour can be scripted call by call.

    Without a script it accepts every job. The job is done at the first poll, and its counts depend
    on the names of the circuits and the shots. The backend is deterministic, safe to use from any
    thread, and holds no lock while a call hangs. It forgets nothing, so that several managers can
    use it as a cloud, one after the other or at once.

        backend = ScriptedBackend(clock)
        backend.script(Call.SUBMIT, LoseAnswer(), Raise(SubmissionDeferredError("busy", 3.0)))
        backend.tell(JobStory.ending(RemoteState.ERROR, "fridge is warm", queued=2))
        ...
        assert max(backend.ledger.submissions_by_tag().values()) == 1

    Args:
        clock: The clock of the listing's lag.
        capabilities: What it can do.
        limits: The limits that it declares; it does not enforce them.
        run: Computes results when they are fetched, outside all locks.
        count: Returns the number of experiments in a payload.
        uri: The URI that it declares.
        takes: The kind of experiments that it declares.
        usage_s: Quantum seconds that it estimates for each circuit of a job, or ``None``.
    """

    def __init__(  # noqa: PLR0913  # one for each thing that a backend says of itself
        self,
        clock: Clock,
        capabilities: Capabilities | None = None,
        *,
        limits: Limits | None = None,
        run: RunFunction = sampled,
        count: Callable[[Blob], int] = count_experiments,
        uri: str | None = None,
        takes: ExperimentKind = ExperimentKind.CIRCUIT,
        usage_s: float | None = None,
    ) -> None:
        self.ledger = Ledger()
        self._clock = clock
        self._capabilities = capabilities or Capabilities()
        self._limits = limits or Limits()
        self._run = run
        self._count = count
        self._uri = uri
        self._takes = takes
        self._usage_s = usage_s
        self._behaviours: dict[Call, deque[Behaviour]] = {call: deque() for call in Call}
        self._stories: deque[JobStory] = deque()
        self._figures: dict[str, RemoteFigures] = {}
        self._jobs: dict[str, _RemoteJob] = {}
        self._lock = threading.Lock()

    # -- what a test says -------------------------------------------------------------------------

    def script(self, call: Call, *behaviours: Behaviour) -> None:
        """Set how the next calls of one kind behave, one each; later calls proceed."""
        with self._lock:
            self._behaviours[call].extend(behaviours)

    def tell(self, *stories: JobStory) -> None:
        """Set the stories of the next accepted jobs, one each; later jobs are done at once."""
        with self._lock:
            self._stories.extend(stories)

    def finish(self, remote_id: str, status: RemoteStatus) -> None:
        """End a job now, whatever its story says."""
        with self._lock:
            self._jobs[remote_id].ended_as = status

    def work_out(self, remote_id: str, figures: RemoteFigures) -> None:
        """Set the figures of a job that `fetch_usage` returns from now on."""
        with self._lock:
            self._figures[remote_id] = figures

    def forget_jobs(self) -> None:
        """Lose all jobs, as a volatile backend does when its process dies; the ledger remains."""
        with self._lock:
            self._jobs.clear()

    # -- the port ---------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Name for people."""
        return "scripted"

    @property
    def uri(self) -> str | None:
        """What the test said."""
        return self._uri

    @property
    def account(self) -> str:
        """One for all scripted backends."""
        return "scripted"

    @property
    def takes(self) -> ExperimentKind:
        """The kind of experiments that it was given."""
        return self._takes

    @property
    def capabilities(self) -> Capabilities:
        """What the test said."""
        return self._capabilities

    def limits(self) -> Limits:
        """Return the limits that it was given."""
        return self._limits

    def check(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:
        """Accept every experiment."""

    def submit(
        self,
        payload: Blob,
        options: Mapping[str, Any],
        tag: str,
        labels: Sequence[str] = (),
    ) -> str:
        """Accept a job, unless the script says otherwise."""
        return self._play(Call.SUBMIT, tag, lambda: self._accept(payload, options, tag, labels))

    def estimate_usage_s(self, circuits: int, shots: int | None) -> float | None:  # noqa: ARG002  # as the port has it
        """Return the estimate that it was given, times the circuits."""
        return None if self._usage_s is None else self._usage_s * circuits

    def find(self, tag: str) -> Sequence[str]:
        """Return the ids of the jobs with this tag that are listed by now.

        Raises:
            NotImplementedError: The backend cannot be searched and should not have been asked.
        """
        return self._play(Call.FIND, tag, lambda: self._listed(tag))

    def find_duplicates(self, label: str) -> Mapping[str, Sequence[str]]:
        """Return the ids of the jobs with this label that are listed by now, by their tags."""
        return self._play(Call.FIND_DUPLICATES, label, lambda: self._labelled(label))

    def fetch_usage(self, label: str, remote_ids: Sequence[str]) -> Mapping[str, RemoteFigures]:
        """Return the figures that are known by now."""

        def known() -> dict[str, RemoteFigures]:
            with self._lock:
                return {each: self._figures[each] for each in remote_ids if each in self._figures}

        return self._play(Call.MEASURED, label, known)

    def statuses(self, remote_ids: Sequence[str]) -> Mapping[str, RemoteStatus]:
        """Return the next status of each job's story; a job that it never had is gone."""
        asked = tuple(remote_ids)
        return self._play(Call.STATUSES, asked, lambda: {key: self._next(key) for key in asked})

    def fetch(self, remote_id: str) -> RawResult:
        """Compute the result of a job that has ended."""
        return self._play(Call.FETCH, remote_id, lambda: self._hand_out(remote_id))

    def cancel(self, remote_id: str) -> None:
        """Cancel a job, unless it has ended or the backend cannot."""
        self._play(Call.CANCEL, remote_id, lambda: self._cancel(remote_id))

    def error_message(self, remote_id: str) -> str | None:
        """Return the message of a job's present status."""
        with self._lock:
            job = self._jobs.get(remote_id)
            return None if job is None else job.told().message

    # -- behind it --------------------------------------------------------------------------------

    def _play(
        self, call: Call, about: str | tuple[str, ...], act: Callable[[], _Answer]
    ) -> _Answer:
        with self._lock:
            self.ledger.calls.append((call, about))
            waiting = self._behaviours[call]
            behaviour = waiting.popleft() if waiting else Proceed()
        if isinstance(behaviour, Raise):
            raise behaviour.error
        if isinstance(behaviour, Hang) and not behaviour.done_first:
            behaviour.stand_still()
        answer = act()
        if isinstance(behaviour, Repeat):
            answer = act()
        if isinstance(behaviour, LoseAnswer):
            raise behaviour.error
        if isinstance(behaviour, Hang) and behaviour.done_first:
            behaviour.stand_still()
        return answer

    def _accept(
        self, payload: Blob, options: Mapping[str, Any], tag: str, labels: Sequence[str]
    ) -> str:
        with self._lock:
            if self._capabilities.idempotent:
                for remote_id, job in self._jobs.items():
                    if job.submission.tag == tag:
                        return remote_id
            remote_id = f"job-{len(self.ledger.accepted) + 1}"
            submission = Submission(
                remote_id,
                tag,
                digest(payload),
                dict(options),
                self._clock.monotonic(),
                tuple(labels),
            )
            story = self._stories.popleft() if self._stories else JobStory()
            self._jobs[remote_id] = _RemoteJob(submission, payload, story)
            self.ledger.accepted.append(submission)
            return remote_id

    def _labelled(self, label: str) -> dict[str, list[str]]:
        listed_until_s = self._clock.monotonic() - self._capabilities.listing_lag_s
        found: dict[str, list[str]] = {}
        with self._lock:
            for remote_id, job in self._jobs.items():
                sent = job.submission
                if label in sent.labels and sent.accepted_s <= listed_until_s:
                    found.setdefault(sent.tag, []).append(remote_id)
        return found

    def _listed(self, tag: str) -> list[str]:
        if not self._capabilities.findable:
            raise NotImplementedError("find() was called on a backend that is not findable")
        listed_until_s = self._clock.monotonic() - self._capabilities.listing_lag_s
        with self._lock:
            return [
                remote_id
                for remote_id, job in self._jobs.items()
                if job.submission.tag == tag and job.submission.accepted_s <= listed_until_s
            ]

    def _next(self, remote_id: str) -> RemoteStatus:
        with self._lock:
            job = self._jobs.get(remote_id)
            if job is None:
                return RemoteStatus(RemoteState.GONE)
            status = job.told()
            job.enquiries += 1
            if status.state in _ENDED:
                job.ended_as = status
            return status

    def _hand_out(self, remote_id: str) -> RawResult:
        job, run = self._readable(remote_id)
        result = run(job.payload, job.submission.options, self._count(job.payload))
        with self._lock:
            # Checked again: two readers may have come this far.
            if self._capabilities.reads_once and job.read:
                raise ResultGoneError(f"the result of {remote_id} has been read before")
            job.read = True
            self.ledger.handed_out.append(remote_id)
        return result

    def _readable(self, remote_id: str) -> tuple[_RemoteJob, RunFunction]:
        """Return a job that has a result, and the function that computes it."""
        with self._lock:
            job = self._jobs.get(remote_id)
            status = RemoteStatus(RemoteState.GONE) if job is None else job.told()
            if job is None or status.state is RemoteState.GONE:
                raise ResultGoneError(f"there is no job {remote_id}")
            if status.state not in _ENDED:
                raise JobNotEndedError(f"the job {remote_id} is still {status.state}")
            if status.state is RemoteState.DONE:
                return job, job.story.run or self._run
            if job.story.run is None:
                raise RemoteJobFailedError(status.message or f"{remote_id}: {status.state}")
            return job, job.story.run

    def _cancel(self, remote_id: str) -> None:
        with self._lock:
            job = self._jobs.get(remote_id)
            if job is None or job.told().state in _ENDED or not self._capabilities.cancels:
                return
            job.ended_as = RemoteStatus(RemoteState.CANCELLED)
            self.ledger.cancelled.append(remote_id)
