"""Follows jobs through the job objects that a provider's ``run()`` returned.

This process keeps the object of each job until the job has ended, and then its encoded result for a
while.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit.primitives import PrimitiveJob

from qiskit_job_manager.backends import provider_errors
from qiskit_job_manager.backends.base import BaseBackend
from qiskit_job_manager.backends.job_ends import JobEnds, ResultWaiter
from qiskit_job_manager.backends.run_options import argument_names
from qiskit_job_manager.backends.status_names import status_of
from qiskit_job_manager.errors import (
    BackendError,
    CredentialsError,
    JobOutOfReachError,
    RemoteJobFailedError,
    ResultGoneError,
)
from qiskit_job_manager.model import RemoteState, RemoteStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit_job_manager.model import RawResult


class JobFollower(BaseBackend):
    """The part of an adapter that asks about jobs and fetches results; derived classes send them.

    Jobs of earlier processes are retrieved by ``retrieve_job(id)``, where the provider's object has
    this method.

    Args:
        source: The provider's object with ``run()``.
        volatile: Whether jobs die with this process.
    """

    def __init__(self, source: Any, *, volatile: bool) -> None:
        self._source = source
        self._volatile = volatile
        self._cache = JobCache()
        self._options: dict[str, Mapping[str, Any]] = {}
        self._ends = JobEnds()
        self._results = ResultWaiter(self._ends)

    def encoded(self, answer: Any, what: str) -> RawResult:
        """Encode what a job's ``result()`` returned; ``what`` it is, for messages.

        Raises:
            ResultGoneError: It says that the result was deleted.
            RemoteJobFailedError: It is no result, and nothing of it can be stored.
        """
        raise NotImplementedError

    def note_options(self, remote_ids: Sequence[str], options: Mapping[str, Any]) -> None:
        """Take note of the run options of jobs that may have to be retrieved by their ids."""
        if not self._volatile:
            self._options.update((each, options) for each in remote_ids if not self._is_kept(each))

    def _is_kept(self, remote_id: str) -> bool:
        return self._cache.job(remote_id) is not None or self._cache.ended(remote_id) is not None

    def check_answer(self, job: Any, answer: Any) -> None:
        """Check what a job's ``result()`` returned against what was sent; accept all by default.

        Raises:
            RemoteJobFailedError: It belongs to something else.
        """

    # -- the port -------------------------------------------------------------------------------

    def wait_for_ends(self, timeout_s: float) -> Mapping[str, RemoteStatus]:
        """Return the jobs that have ended since the last call; wait for the first of them."""
        return self._ends.wait(timeout_s)

    def status(self, remote_id: str) -> RemoteStatus:
        """Ask about one job; one that was deleted or cannot be reached has a status of its own."""
        ended = self._cache.ended(remote_id)
        if ended is not None:
            return ended.status
        try:
            # A job object may have forgotten its job with the result.
            status = self._results.status(remote_id) or self._ask(remote_id)
        except ResultGoneError as error:
            return RemoteStatus(RemoteState.GONE, message=str(error))
        except JobOutOfReachError as error:
            return RemoteStatus(RemoteState.OUT_OF_REACH, message=str(error))
        except RemoteJobFailedError as error:
            status = RemoteStatus(RemoteState.ERROR, message=str(error))
            self._cache.end(remote_id, Ended(status))
        if status.state is RemoteState.CANCELLED:
            self._cache.end(remote_id, Ended(status))  # the engine will not fetch it
        return status

    def fetch(self, remote_id: str) -> RawResult:
        """Read and encode a result; if the job has no status, this waits for its end."""
        ended = self._cache.ended(remote_id)
        if ended is not None:
            return _result_of(ended, remote_id)
        raw = self._read(remote_id, self._job(remote_id))
        self._cache.end(remote_id, Ended(RemoteStatus(RemoteState.DONE), raw))
        return raw

    def _read(self, remote_id: str, job: Any) -> RawResult:
        try:
            answer = self._results.answer(remote_id, job.result)
        except Exception as error:
            raise self._no_result(remote_id, job, error) from error
        self.check_answer(job, answer)
        return self.encoded(answer, f"the result of the job {remote_id}")

    def cancel(self, remote_id: str) -> None:
        """Ask the provider to cancel a job; the job's status then shows whether it was cancelled.

        Raises:
            TransientBackendError: The request may not have arrived.
            CredentialsError: The user must log in again.
        """
        if self._cache.ended(remote_id) is not None:
            return
        try:
            self._job(remote_id).cancel()
        except (JobOutOfReachError, ResultGoneError, RemoteJobFailedError):
            return
        except BackendError:
            raise
        except Exception as error:
            # Jobs that have ended, or cannot be cancelled at all, raise many kinds of exceptions.
            # Asking again would change nothing.
            if provider_errors.is_about_network(error) and not provider_errors.is_definite(error):
                raise provider_errors.read_error(
                    error, f"the answer to cancelling {remote_id}"
                ) from error

    def error_message(self, remote_id: str) -> str | None:
        """Return the message of the job's status or of its ``error_message()``, if there is one."""
        ended = self._cache.ended(remote_id)
        if ended is not None and ended.status.message:
            return ended.status.message
        try:
            return _provider_message(self._job(remote_id))
        except RemoteJobFailedError as error:
            return str(error)
        except (JobOutOfReachError, ResultGoneError):
            return None

    # -- jobs by their ids ----------------------------------------------------------------------

    def _keep(self, job: Any, tag: str) -> str:
        """Keep a job that was accepted, and return the id that it is kept under."""
        remote_id = self._cache.put(_id_of(job), job, tag)
        self._results.follow(remote_id, job)
        return remote_id

    def _job(self, remote_id: str) -> Any:
        """Return a job object that this process keeps, or retrieve it.

        Raises:
            ResultGoneError: The job died with its process, or the provider has no such job.
            JobOutOfReachError: Only the process that sent the job could ask about it.
            RemoteJobFailedError: The provider raised instead that the job has failed.
            TransientBackendError: The provider could not be asked.
            CredentialsError: The user must log in again.
        """
        job = self._cache.job(remote_id)
        if job is not None:
            return job
        if self._volatile:
            msg = f"the job {remote_id} on {self.name} ended with the process that started it"
            raise ResultGoneError(msg)
        try:
            job = self._retrieve(remote_id)
        except JobOutOfReachError:
            raise
        except Exception as error:
            raise _asking_failed(error, f"the job {remote_id} on {self.name}") from error
        if job is None:
            raise ResultGoneError(f"{self.name} has no job {remote_id}")
        _switch_memory_on(job, self._options.pop(remote_id, {}))
        if self._cache.keep(remote_id, job):
            self._results.follow(remote_id, job)
        return job

    def _retrieve(self, remote_id: str) -> Any:
        """Return a job that another process sent, as the provider's object retrieves it.

        Raises:
            JobOutOfReachError: It cannot.
        """
        retrieve = getattr(self._source, "retrieve_job", None)
        if not callable(retrieve):
            msg = (
                f"{self.name} has no retrieve_job(), so that the job {remote_id}, which another "
                "process sent, can be read only by the means of its provider"
            )
            raise JobOutOfReachError(msg)
        options = self._options.get(remote_id, {})  # some providers take them as arguments
        names = (argument_names(retrieve) or frozenset()) & options.keys()
        return retrieve(remote_id, **{name: options[name] for name in names})

    def _ask(self, remote_id: str) -> RemoteStatus:
        job = self._job(remote_id)
        try:
            return _status_by_future(job) or status_of(job)
        except Exception as error:
            raise _asking_failed(error, f"the status of the job {remote_id}") from error

    def _no_result(self, remote_id: str, job: Any, error: Exception) -> BackendError:
        """Return the error to raise after reading a result failed."""
        reading = provider_errors.read_error(error, f"the result of the job {remote_id}")
        if isinstance(reading, CredentialsError | ResultGoneError):
            return reading
        if not self._failed_for_good(remote_id, job, error):
            return reading
        message = _provider_message(job) or provider_errors.message_of(error)
        self._cache.end(remote_id, Ended(RemoteStatus(RemoteState.ERROR, message=message)))
        return RemoteJobFailedError(message)

    def _failed_for_good(self, remote_id: str, job: Any, error: Exception) -> bool:
        """Say whether a job has no result at all, rather than one that cannot be read now.

        An error of a local job, or one that is not about a network, would come again every time.
        """
        if _status_by_future(job) is not None or provider_errors.says_job_failed(error):
            return True
        if provider_errors.is_about_network(error):
            return False
        if self._volatile:
            return True
        try:
            status = self._ask(remote_id)
        except BackendError:
            return False
        return status.state in (RemoteState.ERROR, RemoteState.CANCELLED)


