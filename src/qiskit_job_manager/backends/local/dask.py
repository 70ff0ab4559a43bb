"""A Dask cluster as the place where simulations are computed.

The tag of an attempt is the key of its task, and its future is published under it. So a driver that
was killed and started again finds what the scheduler still has, and computes nothing twice. What
travels is the name of a function, bytes, and texts.

A Dask worker ends when it cannot read a task, and so do all to which the task goes after it. So a
worker imports our function, and opens the bytes of a backend object, only when it computes the
task: what it lacks is then the error of the task.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from concurrent.futures import Future
from operator import call
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from qiskit_job_manager.backends.local.any_executor import arguments_of, trouble_of
from qiskit_job_manager.backends.local.executor import ExecutorTroubleError, WorkerDiedError
from qiskit_job_manager.backends.local.task import compute
from qiskit_job_manager.errors import InvalidArgumentError

if TYPE_CHECKING:
    from qiskit_job_manager.backends.local.executor import Task
    from qiskit_job_manager.backends.local.setup import Setup
    from qiskit_job_manager.backends.local.task import Answer

logger = logging.getLogger(__name__)

_COMPUTE = f"{compute.__module__}:{compute.__name__}"

_LEAST_PLACES = 32
"""A cluster that scales with its load must see some of it."""

_CONNECT_S = 10.0
_COUNT_EVERY_S = 5.0
_LOOK_EVERY_S = 2.0


class DaskCluster:
    """Computes tasks on a Dask cluster.

    Args:
        client: The user's client, which stays open; ``None``: one is opened when it is needed.
        where: What to open it with: ``{"address": …}`` or ``{"scheduler_file": …}``.
    """

    keeps_tasks = True
    starts_for_work = False

    def __init__(self, client: Any = None, where: dict[str, str] | None = None) -> None:
        if client is not None and client.asynchronous:
            msg = "executor is an asynchronous Dask Client; give one made without asynchronous=True"
            raise InvalidArgumentError(msg)
        self._client = client
        self._where = where
        self._lock = threading.Lock()
        self._futures: dict[str, Any] = {}
        self._places = 0
        self._counted_s = float("-inf")
        self._processing: dict[str, str] = {}
        self._looked_s = float("-inf")
        self._has_workers = True
        self._objects: WeakKeyDictionary[Setup, bytes] = WeakKeyDictionary()

    @classmethod
    def named(cls, address: str, what: str) -> DaskCluster:
        """Return a cluster by its address, or by its scheduler file; it is not reached yet.

        Args:
            address: ``tcp://host:port``, ``tls://host:port``, or the path of a scheduler file.
            what: What the user gave, for messages.

        Raises:
            InvalidArgumentError: It is neither, there is no such file, or Dask is not installed.
        """
        try:
            import distributed  # noqa: F401
        except ImportError as error:
            msg = f'{what}, which needs Dask: pip install "qiskit-job-manager[dask]"'
            raise InvalidArgumentError(msg) from error
        if "://" in address:
            return cls(where={"address": address})
        if not Path(address).is_file():
            msg = (
                f"{what}, and there is no file {address!r}: give the scheduler's address, as in "
                "'dask:tcp://host:8786', or the file that dask-scheduler --scheduler-file writes"
            )
            raise InvalidArgumentError(msg)
        return cls(where={"scheduler_file": address})

    @property
    def places(self) -> int:
        """How many tasks it computes at once, as counted some seconds ago."""
        return max(self._places, _LEAST_PLACES)

    def expect(self, seconds: float) -> None:
        """Do nothing: the cluster scales by itself."""

    def submit(self, task: Task) -> Future[Answer]:
        """Compute a task, or take up the one with its key."""
        client = self._connected()
        graph = {task.key: self._graph(task)}
        try:
            self._count_places(client)
            future = client.get(graph, task.key, sync=False)
            client.publish_dataset(future, name=task.key, override=True)
        except Exception as error:
            raise self._unreachable(error) from error
        return self._followed(task.key, future)

    def _graph(self, task: Task) -> tuple[Any, ...]:
        """Return the calls that a worker makes, one inside the other."""
        from distributed.protocol.pickle import loads

        backend, *others = arguments_of(task)
        if not task.setup.has_name:
            backend = (loads, self._carried(task.setup))
        return (call, (resolve_name, _COMPUTE), backend, *others)

    def _carried(self, setup: Setup) -> bytes:
        """Return the bytes of a backend object, as Dask carries it; made once for all tasks."""
        from distributed.protocol.pickle import dumps

        with self._lock:
            carried = self._objects.get(setup)
        if carried is None:
            try:
                carried = dumps(setup.backend)  # type: ignore[no-untyped-call]
            except Exception as error:
                raise setup.not_sent(error, dumps) from error
            with self._lock:
                self._objects[setup] = carried
        return carried

    def find(self, key: str) -> Future[Answer] | None:
        """Return the answer to a task of an earlier process, if the scheduler still has it."""
        client = self._connected()
        try:
            future = client.get_dataset(key, default=None)
        except Exception as error:
            raise self._unreachable(error) from error
        return None if future is None else self._followed(key, future)

    def cancel(self, key: str) -> None:
        """Cancel a task; a worker of one thread that computes it is ended.

        Its nanny starts another. Nothing else stops a simulation, which holds Python's lock; and
        Dask itself waits seconds for a worker that it ends. A worker without a nanny goes on.
        """
        with self._lock:
            future = self._futures.pop(key, None)
        if future is None:
            return
        with contextlib.suppress(Exception):  # the cluster may be gone, and the task with it
            client = self._connected()
            worker = self._worker_of(client, key)
            client.cancel([future], force=True)
            client.unpublish_dataset(key)
            if worker is not None and client.nthreads([worker]).get(worker) == 1:
                client.run(_end_worker, workers=[worker], nanny=True)

    def where(self, key: str) -> str | None:
        """Say which worker computes a task, as seen some seconds ago."""
        if time.monotonic() >= self._looked_s + _LOOK_EVERY_S:
            self._looked_s = time.monotonic()
            with contextlib.suppress(Exception):
                found = self._connected().processing()
                self._processing = {each: worker for worker, keys in found.items() for each in keys}
                self._note_workers(has_some=bool(found))
        worker = self._processing.get(key)
        return None if worker is None else f"the Dask worker {worker}"

    def forget(self, key: str) -> None:
        """Let the scheduler forget a task whose answer was taken."""
        with self._lock:
            future = self._futures.pop(key, None)
        if future is not None:
            with contextlib.suppress(Exception):
                self._connected().unpublish_dataset(key)

    def close(self) -> None:
        """Close the client, if it was opened here; tasks go on."""
        with self._lock:
            self._futures.clear()
        if self._where is not None and self._client is not None:
            with contextlib.suppress(Exception):
                self._client.close(timeout=_CONNECT_S)

    # -- inside -----------------------------------------------------------------------------------

    def _connected(self) -> Any:
        """Return the client, opened again if its scheduler was lost.

        Raises:
            ExecutorTroubleError: The scheduler cannot be reached.
        """
        with self._lock:
            status = None if self._client is None else self._client.status
            if status == "running":
                return self._client
            if status == "connecting":  # it gives up after a while
                msg = f"the Dask scheduler {self._name} was lost; its Client looks for it"
                raise ExecutorTroubleError(msg)
            if self._where is None:
                msg = (
                    f"the Dask Client is {status}: open the job set again with a "
                    "client of a running cluster, or with workers="
                )
                raise ExecutorTroubleError(msg)
            try:
                self._client = self._opened()
            except Exception as error:
                raise self._unreachable(error) from error
            return self._client

    def _opened(self) -> Any:
        from distributed import Client

        where = self._where or {}
        return Client(**where, timeout=_CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]

    def _unreachable(self, error: Exception) -> ExecutorTroubleError:
        return ExecutorTroubleError(
            f"the Dask scheduler {self._name} cannot be reached now: "
            f"{type(error).__name__}: {error}"
        )

    @property
    def _name(self) -> str:
        return next(iter((self._where or {}).values()), "of this Client")

    def _count_places(self, client: Any) -> None:
        if time.monotonic() >= self._counted_s + _COUNT_EVERY_S:
            self._counted_s = time.monotonic()
            self._places = sum(client.nthreads().values())

    def _note_workers(self, *, has_some: bool) -> None:
        """Log that the cluster has no workers, once until it has some."""
        if self._has_workers and not has_some:
            words = "the Dask cluster has no workers now: jobs wait until some join it"
            logger.warning(words, extra={"event": "cluster without workers"})
        self._has_workers = has_some

    def _worker_of(self, client: Any, key: str) -> str | None:
        found = client.processing()
        return next((worker for worker, keys in found.items() if key in keys), None)

    def _followed(self, key: str, future: Any) -> Future[Answer]:
        answer: Future[Answer] = Future()
        with self._lock:
            self._futures[key] = future
        future.add_done_callback(lambda done: self._take(key, answer, done))
        return answer

    def _take(self, key: str, answer: Future[Answer], done: Any) -> None:
        """Take what came of a task; a thread of Dask's calls this."""
        with self._lock:
            if key not in self._futures:
                return
        try:
            answer.set_result(done.result(timeout=None))
        except BaseException as error:  # noqa: BLE001  # the boundary to code of others
            if done.status == "error":
                self._clear(key, done)
            answer.set_exception(_sorted(error))

    def _clear(self, key: str, future: Any) -> None:
        """Let the scheduler forget a failure, or it would answer the next try with it at once."""
        with contextlib.suppress(Exception):
            future.release()  # to cancel it would reach the next try, too
            self._connected().unpublish_dataset(key)


def _end_worker(dask_worker: Any) -> None:
    """End the worker of a nanny, in which this is called."""
    os.kill(dask_worker.process.pid, signal.SIGKILL)


def _sorted(error: BaseException) -> Exception:
    from distributed.client import FutureCancelledError
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        last = error.last_worker
        words = f"the Dask worker {last.address} ended"
        if last.memory_limit:
            words += f"; it may take {last.memory_limit / 2**30:.1f} GiB of memory"
        return WorkerDiedError(words, was_killed=True, n_workers=error.allowed_failures + 1)
    if isinstance(error, FutureCancelledError):
        return WorkerDiedError("the scheduler has lost the task", was_killed=True)
    if isinstance(error, OSError):  # time-outs, too
        return ExecutorTroubleError(f"an answer of the Dask cluster was lost: {error}")
    return trouble_of(error, "the Dask cluster")
