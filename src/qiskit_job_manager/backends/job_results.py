"""Turns what providers return from ``run()`` and ``result()`` into a job and a result of Qiskit."""

from __future__ import annotations

from typing import Any

from qiskit.providers import JobStatus
from qiskit.result import Result

from qiskit_job_manager import ways
from qiskit_job_manager.errors import (
    BackendError,
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionInDoubtError,
    SubmissionRefusedError,
)


class FinishedJob:
    """Stands for the job where ``run()`` returned the result itself."""

    def __init__(self, result: Result) -> None:
        self._result = result

    def job_id(self) -> str:
        """Return the id in the result, if it has one."""
        return str(getattr(self._result, "job_id", None) or "")

    def status(self) -> JobStatus:
        """Return that it is done."""
        return JobStatus.DONE

    def result(self) -> Result:
        """Return the result."""
        return self._result


def job_in_answer(answer: Any, where: str, *, volatile: bool) -> Any:
    """Return the one job in what ``run()`` returned.

    Args:
        answer: What ``run()`` returned: a job, a bare result, or a list of one of these.
        where: Name of the backend, for the message.
        volatile: Jobs die with the process, so that the jobs of a useless answer cost nothing.

    Raises:
        SubmissionRefusedError: It is useless, and nothing has to be paid.
        SubmissionInDoubtError: It is useless, but the backend may well have accepted something.
    """
    if isinstance(answer, list | tuple) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, Result):
        return FinishedJob(answer)
    if hasattr(answer, "result") and hasattr(answer, "status"):
        return answer
    raise _useless(answer, where, volatile=volatile)


def _useless(answer: Any, where: str, *, volatile: bool) -> BackendError:
    if isinstance(answer, list | tuple):
        ids = ", ".join(_ids(answer))
        text = f"{where} made {len(answer)} jobs of one ({ids}); use {ways.ONE_A_JOB}"
    else:
        text = f"{where} returned {type(answer).__name__} for a submission, not a job"
    return SubmissionRefusedError(text) if volatile else SubmissionInDoubtError(text)


def _ids(jobs: list[Any] | tuple[Any, ...]) -> list[str]:
    return [str(job.job_id()) for job in jobs if hasattr(job, "job_id")]


def reports_end(job: Any) -> bool:
    """Say whether a job that runs in this process can call back when it ends.

    Jobs of Aer and of Qiskit's own simulator hold a future, although no contract says so.
    """
    return callable(getattr(getattr(job, "_future", None), "add_done_callback", None))


def result_in_answer(answer: Any, what: str) -> Result:
    """Return what ``result()`` returned, if it is a result.

    Raises:
        ResultGoneError: It is ``None``, by which some providers say that the result was deleted.
        RemoteJobFailedError: It is something else.
    """
    if answer is None:
        raise ResultGoneError(f"{what} is not there any more")
    if not isinstance(answer, Result):
        raise RemoteJobFailedError(
            f"{what} is of type {type(answer).__name__}, not Qiskit's Result"
        )
    return answer
