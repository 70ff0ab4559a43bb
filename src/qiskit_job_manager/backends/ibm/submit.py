"""Sends jobs to the service, and waits for what it says of a job in a dry run.

The service takes a dry run as any other job, and runs it on no QPU.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.ibm.errors import is_session_closed, submission_error
from qiskit_job_manager.backends.ibm.fetch import parse_json
from qiskit_job_manager.backends.ibm.primitive_factory import asked_execution
from qiskit_job_manager.backends.ibm.usage import spans_s, usage_so_far_s
from qiskit_job_manager.backends.job_pubs import job_pubs
from qiskit_job_manager.errors import (
    BackendError,
    CredentialsError,
    InvalidArgumentError,
    SubmissionDeferredError,
    SubmissionRefusedError,
    TransientBackendError,
    UnknownBackendError,
)
from qiskit_job_manager.model import RemoteState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit_job_manager.backends.ibm.connection import Connection, OpenBackend
    from qiskit_job_manager.backends.ibm.execution_mode import ExecutionModes
    from qiskit_job_manager.backends.ibm.job_api import JobApi
    from qiskit_job_manager.backends.ibm.primitive_factory import PrimitiveFactory
    from qiskit_job_manager.model import Blob, ExperimentKind


class JobSubmitter:
    """Sends jobs. Safe to use from any thread.

    Args:
        connection: Opens the backend.
        factory: Makes the primitive of each job.
        modes: The execution mode.
        takes: The kind of the experiments.
    """

    def __init__(
        self,
        connection: Connection,
        factory: PrimitiveFactory,
        modes: ExecutionModes,
        takes: ExperimentKind,
    ) -> None:
        self._connection = connection
        self._factory = factory
        self._modes = modes
        self._takes = takes

    def submit(self, payload: Blob, options: Mapping[str, Any], tags: Sequence[str]) -> str:
        """Send one job, once.

        Args:
            payload: The encoded PUBs.
            options: The job's run options.
            tags: The tag of the attempt, the label of the job set, and the user's own tags.

        Returns:
            The id of the job.

        Raises:
            BackendError: As `Backend.submit`.
        """
        pubs: list[Any] = job_pubs(payload, self._takes, options, self._connection.name)
        opened = self._opened()
        try:
            return self._send(opened, pubs, options, tags)
        except Exception as error:
            refused = self._sorted(error)
            if not isinstance(refused, CredentialsError):
                raise refused from error
            renewed = self._renewed(opened, refused)
        # The service refused the token: nothing was accepted, so the job may be sent again.
        try:
            return self._send(renewed, pubs, options, tags)
        except Exception as error:
            raise self._sorted(error) from error

    def dry_run(self, payload: Blob, options: Mapping[str, Any], tag: str) -> str:
        """Send one job to the stand-in of the backend, which runs nothing; return its id.

        Raises:
            BackendError: As `Backend.submit`.
        """
        pubs: list[Any] = job_pubs(payload, self._takes, options, self._connection.name)
        opened = self._opened()
        try:
            own = self._factory.options(options, (tag,))
            self._factory.make_sendable(pubs)
            job = self._factory.create(opened.backend, own).run(pubs, dry_run=True)
        except Exception as error:
            if "dry_run" in str(error):  # the backend has no stand-in
                raise SubmissionRefusedError(f"no dry run is possible here: {error}") from error
            raise self._sorted(error) from error
        return str(job.job_id())

    def _renewed(self, opened: OpenBackend, refused: CredentialsError) -> OpenBackend:
        try:
            self._connection.renew(opened)
            return self._opened()
        except CredentialsError as error:
            raise refused from error

    def _send(
        self, opened: OpenBackend, pubs: list[Any], options: Mapping[str, Any], tags: Sequence[str]
    ) -> str:
        own = self._factory.options(options, tags)
        mode = self._modes.mode(opened, _label(tags), asked_execution(options))
        self._factory.make_sendable(pubs)
        try:
            job = self._factory.create(mode, own).run(pubs)
        except Exception as error:
            if not (is_session_closed(error) and self._modes.drop(_label(tags), mode)):
                raise
            text = f"the batch is closed; another one will be opened: {error}"
            raise SubmissionDeferredError(text) from error
        return str(job.job_id())

    def _opened(self) -> OpenBackend:
        """Open the backend; if that fails, nothing was sent."""
        try:
            return self._connection.opened
        except TransientBackendError as error:
            raise SubmissionDeferredError(error.message, error.retry_after_s) from error
        except UnknownBackendError as error:
            raise SubmissionRefusedError(error.message) from error

    def _sorted(self, error: Exception) -> BackendError:
        where = self._connection.name
        if isinstance(error, InvalidArgumentError):
            return SubmissionRefusedError(f"nothing was sent to {where}: {error}")
        return submission_error(error, where)


def _label(tags: Sequence[str]) -> str:
    return tags[1] if len(tags) > 1 else ""


# -- dry runs --------------------------------------------------------------------------------------

DRY_RUN_WITHIN_S = 600.0
"""How long a dry run may take; the service may let it wait."""

_POLL_S = (0.1, 5.0)
_ENDED = frozenset({RemoteState.DONE, RemoteState.ERROR, RemoteState.CANCELLED})


def dry_run_usage_s(job_api: JobApi, remote_id: str) -> float | None:
    """Wait for the end of a dry run, and return the quantum seconds that the job would use.

    Raises:
        SubmissionRefusedError: The service refused the job.
        TransientBackendError: It has not ended in time, or could not be asked about.
    """
    _wait_for_end(job_api, remote_id)
    said = usage_so_far_s(job_api.metrics(remote_id))
    if said:
        return said
    result: Any = parse_json(job_api.result(remote_id) or "")
    return spans_s(result)


def _wait_for_end(job_api: JobApi, remote_id: str) -> None:
    until_s, pause_s = time.monotonic() + DRY_RUN_WITHIN_S, _POLL_S[0]
    while (status := job_api.job(remote_id).status).state not in _ENDED:
        if time.monotonic() > until_s:
            raise TransientBackendError(
                f"the dry run {remote_id} has not ended within {DRY_RUN_WITHIN_S:.0f} s; "
                "it costs nothing"
            )
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _POLL_S[1])
    if status.state is not RemoteState.DONE:
        reason = status.message or f"it ended as {status.state}"
        raise SubmissionRefusedError(f"the service refused the job in a dry run: {reason}")
