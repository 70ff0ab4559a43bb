"""The adapter to a backend that is simulated on the executor of its manager."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.base import BaseBackend
from qiskit_job_manager.backends.job_ends import JobEnds
from qiskit_job_manager.backends.local.costs import SimulationCosts, is_local_adapter
from qiskit_job_manager.backends.local.executor import (
    ExecutorTroubleError,
    Task,
    WorkerDiedError,
)
from qiskit_job_manager.backends.local.setup import Setup
from qiskit_job_manager.backends.local.task import Answer, AnswerKind
from qiskit_job_manager.errors import (
    BackendError,
    InvalidArgumentError,
    JobNotEndedError,
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionDeferredError,
    SubmissionRefusedError,
    SubmissionTooLargeError,
    TransientBackendError,
)
from qiskit_job_manager.model import Blob, Limits, RawResult, RemoteState, RemoteStatus
from qiskit_job_manager.ports import Capabilities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future

    from qiskit_job_manager.backends.local.costs import LocalAdapter
    from qiskit_job_manager.backends.local.executor import Executor
    from qiskit_job_manager.model import ExperimentKind
    from qiskit_job_manager.ports import Backend

logger = logging.getLogger(__name__)

MOST_DEATHS = 3
"""A job that ended so many workers is divided, or fails."""

MOST_KILLS = 10
"""So it is after so many workers that their user or a scheduler may have killed."""

_LEAST_AHEAD = 4
_SHARE_AHEAD = 4
"""Tasks that wait, one for so many places, keep all of them busy while results are stored."""

_TRY_AGAIN_S = 5.0
_KEPT = 64
_VERDICTS = 1000
_FETCH_WAIT_S = 1.0


@dataclass(slots=True, eq=False)
class _Job:
    """A job under way, or ended and not yet forgotten.

    Attributes:
        task: What is computed.
        deaths: Workers that died of it.
        kills: Workers that something else may have killed.
        answer: What came of it, or ``None``.
        is_cancelled: Whether it was cancelled.
        is_taken_up: Whether an earlier process submitted it; its payload is not at hand.
    """

    task: Task
    deaths: int = 0
    kills: int = 0
    answer: Answer | None = None
    is_cancelled: bool = False
    is_taken_up: bool = False


class LocalBackend(BaseBackend):
    """Runs jobs on an executor: worker processes, a cluster, or this process.

    A worker that dies gives its job back, which is computed again. A job of which workers die again
    and again is divided by the engine until the circuit that does it is alone, which then fails
    with the reason.

    Args:
        adapter: The adapter to the backend, as this process has it.
        executor: Where to compute; the manager's.
    """

    def __init__(self, adapter: LocalAdapter, executor: Executor) -> None:
        self._adapter = adapter
        self._executor = executor
        self._setup = Setup(adapter)
        self._costs = SimulationCosts(adapter)
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}
        self._taken: OrderedDict[str, _Job] = OrderedDict()
        self._ends = JobEnds()
        self._one_ended = threading.Condition(self._lock)
        self._verdicts: OrderedDict[bytes, BackendError] = OrderedDict()
        self._trouble: tuple[float, str] | None = None
        self._has_seen_death = False

    # -- what the adapter itself says -----------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the backend."""
        return self._adapter.name

    @property
    def uri(self) -> str | None:
        """The name that opens it again, or ``None``."""
        return self._adapter.uri

    @property
    def takes(self) -> ExperimentKind:
        """What the backend takes."""
        return self._adapter.takes

    @property
    def qiskit_backend(self) -> Any:
        """The Qiskit backend, to transpile for, or ``None``."""
        return self._adapter.qiskit_backend

    @property
    def kept_options(self) -> Mapping[str, Any]:
        """The seed in the backend."""
        kept: Mapping[str, Any] = getattr(self._adapter, "kept_options", {})
        return kept

    @property
    def capabilities(self) -> Capabilities:
        """Jobs die with this process, unless the executor keeps them under their tags."""
        return Capabilities(
            volatile=True,
            idempotent=self._executor.keeps_tasks,
            bulk_status=True,
            reports_ends=True,
            pending_jobs=_jobs_for(self._executor.places),
        )

    def limits(self) -> Limits:
        """Return the limits of the backend; how many jobs it takes at once depends on the place."""
        known = self._adapter.limits()
        return Limits(experiments_per_job=known.experiments_per_job)

    def calibration(self) -> Mapping[str, Any] | None:
        """Return the calibration that the backend simulates, if any."""
        known = getattr(self._adapter, "calibration", None)
        return None if known is None else known()

    def check(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:
        """Check that an experiment can run on the backend."""
        self._adapter.check(experiment, index, options)

    # -- jobs -----------------------------------------------------------------------------------

    def submit(
        self,
        payload: Blob,
        options: Mapping[str, Any],
        tag: str,
        labels: Sequence[str] = (),  # noqa: ARG002  # part of the port
    ) -> str:
        """Give one job to the executor; its tag is its id there."""
        self._raise_if_in_trouble()
        job = _Job(self._task(tag, payload, options))
        if self._verdicts and (verdict := self._verdicts.get(_digest(job.task))) is not None:
            raise verdict
        with self._lock:
            self._jobs[tag] = job
        try:
            self._compute(job)
        except ExecutorTroubleError as error:
            self._drop(tag)
            self._note_trouble(str(error))
            raise SubmissionDeferredError(str(error), _TRY_AGAIN_S) from error
        except InvalidArgumentError as error:
            self._drop(tag)
            raise SubmissionRefusedError(error.message) from error
        return tag

    def statuses(self, remote_ids: Sequence[str]) -> Mapping[str, RemoteStatus]:
        """Say of each job whether it waits, is computed, or has ended, and where."""
        return {remote_id: self.status(remote_id) for remote_id in remote_ids}

    def status(self, remote_id: str) -> RemoteStatus:
        """Say whether a job waits, is computed, or has ended, and where."""
        job = self._job(remote_id)
        if job is None:
            return RemoteStatus(RemoteState.GONE)
        if job.is_cancelled:
            return RemoteStatus(RemoteState.CANCELLED)
        if job.answer is not None:
            return RemoteStatus(RemoteState.DONE)
        where = self._executor.where(remote_id)
        if where is None:
            return RemoteStatus(RemoteState.QUEUED)
        return RemoteStatus(RemoteState.RUNNING, message=f"computed by {where}")

    def fetch(self, remote_id: str) -> RawResult:
        """Return the result of a job; one that is computed is waited for a moment."""
        job = self._job(remote_id)
        if job is None:
            msg = f"the job {remote_id} on {self.name} ended with the process that started it"
            raise ResultGoneError(msg)
        with self._one_ended:
            self._one_ended.wait_for(lambda: _has_ended(job), _FETCH_WAIT_S)
        if job.answer is None:
            raise JobNotEndedError(f"the job {remote_id} on {self.name} is still computed")
        self._note_taken(remote_id, job)
        return _result_in(job.answer)

    def cancel(self, remote_id: str) -> None:
        """Stop computing a job."""
        job = self._job(remote_id)
        if job is not None and job.answer is None:
            with self._lock:
                job.is_cancelled = True
            self._executor.cancel(remote_id)
            self._note_taken(remote_id, job)
            self._ends.report(remote_id, RemoteStatus(RemoteState.CANCELLED))

    def error_message(self, remote_id: str) -> str | None:
        """Return ``None``: the reason comes in place of the result."""
        del remote_id
        return None

    def wait_for_ends(self, timeout_s: float) -> Mapping[str, RemoteStatus]:
        """Return the jobs that have ended since the last call; wait for the first of them."""
        return self._ends.wait(timeout_s)

    # -- inside ---------------------------------------------------------------------------------

    def _raise_if_in_trouble(self) -> None:
        if self._trouble is not None and time.monotonic() < self._trouble[0]:
            raise SubmissionDeferredError(self._trouble[1], _TRY_AGAIN_S)

    def _job(self, key: str) -> _Job | None:
        """Return a job of this process, or one that the executor kept for an earlier one."""
        with self._lock:
            job = self._jobs.get(key) or self._taken.get(key)
        return self._taken_up(key) if job is None else job

    def _taken_up(self, key: str) -> _Job | None:
        """Follow a job that the executor kept for an earlier process.

        Raises:
            TransientBackendError: The executor cannot be reached now.
        """
        try:
            future = self._executor.find(key)
        except ExecutorTroubleError as error:
            raise TransientBackendError(str(error)) from error
        if future is None:
            return None
        task = self._task(key, Blob("", b""), {})
        with self._lock:
            job = self._jobs.setdefault(key, _Job(task, is_taken_up=True))
        self._follow(job, future)
        return job

    def _task(self, key: str, payload: Blob, options: Mapping[str, Any]) -> Task:
        # Once a worker has died, nothing of this backend may be the end of this process.
        return Task(
            key,
            self._adapter,
            self._setup,
            payload,
            dict(options),
            only_in_worker=self._has_seen_death,
            on_device=self._costs.is_on_device(options),
        )

    def _compute(self, job: _Job) -> None:
        self._follow(job, self._executor.submit(job.task))

    def _follow(self, job: _Job, future: Future[Answer]) -> None:
        future.add_done_callback(lambda done: self._take(job, done))

    def _take(self, job: _Job, done: Future[Answer]) -> None:
        """Take what came of a job; any thread calls this."""
        if job.is_cancelled or done.cancelled():
            return
        error = done.exception()
        if error is None:
            self._take_answer(job, done.result())
        elif isinstance(error, WorkerDiedError):
            self._take_death(job, error)
        elif isinstance(error, ExecutorTroubleError):
            self._note_trouble(str(error))
            self._give_back(job, str(error))
        elif isinstance(error, InvalidArgumentError):
            self._judge(job, SubmissionRefusedError(error.message))
        else:
            words = f"{type(error).__name__}: {error}"
            self._end(job, Answer(AnswerKind.FAILED, words, b"", ""))

    def _take_answer(self, job: _Job, answer: Answer) -> None:
        if answer.kind == AnswerKind.REFUSED:
            self._judge(job, SubmissionRefusedError(answer.text))
        elif answer.kind == AnswerKind.UNFIT:
            self._note_trouble(answer.text)
            self._give_back(job, answer.text)
        else:
            self._end(job, answer)

    def _take_death(self, job: _Job, error: WorkerDiedError) -> None:
        if error.was_killed:
            job.kills += error.n_workers
        else:
            job.deaths += error.n_workers
        if error.n_workers > 1:  # of single ones there may be many, and most mean nothing
            words = "%s: %d workers died, one after the other, that computed one job: %s"
            more = {"event": "workers died"}
            logger.warning(words, self.name, error.n_workers, error.reason, extra=more)
        self._has_seen_death = True
        job.task = replace(job.task, only_in_worker=True)
        if job.is_taken_up:
            self._give_back(job, error.reason)
            return
        if job.deaths < MOST_DEATHS and job.kills < MOST_KILLS:
            try:
                self._compute(job)
            except ExecutorTroubleError as trouble:
                self._note_trouble(str(trouble))
                self._give_back(job, str(trouble))
            return
        n = job.deaths + job.kills
        self._judge(
            job,
            SubmissionTooLargeError(
                f"{n} workers that simulated it died, the last one so: {error.reason}"
            ),
        )

    def _judge(self, job: _Job, verdict: BackendError) -> None:
        """Give a job back to the engine, and refuse it when the engine sends it again.

        Only of what it sends can the engine make two jobs.
        """
        if job.is_taken_up:
            self._give_back(job, verdict.message)
            return
        with self._lock:
            self._verdicts[_digest(job.task)] = verdict
            while len(self._verdicts) > _VERDICTS:
                self._verdicts.popitem(last=False)
        self._give_back(job, verdict.message)

    def _give_back(self, job: _Job, reason: str) -> None:
        self._end(job, Answer(AnswerKind.UNFIT, reason, b"", ""))

    def _note_trouble(self, words: str) -> None:
        """Send nothing for some seconds, and log why, unless that was logged before."""
        before, self._trouble = self._trouble, (time.monotonic() + _TRY_AGAIN_S, words)
        if before is None or before[1] != words:
            logger.warning("%s waits: %s", self.name, words, extra={"event": "executor trouble"})

    def _end(self, job: _Job, answer: Answer) -> None:
        with self._one_ended:
            job.answer = answer
            self._one_ended.notify_all()
        self._ends.report(job.task.key, RemoteStatus(RemoteState.DONE))

    def _note_taken(self, key: str, job: _Job) -> None:
        """Keep the last jobs for a while, in case that the store cannot take them at once."""
        with self._lock:
            self._jobs.pop(key, None)
            self._taken[key] = job
            self._taken.move_to_end(key)
            while len(self._taken) > _KEPT:
                self._taken.popitem(last=False)
        self._executor.forget(key)

    def _drop(self, key: str) -> None:
        with self._lock:
            self._jobs.pop(key, None)


def _jobs_for(places: int) -> int:
    return places + max(_LEAST_AHEAD, places // _SHARE_AHEAD)


def _has_ended(job: _Job) -> bool:
    return job.answer is not None or job.is_cancelled


def _result_in(answer: Answer) -> RawResult:
    if answer.kind == AnswerKind.RESULT:
        return RawResult(answer.text, answer.data)
    if answer.kind == AnswerKind.FAILED:
        raise RemoteJobFailedError(answer.text)
    raise ResultGoneError(answer.text)


def _digest(task: Task) -> bytes:
    options = json.dumps(task.options, sort_keys=True).encode()
    return hashlib.sha256(options + b"\0" + task.payload.data).digest()


def on_executor(adapter: Backend, executor: Executor) -> Backend:
    """Return the adapter that runs jobs of an adapter on an executor, if they can run there."""
    return LocalBackend(adapter, executor) if is_local_adapter(adapter) else adapter
