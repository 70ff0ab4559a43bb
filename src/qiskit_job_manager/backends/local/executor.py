"""Where local simulations are computed: the protocol, and how a manager gets its executor.

A job set says what runs it; its manager says where. So a job set that was begun on a laptop goes on
on a cluster, with the same results.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from qiskit_job_manager.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from qiskit_job_manager.backends.local.costs import LocalAdapter
    from qiskit_job_manager.backends.local.setup import Setup
    from qiskit_job_manager.backends.local.task import Answer
    from qiskit_job_manager.model import Blob

WORKERS_VARIABLE = "QISKIT_JOB_MANAGER_WORKERS"
EXECUTOR_VARIABLE = "QISKIT_JOB_MANAGER_EXECUTOR"

_RIGHT = (
    "a Dask Client, a concurrent.futures.Executor, or a name such as 'dask:tcp://host:8786' or "
    "'dask:scheduler-file.json'"
)


@dataclass(frozen=True, slots=True)
class Task:
    """One job to compute.

    Attributes:
        key: The tag of the attempt; no other task has it.
        adapter: The adapter to the backend, in this process.
        setup: How a worker opens an equal one.
        payload: The encoded circuits or PUBs.
        options: Run options of the job.
        only_in_worker: Whether it may end the process that computes it, and must not be computed in
            this one.
        on_device: Whether it uses a GPU of the machine, which one task at a time has.
    """

    key: str
    adapter: LocalAdapter
    setup: Setup
    payload: Blob
    options: Mapping[str, Any]
    only_in_worker: bool = False
    on_device: bool = False


class WorkerDiedError(Exception):
    """What computed a task has gone, and the task with it.

    Attributes:
        reason: How it died.
        was_killed: Whether something else may have killed it, such as its user or a scheduler.
        n_workers: How many workers died, one after the other.
    """

    def __init__(self, reason: str, *, was_killed: bool, n_workers: int = 1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.was_killed = was_killed
        self.n_workers = n_workers


class ExecutorTroubleError(Exception):
    """The executor cannot compute anything now; the message says why and what to do."""


class Executor(Protocol):
    """Computes tasks somewhere. One belongs to one manager; any thread may call it."""

    @property
    def places(self) -> int:
        """How many tasks it computes at once, as far as is known now."""

    @property
    def starts_for_work(self) -> bool:
        """Whether it starts processes as soon as enough work is expected."""

    @property
    def keeps_tasks(self) -> bool:
        """Whether its tasks outlive this process, and are found again by their keys."""

    def expect(self, seconds: float) -> None:
        """Take note that work of so many seconds is about to come."""

    def submit(self, task: Task) -> Future[Answer]:
        """Compute a task; a key that it has already gives the task that is under way.

        Returns:
            Its answer, or `WorkerDiedError`, or `ExecutorTroubleError`.

        Raises:
            ExecutorTroubleError: It takes nothing now.
            InvalidArgumentError: The backend cannot be sent to its workers.
        """

    def find(self, key: str) -> Future[Answer] | None:
        """Return the answer to a task of an earlier process; ``None``: it does not have it."""

    def cancel(self, key: str) -> None:
        """Stop computing a task, if that is possible; its future may never be done."""

    def where(self, key: str) -> str | None:
        """Say where a task is computed now, or ``None``."""

    def forget(self, key: str) -> None:
        """Forget a task whose answer was taken."""

    def close(self) -> None:
        """End what this process started; tasks that were not answered never are."""


def chosen_executor(workers: object, executor: object) -> Executor:
    """Return what a manager computes on.

    Args:
        workers: Processes of this machine, ``None`` for the default.
        executor: A Dask ``Client``, an `Executor` of `concurrent.futures`, a name, or ``None``.

    Raises:
        InvalidArgumentError: One of them, or the environment variable in place of it, cannot be
            used.
    """
    if workers is not None and executor is not None:
        msg = "workers and executor are given: simulations are computed in one place; give one"
        raise InvalidArgumentError(msg)
    if executor is not None:
        return _as_executor(executor)
    if workers is not None:
        return _workers("workers", workers)
    if name := os.environ.get(EXECUTOR_VARIABLE, "").strip():
        return _named(name, EXECUTOR_VARIABLE)
    if (text := os.environ.get(WORKERS_VARIABLE, "").strip()) != "":
        return _workers(WORKERS_VARIABLE, int(text) if text.isdecimal() else text)
    return _workers("workers", usable_cores())


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _workers(name: str, number: object) -> Executor:
    from qiskit_job_manager.backends.local.workers import Workers

    whole = isinstance(number, int) and not isinstance(number, bool)
    if not whole or int(str(number)) < 0:
        msg = (
            f"{name} is {number!r}; it is a whole number of worker processes, 0 to simulate in "
            "this process, or None for as many as there are cores"
        )
        raise InvalidArgumentError(msg)
    return Workers(int(str(number)))


def _as_executor(executor: object) -> Executor:
    from concurrent.futures import Executor as FutureExecutor

    if isinstance(executor, str):
        return _named(executor, "executor")
    distributed = sys.modules.get("distributed")
    if distributed is not None and isinstance(executor, distributed.Client):
        from qiskit_job_manager.backends.local.dask import DaskCluster

        return DaskCluster(executor)
    if isinstance(executor, FutureExecutor) or _looks_like_one(executor):
        from qiskit_job_manager.backends.local.any_executor import AnyExecutor

        return AnyExecutor(executor)
    kind = f"of type {type(executor).__name__}"
    if isinstance(executor, type):
        kind = f"the class {executor.__name__}, not an object of it"
    msg = f"executor is {kind}; it must be {_RIGHT}"
    raise InvalidArgumentError(msg)


def _looks_like_one(executor: object) -> bool:
    """Say whether an object has the methods of an `Executor`, as executorlib's has."""
    if isinstance(executor, type):
        return False
    return all(callable(getattr(executor, name, None)) for name in ("submit", "map", "shutdown"))


def _named(name: str, what: str) -> Executor:
    kind, _, address = name.partition(":")
    if kind == "dask" and address:
        from qiskit_job_manager.backends.local.dask import DaskCluster

        return DaskCluster.named(address, f"{what} is {name!r}")
    msg = f"{what} is {name!r}; it must be {_RIGHT}"
    raise InvalidArgumentError(msg)