def _switch_memory_on(job: Any, options: Mapping[str, Any]) -> None:
    """Let a retrieved job read its memory, if it was sent with that option.

    Some job objects keep the option on themselves: there, ``memory`` of a retrieved job is
    ``False``, whatever the job was sent with.
    """
    if options.get("memory") is True and getattr(job, "memory", None) is False:
        with contextlib.suppress(AttributeError):  # it may be a property
            job.memory = True


def _asking_failed(error: Exception, what: str) -> BackendError:
    """Sort what asking for a job or its status raised; some providers raise if the job failed."""
    if provider_errors.says_job_failed(error):
        return RemoteJobFailedError(provider_errors.message_of(error))
    return provider_errors.read_error(error, what)


def _status_by_future(job: Any) -> RemoteStatus | None:
    """Return the status of a job that is a function on a thread of this process.

    Qiskit's `PrimitiveJob` reports a job that has not started yet as failed, and still does so
    after it has succeeded. Whether a job that has ended failed is seen when its result is read.
    """
    future = _future_of(job)
    if future is None:
        return None
    if future.cancelled():
        return RemoteStatus(RemoteState.CANCELLED)
    if future.done():
        return RemoteStatus(RemoteState.DONE)
    return RemoteStatus(RemoteState.RUNNING if future.running() else RemoteState.QUEUED)


