"""Worker processes of this machine.

Each worker is a `loky.ProcessPoolExecutor` of one process. So the death of one touches no other
task, and ending one is how a task that computes is cancelled. loky starts processes without running
the user's script again, as the pools of the standard library do, and says how a worker died.

This process computes, too, as long as no worker is ready: what is little work ends before a worker
would have started. Workers are started when enough work is expected, or when tasks have waited for
a while, and ended after they were idle for a while. A thread of its own starts them, which lives as
long as they: the kernel ends a worker when the thread that started it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import re
import socket
import threading
import time
import weakref
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.local.any_executor import PART_WITHIN_S, arguments_of
from qiskit_job_manager.backends.local.costs import SimulationCosts
from qiskit_job_manager.backends.local.executor import WorkerDiedError
from qiskit_job_manager.backends.local.memory import oom_kills, usable_bytes
from qiskit_job_manager.backends.local.setup import is_about_sending
from qiskit_job_manager.backends.local.task import (
    Answer,
    AnswerKind,
    Kept,
    answer_of,
    arrive,
    compute,
    keep,
)
from qiskit_job_manager.backends.local.worker_process import (
    ENVIRONMENT,
    get_ready,
    prepare,
    start_quiet_tracker,
)
from qiskit_job_manager.foreign_text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qiskit_job_manager.backends.local.executor import Task
    from qiskit_job_manager.backends.local.setup import Setup

logger = logging.getLogger(__name__)

WORTH_FROM_S = 2.0
"""Workers are started when so much work is expected; a start takes some two seconds of a core."""

WORTH_AFTER_S = 0.5
"""So they are when tasks wait that have kept this process computing for so long."""

LONG_S = 1.0
"""A task of so many seconds is left to a worker: in a process that simulates, no other thread gets
anywhere."""

IDLE_S = 30.0
_HOST = socket.gethostname()
_MOST_FAILED_STARTS = 3
_READY_WITHIN_S = 120.0


class _TooLongError(Exception):
    """A task takes too long for this process."""


@dataclass(slots=True, eq=False)
class _Run:
    """A task that waits, or is computed.

    Attributes:
        task: The task.
        future: Its answer.
        bytes_needed: What its widest circuit needs beyond a worker's share; 0: it fits.
        is_long: Whether only a worker may compute it.
        is_cancelled: Whether its answer does not matter any more.
        where: Where it is computed.
    """

    task: Task
    future: Future[Answer] = field(default_factory=Future)
    bytes_needed: int = 0
    is_long: bool = False
    is_cancelled: bool = False
    where: str | None = None


@dataclass(slots=True, eq=False)
class _Worker:
    """One worker process.

    Attributes:
        pool: Its pool of one process.
        pid: Its process, once it is ready.
        run: What it computes, or ``None``.
        kept: Whose backend object it has, or ``None``.
        oom_kills: Processes that the kernel had killed for lack of memory when the run began.
    """

    pool: Any
    pid: int | None = None
    run: _Run | None = None
    kept: Setup | None = None
    oom_kills: int = 0


class Workers:
    """Computes tasks in up to ``n`` processes of this machine, or with ``n = 0`` in this process.

    Args:
        n: The most worker processes at once.
    """

    keeps_tasks = False

    def __init__(self, n: int) -> None:
        self._n = n
        self._changed = threading.Condition()
        self._waiting: deque[_Run] = deque()
        self._workers: list[_Worker] = []
        self._here: _Run | None = None
        self._here_since_s: float | None = None
        self._expected_s = 0.0
        self._idle_since_s: float | None = None
        self._failed_starts = 0
        self._is_closed = False
        self._threads: list[threading.Thread] = []
        self._memory = usable_bytes()
        self._unsendable: weakref.WeakSet[Setup] = weakref.WeakSet()

    @property
    def starts_for_work(self) -> bool:
        """Whether there may be workers at all."""
        return self._n > 0

    @property
    def places(self) -> int:
        """How many tasks are computed at once."""
        return max(self._n, 1)

    def expect(self, seconds: float) -> None:
        """Start workers if enough work is expected."""
        if self._n:
            with self._changed:
                before = self._wanted()
                self._expected_s += seconds
                if self._wanted() > before:
                    self._wake()

    def submit(self, task: Task) -> Future[Answer]:
        """Compute a task as soon as there is a place."""
        run = _Run(task, is_long=task.only_in_worker)
        with self._changed:
            if not self._is_closed:
                self._waiting.append(run)
                self._wake()
        return run.future

    def find(self, key: str) -> Future[Answer] | None:
        """Return ``None``: the tasks of an earlier process died with it."""
        del key
        return None

    def forget(self, key: str) -> None:
        """Do nothing, as no answer is kept."""

    def where(self, key: str) -> str | None:
        """Say which process computes a task."""
        with self._changed:
            found = [run.where for run in self._under_way() if run.task.key == key]
        return found[0] if found else None

    def cancel(self, key: str) -> None:
        """Drop a task; the worker that computes it can only be ended."""
        with self._changed:
            for run in [run for run in self._waiting if run.task.key == key]:
                self._waiting.remove(run)
            for worker in [w for w in self._workers if w.run and w.run.task.key == key]:
                if worker.run is not None:
                    worker.run.is_cancelled = True
                self._end(worker)
            if self._here is not None and self._here.task.key == key:
                self._here.is_cancelled = True
            self._wake()

    def close(self) -> None:
        """End all workers."""
        with self._changed:
            self._is_closed = True
            self._waiting.clear()
            for worker in list(self._workers):
                self._end(worker)
            self._changed.notify_all()

    # -- the thread that starts workers and gives them tasks --------------------------------------

    def _wake(self) -> None:
        """Let the threads look at what changed; start them with the first task."""
        if not self._threads and not self._is_closed:
            for target, name in ((self._serve, "qjm-workers"), (self._compute_here, "qjm-here")):
                thread = threading.Thread(target=target, name=name, daemon=True)
                thread.start()
                self._threads.append(thread)
        self._changed.notify_all()

    def _serve(self) -> None:
        with self._changed:
            while not self._is_closed:
                while len(self._workers) < self._wanted():
                    self._start_one()
                self._give()
                self._end_idle()
                self._changed.wait(self._look_again_s())

    def _wanted(self) -> int:
        """Return how many workers there should be now."""
        if not self._n or self._failed_starts >= _MOST_FAILED_STARTS:
            return 0
        wanted = len(self._workers)
        if self._expected_s >= WORTH_FROM_S:
            wanted = max(wanted, int(self._expected_s))
        if any(run.is_long for run in self._waiting) or (self._waiting and self._has_waited()):
            wanted = max(wanted, len(self._waiting) + sum(w.run is not None for w in self._workers))
        return min(wanted, self._n)

    def _has_waited(self) -> bool:
        """Say whether tasks wait since long enough to start workers for them."""
        since_s = self._here_since_s
        return bool(self._workers) or (
            since_s is not None and time.monotonic() >= since_s + WORTH_AFTER_S
        )

    def _look_again_s(self) -> float | None:
        """Return after how many seconds something may be due that no change announces."""
        now_s = time.monotonic()
        if self._workers and self._idle_since_s is not None:
            return max(self._idle_since_s + IDLE_S - now_s, 0.0)
        if self._n and self._here_since_s is not None and not self._workers:
            return max(self._here_since_s + WORTH_AFTER_S - now_s, 0.01)
        return None

    def _start_one(self) -> None:
        from loky import ProcessPoolExecutor

        start_quiet_tracker()
        pool = ProcessPoolExecutor(
            1, initializer=prepare, initargs=(os.getpid(),), env=dict(ENVIRONMENT)
        )
        worker = _Worker(pool)
        self._workers.append(worker)
        try:
            future = pool.submit(get_ready)
        except (OSError, RuntimeError) as error:
            self._note_failed_start(worker, error)
            return
        _end_at_exit(self)
        future.add_done_callback(lambda done: self._note_ready(worker, done))

    def _note_ready(self, worker: _Worker, done: Future[int]) -> None:
        with self._changed:
            if done.cancelled() or worker not in self._workers:
                return
            if (error := done.exception()) is not None:
                self._note_failed_start(worker, error)
            else:
                worker.pid, self._failed_starts = done.result(), 0
            self._wake()

    def _note_failed_start(self, worker: _Worker, error: BaseException) -> None:
        self._end(worker)
        self._failed_starts += 1
        if self._failed_starts == _MOST_FAILED_STARTS:
            words = "worker processes cannot be started, so this process simulates: %s"
            logger.warning(words, clean(str(error)), extra={"event": "no workers"})

    def _give(self) -> None:
        """Give waiting tasks to the workers that are free, in order, as far as memory goes."""
        while (run := self._next_to_send()) and (worker := self._free_worker()):
            if not self._fits(run):
                return  # nothing overtakes it, or it would wait for ever
            self._waiting.remove(run)
            worker.run, worker.oom_kills = run, oom_kills()
            run.where = f"process {worker.pid} on {_HOST}"
            self._begin(worker, run)

    def _free_worker(self) -> _Worker | None:
        free = (each for each in self._workers if each.pid is not None and each.run is None)
        return next(free, None)

    def _begin(self, worker: _Worker, run: _Run) -> None:
        # What is wider than the machine is left to Aer, which has ways to do without, or says so.
        limit = None if run.bytes_needed > self._memory else self._most_bytes(run)
        try:
            arguments = (*arguments_of(run.task, self._keep(worker, run.task.setup)), limit)
            future = worker.pool.submit(compute, *arguments)
        except RuntimeError:  # it died idle
            worker.run = None
            self._end(worker)
            self._waiting.appendleft(run)
            return
        future.add_done_callback(lambda done: self._take(worker, run, done))

    def _keep(self, worker: _Worker, setup: Setup) -> Kept | None:
        """Bring a backend object to a worker, once for all tasks; a name goes with each."""
        if setup.has_name:
            return None
        if worker.kept is not setup:
            sent = worker.pool.submit(keep, setup.key, setup.backend)
            worker.kept = setup
            sent.add_done_callback(lambda done: self._note_kept(worker, setup, done))
        return Kept(setup.key)

    def _note_kept(self, worker: _Worker, setup: Setup, done: Future[None]) -> None:
        """Take note of an object that cannot be brought to workers: it is simulated here."""
        error = None if done.cancelled() else done.exception()
        if error is None:
            return
        with self._changed:
            worker.kept = None
            is_news = is_about_sending(error) and setup not in self._unsendable
            if is_news:
                self._unsendable.add(setup)
        if is_news:  # this thread feeds the pool that is asked for the part
            args = (worker, setup, error)
            threading.Thread(target=self._say_not_sent, args=args, daemon=True).start()

    def _say_not_sent(self, worker: _Worker, setup: Setup, error: BaseException) -> None:
        """Log which part of a backend object cannot be brought to workers."""

        def send(part: Any) -> None:
            worker.pool.submit(arrive, part).result(PART_WITHIN_S)

        words = "%s; so this process simulates, on one core"
        message = setup.not_sent(error, send).message
        logger.warning(words, message, extra={"event": "not sent"})

    def _take(self, worker: _Worker, run: _Run, done: Future[Answer]) -> None:
        """Take what came of a task; this runs on a thread of its pool."""
        error = None if done.cancelled() else done.exception()
        answer = None
        with self._changed:
            worker.run = None
            if error is not None or done.cancelled():
                self._end(worker)
            else:
                answer = done.result()
                run.bytes_needed = answer.bytes_needed
            again = self._stays_here(run) or (answer is not None and answer.kind == AnswerKind.WIDE)
            if again:
                self._waiting.appendleft(run)
            is_over = run.is_cancelled or self._is_closed
            self._wake()
        if is_over or again:
            return
        if answer is not None:
            run.future.set_result(answer)
        else:
            run.future.set_exception(_death(worker, error))

    def _end(self, worker: _Worker) -> None:
        """End the process of a worker, dead or alive."""
        if worker in self._workers:
            self._workers.remove(worker)
        worker.pool.shutdown(wait=False, kill_workers=True)

    def _end_idle(self) -> None:
        """End all workers after they were idle for long."""
        if self._waiting or any(worker.run for worker in self._workers):
            self._idle_since_s = None
            return
        if self._idle_since_s is None:
            self._idle_since_s, self._expected_s = time.monotonic(), 0.0
        elif time.monotonic() >= self._idle_since_s + IDLE_S:
            for worker in list(self._workers):
                self._end(worker)

    # -- memory -----------------------------------------------------------------------------------

    def _share(self) -> int:
        return self._memory // max(self._n, 1)

    def _most_bytes(self, run: _Run) -> int:
        return max(self._share(), min(run.bytes_needed, self._memory))

    def _fits(self, run: _Run) -> bool:
        """Say whether a task may begin beside those that are computed."""
        others = [worker.run for worker in self._workers if worker.run is not None]
        if run.task.on_device and any(other.task.on_device for other in others):
            return False
        taken = sum(map(self._most_bytes, others))
        return not others or taken + self._most_bytes(run) <= self._memory

    # -- computing in this process ----------------------------------------------------------------

    def _compute_here(self) -> None:
        """Compute tasks one after the other while no worker is ready; a thread of its own."""
        while (run := self._next_here()) is not None:
            answer = self._answer_here(run)
            with self._changed:
                self._here = None
                if not self._waiting:
                    self._here_since_s = None
                if answer is None:
                    self._waiting.appendleft(run)
                self._wake()
            if answer is not None and not run.is_cancelled:
                run.future.set_result(answer)

    def _next_here(self) -> _Run | None:
        with self._changed:
            while not self._is_closed:
                if (run := self._waiting_here()) is not None:
                    self._waiting.remove(run)
                    self._here = run
                    run.where = f"process {os.getpid()} on {_HOST}"
                    if self._here_since_s is None:
                        self._here_since_s = time.monotonic()
                    self._changed.notify_all()
                    return run
                self._changed.wait()
        return None

    def _next_to_send(self) -> _Run | None:
        return next((run for run in self._waiting if not self._stays_here(run)), None)

    def _waiting_here(self) -> _Run | None:
        """Return the first task that this process may compute now."""
        if self._workers_are_ready():
            return next((run for run in self._waiting if self._stays_here(run)), None)
        may_be_long = not self._n or self._failed_starts >= _MOST_FAILED_STARTS
        return next((run for run in self._waiting if may_be_long or not run.is_long), None)

    def _stays_here(self, run: _Run) -> bool:
        return run.task.setup in self._unsendable

    def _workers_are_ready(self) -> bool:
        return any(worker.pid is not None for worker in self._workers)

    def _answer_here(self, run: _Run) -> Answer | None:
        """Compute a task in this process; ``None``: that would take too long."""
        task = run.task
        may_wait = self._n and self._failed_starts < _MOST_FAILED_STARTS
        look = _refuse_long(task) if may_wait and not self._stays_here(run) else None
        try:
            return answer_of(task.adapter, task.payload, task.options, look=look)
        except _TooLongError:
            run.is_long = True
            return None
        except Exception as error:  # noqa: BLE001  # what a simulator raises fails its job
            return Answer(AnswerKind.FAILED, f"{type(error).__name__}: {error}", b"", "here")

    def _under_way(self) -> list[_Run]:
        runs = [worker.run for worker in self._workers if worker.run is not None]
        return [*runs, self._here] if self._here is not None else runs


def _refuse_long(task: Task) -> Callable[[Sequence[Any]], None]:
    """Return what raises if the circuits of a task take long."""
    costs = SimulationCosts(task.adapter)

    def refuse_long(circuits: Sequence[Any]) -> None:
        left_s = LONG_S
        for each in circuits:
            left_s -= costs.seconds(each, task.options)
            if left_s <= 0:
                raise _TooLongError

    return refuse_long


_EXIT_CODES = re.compile(r"exit codes? of the workers? (?:are|is) \{(.*?)\}")
_KILLED = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")


def _death(worker: _Worker, error: BaseException | None) -> Exception:
    """Say how a worker died that computed a task; other errors are those of the task."""
    from concurrent.futures.process import BrokenProcessPool

    if error is not None and not isinstance(error, BrokenProcessPool):
        return error if isinstance(error, Exception) else RuntimeError(str(error))
    found = _EXIT_CODES.search(str(error))
    how = found.group(1) if found else "it has gone"
    if oom_kills() > worker.oom_kills:
        reason = f"{how}: the machine, or the group of processes, has run out of memory"
        return WorkerDiedError(reason, was_killed=False)
    return WorkerDiedError(how, was_killed=any(name in how for name in _KILLED))


# -- the end of the interpreter -------------------------------------------------------------------

_open_ones: weakref.WeakSet[Workers] = weakref.WeakSet()
_register: Callable[..., object] = getattr(threading, "_register_atexit", atexit.register)


def _end_at_exit(workers: Workers) -> None:
    """End workers when the interpreter exits; called after each start.

    loky waits then for tasks under way, hours perhaps. It registers a function for that with each
    pool, in a hook that runs functions the latest first.
    """
    _open_ones.add(workers)
    with contextlib.suppress(RuntimeError):  # the interpreter exits already
        _register(_close_all)


def _close_all() -> None:
    for workers in list(_open_ones):
        workers.close()
