"""Fetches the results of jobs, each with what the service measured of the job.

The text that the service sends becomes a stored result, or the reason why there is none.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.ibm.errors import SESSION_CLOSED, code_in
from qiskit_job_manager.backends.ibm.usage import ask_within, usage_in_metrics, with_times
from qiskit_job_manager.codec.ibm_json import encode_runtime_text
from qiskit_job_manager.errors import (
    RemoteJobFailedError,
    RemoteJobNotRunError,
    ResultGoneError,
    TransientBackendError,
)
from qiskit_job_manager.model import RawResult, RemoteState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qiskit_job_manager.backends.ibm.job_api import JobApi, JobInfo
    from qiskit_job_manager.backends.ibm.status import StatusTracker
    from qiskit_job_manager.model import RemoteFigures, RemoteStatus


PATIENT_READS = 20
"""How often an answer that is no result is read before it counts; the engine waits between."""

_SHOWN = 2000
_METRICS_AT_ONCE = 20


class ResultFetcher:
    """Fetches results. Safe to use from any thread.

    Args:
        job_api: Asks the service.
        follower: Knows the statuses.
        reads_once: Whether the jobs are private, so that a result can be read only once.
        has_times: Whether results contain the times at which the job ran.
    """

    def __init__(
        self, job_api: JobApi, follower: StatusTracker, *, reads_once: bool, has_times: bool
    ) -> None:
        self._job_api = job_api
        self._statuses = follower
        self._reads_once = reads_once
        self._tells_times = has_times
        self._figures: dict[str, RemoteFigures] = {}
        self._odd: Counter[str] = Counter()

    def fetch(self, remote_id: str) -> RawResult:
        """Return the raw result of a job that has ended.

        Measurements that the result does not contain are asked for first, so that a result is
        stored as soon as it has arrived.

        Raises:
            BackendError: As `Backend.fetch`.
        """
        info = self._statuses.info(remote_id)
        asked = None if self._is_complete(info) else self._measured(info)
        try:
            text = self._text(info)
        except (RemoteJobFailedError, ResultGoneError):
            self._forget(remote_id)
            raise
        # A result that can be read again is parsed before it is returned; no other result is.
        figures = asked or with_times(info.figures, parse_json(text)) or self._measured(info)
        kept = encode_runtime_text(text)
        self._forget(remote_id)
        return RawResult(kept.format, kept.data, figures)

    def _is_complete(self, info: JobInfo) -> bool:
        """Whether the description and the result of a job contain all measurements."""
        return info.has_usage and self._tells_times and not self._reads_once

    def _forget(self, remote_id: str) -> None:
        self._statuses.forget(remote_id)
        self._figures.pop(remote_id, None)
        self._odd.pop(remote_id, None)

    def figures(self, infos: Iterable[JobInfo]) -> dict[str, RemoteFigures]:
        """Return what the service has measured of jobs so far.

        Descriptions say it; for a few jobs whose descriptions do not, the metrics are asked for.
        """
        found, silent = {}, []
        for info in infos:
            found[info.id] = info.figures
            silent += [] if info.has_usage else [info]
        for info in silent[:_METRICS_AT_ONCE]:
            found[info.id] = self._asked(info) or info.figures
        return found

    def error_message(self, remote_id: str) -> str | None:
        """Return why a job failed: the service's message, or what it sent as a result.

        Raises:
            BackendError: It could not be read.
        """
        status = self._statuses.info(remote_id).status
        if status.message or status.state is not RemoteState.ERROR or self._reads_once:
            return status.message
        text = self._job_api.result(remote_id) or ""
        return None if is_result(text) else text[-_SHOWN:] or None

    def _text(self, info: JobInfo) -> str:
        remote_id, status = info.id, info.status
        match status.state:
            case RemoteState.DONE:
                return self._of_done(remote_id)
            case RemoteState.ERROR:
                return self._of_failed(remote_id, status)
            case RemoteState.CANCELLED:
                raise RemoteJobFailedError(status.message or f"the job {remote_id} was cancelled")
            case _:
                raise TransientBackendError(f"the job {remote_id} is still {status.state}")

    def _of_done(self, remote_id: str) -> str:
        """Return the result of a job that succeeded.

        A result that can be read only once is returned unchecked, except for a gateway's page: then
        the service was never asked. Any other text that is no result is read again, many times.
        """
        what = f"the result of the job {remote_id}"
        text = self._job_api.result(remote_id)
        if text and not is_page(text) and (self._reads_once or parse_json(text) is not None):
            return text
        if not text and self._reads_once:
            raise ResultGoneError(f"{what} came empty: it was read before")
        self._odd[remote_id] += 1
        if self._odd[remote_id] < PATIENT_READS or (text and is_page(text)):
            raise TransientBackendError(f"what came is not {what}")
        if not text:
            raise ResultGoneError(f"{what} came empty, {PATIENT_READS} times")
        return text

    def _of_failed(self, remote_id: str, status: RemoteStatus) -> str:
        """Return the partial result of a failed job."""
        try:
            text = self._job_api.result(remote_id) or ""
        except ResultGoneError:
            text = ""
        if is_result(text):
            return text
        said = status.message or text[-_SHOWN:]
        if code_in(said) in SESSION_CLOSED:
            raise RemoteJobNotRunError(f"its batch or session ended before it ran: {said}")
        raise RemoteJobFailedError(said or f"the job {remote_id} failed, and IBM does not say why")

    def _measured(self, info: JobInfo) -> RemoteFigures:
        known = self._figures.get(info.id)
        if known is None:
            known = self._asked(info)
        if known is None:
            return info.figures
        self._figures[info.id] = known
        return known

    def _asked(self, info: JobInfo) -> RemoteFigures | None:
        return ask_within(lambda: usage_in_metrics(self._job_api.metrics(info.id), info.figures))


def is_page(text: str) -> bool:
    """Say whether a text is a web page, which a gateway sent instead of a result."""
    return text.lstrip()[:1] == "<"


def parse_json(text: str) -> Any | None:
    """Parse a text as JSON.

    Returns:
        Plain values, or ``None`` if it is no JSON or was cut off.
    """
    try:
        return json.loads(text)
    except ValueError:
        return None


def is_result(text: str) -> bool:
    """Say whether a text looks like the result of a primitive, rather than an error message."""
    return text.lstrip()[:1] == "{" and ('"__type__"' in text or '"schema_version"' in text)