def _future_of(job: Any) -> Future[Any] | None:
    future = getattr(job, "_future", None) if isinstance(job, PrimitiveJob) else None
    return future if isinstance(future, Future) else None


def _id_of(job: Any) -> str:
    """Return a job's own id, or ``""``: an accepted job without an id is not lost."""
    try:
        own = job.job_id()
    except Exception:  # noqa: BLE001  # a provider's code may raise anything
        return ""
    return "" if own is None else str(own)


def _provider_message(job: Any) -> str | None:
    """Return what the job's ``error_message()`` says; Qiskit's interface has no such method."""
    try:
        text = job.error_message()
    except Exception:  # noqa: BLE001  # most jobs lack it, others may raise anything
        return None
    return str(text) if text else None


def _result_of(ended: Ended, remote_id: str) -> RawResult:
    if ended.result is not None:
        return ended.result
    raise RemoteJobFailedError(
        ended.status.message or f"the job {remote_id} was {ended.status.state}, without a result"
    )


ENDED_KEPT = 32


@dataclass(frozen=True, slots=True)
class Ended:
    """What is kept of a job after its end.

    Attributes:
        status: Its last status.
        result: Its encoded result, or ``None`` where there is none.
    """

    status: RemoteStatus
    result: RawResult | None = None


class JobCache:
    """Keeps Qiskit's job objects until the jobs have ended, and their encoded results for a while.

    A job object holds its circuits and its result: if all were kept, memory would grow with the job
    set. If none were kept, a result that the store cannot take at once would be lost. So the last
    `ENDED_KEPT` encoded results are kept, more than can be on their way to the store. Safe to use
    from any thread.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, Any] = {}
        self._ended: OrderedDict[str, Ended] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, remote_id: str, job: Any, tag: str) -> str:
        """Keep a job, and return the id that it is kept under: its own, made unique by the tag."""
        with self._lock:
            other = self._jobs.get(remote_id, job)
            if not remote_id or other is not job or remote_id in self._ended:
                remote_id = f"{remote_id}#{tag}"
            self._jobs[remote_id] = job
            return remote_id

    def keep(self, remote_id: str, job: Any) -> bool:
        """Keep a job that was retrieved by its id; say whether it is the first one."""
        with self._lock:
            return self._jobs.setdefault(remote_id, job) is job

    def job(self, remote_id: str) -> Any | None:
        """Return the job object, or ``None`` if it is not kept."""
        with self._lock:
            return self._jobs.get(remote_id)

    def ended(self, remote_id: str) -> Ended | None:
        """Return what is kept of an ended job, or ``None``."""
        with self._lock:
            return self._ended.get(remote_id)

    def end(self, remote_id: str, ended: Ended) -> None:
        """Replace the job object by what is kept after its end."""
        with self._lock:
            self._jobs.pop(remote_id, None)
            self._ended[remote_id] = ended
            self._ended.move_to_end(remote_id)
            while len(self._ended) > ENDED_KEPT:
                self._ended.popitem(last=False)
