"""Any `concurrent.futures.Executor` as the place where simulations are computed.

loky, mpi4py, executorlib, Parsl and others follow this interface. What it lacks, they lack here: a
task that runs cannot be stopped, and no task outlives this process.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import BrokenExecutor, CancelledError, Future
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.local.executor import ExecutorTroubleError, WorkerDiedError
from qiskit_job_manager.backends.local.setup import is_about_sending
from qiskit_job_manager.backends.local.task import arrive, compute, own_versions

if TYPE_CHECKING:
    from qiskit_job_manager.backends.local.executor import Task
    from qiskit_job_manager.backends.local.task import Answer

PART_WITHIN_S = 30.0
"""How long a part of a backend may take to a worker and back."""

_PLACES = 64
"""Where an executor does not say how many tasks it computes at once."""


class AnyExecutor:
    """Computes tasks on an executor of the user, who also shuts it down.

    Args:
        executor: The executor.
    """

    keeps_tasks = False
    starts_for_work = False

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self._lock = threading.Lock()
        self._under_way: dict[str, Any] = {}

    @property
    def places(self) -> int:
        """How many tasks it computes at once, if it says so."""
        for name in ("num_workers", "max_workers", "_max_workers"):  # the last: of Python's own
            number = getattr(self._executor, name, None)
            if isinstance(number, int) and number > 0:
                return number
        return _PLACES

    def expect(self, seconds: float) -> None:
        """Do nothing: the executor is there."""

    def submit(self, task: Task) -> Future[Answer]:
        """Compute a task."""
        answer: Future[Answer] = Future()
        try:
            under_way = self._executor.submit(compute, *arguments_of(task))
        except Exception as error:  # it was shut down, is broken, or cannot carry the backend
            if is_about_sending(error):
                raise task.setup.not_sent(error, self._send) from error
            msg = (
                f"{self._name} takes no more tasks ({error}): open the job set again with another "
                "executor, or with workers="
            )
            raise ExecutorTroubleError(msg) from error
        with self._lock:
            self._under_way[task.key] = under_way
        under_way.add_done_callback(lambda done: self._take(task, answer, done))
        return answer

    def find(self, key: str) -> Future[Answer] | None:
        """Return ``None``: there is no way to find what an earlier process submitted."""
        del key
        return None

    def cancel(self, key: str) -> None:
        """Drop a task that waits; one that is computed goes on, and its result is not used."""
        with self._lock:
            under_way = self._under_way.pop(key, None)
        if under_way is not None:
            under_way.cancel()

    def where(self, key: str) -> str | None:
        """Say that the executor computes a task, if that is so."""
        with self._lock:
            under_way = self._under_way.get(key)
        return self._name if under_way is not None and under_way.running() else None

    def forget(self, key: str) -> None:
        """Do nothing, as no answer is kept."""

    def close(self) -> None:
        """Drop what waits; the executor itself is the user's."""
        with self._lock:
            left, self._under_way = list(self._under_way.values()), {}
        for each in left:
            each.cancel()

    @property
    def _name(self) -> str:
        return f"the executor {type(self._executor).__name__}"

    def _take(self, task: Task, answer: Future[Answer], done: Any) -> None:
        with self._lock:
            was_under_way = self._under_way.pop(task.key, None) is not None
        if not was_under_way:
            return
        try:
            answer.set_result(done.result())
        except BaseException as error:  # noqa: BLE001  # the boundary to code of others
            if is_about_sending(error):  # the thread of the executor carries what is tried
                arguments = (task, answer, error)
                threading.Thread(target=self._judge, args=arguments, daemon=True).start()
            else:
                answer.set_exception(trouble_of(error, self._name))

    def _judge(self, task: Task, answer: Future[Answer], error: BaseException) -> None:
        """Answer with what of the backend cannot be carried."""
        answer.set_exception(task.setup.not_sent(error, self._send))

    def _send(self, part: Any) -> None:
        self._executor.submit(arrive, part).result(PART_WITHIN_S)


def arguments_of(task: Task, backend: Any = None) -> tuple[Any, ...]:
    """Return what `compute` gets for a task: the backend, bytes and texts.

    Args:
        task: The task.
        backend: What stands for its backend; ``None``: its name or the object itself.
    """
    payload = task.payload
    options = json.dumps(dict(task.options))
    return (backend or task.setup.backend, payload.format, payload.data, options, own_versions())


def trouble_of(error: BaseException, name: str) -> Exception:
    """Sort what an executor raised in place of an answer."""
    words = f"{type(error).__name__}: {error}"
    if isinstance(error, BrokenExecutor):
        return WorkerDiedError(words, was_killed=True)
    if isinstance(error, CancelledError):
        return ExecutorTroubleError(f"{name} has cancelled its tasks")
    if isinstance(error, (ImportError, AttributeError)):
        return ExecutorTroubleError(
            f"a worker of {name} cannot import what it needs ({words}): install "
            f"{own_versions()} there"
        )
    return error if isinstance(error, Exception) else RuntimeError(words)
