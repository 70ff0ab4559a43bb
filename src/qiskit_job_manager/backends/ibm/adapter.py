"""The adapter to IBM Quantum, through IBM's own client."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.base import BaseBackend
from qiskit_job_manager.backends.ibm.account import account_label
from qiskit_job_manager.backends.ibm.fetch import ResultFetcher
from qiskit_job_manager.backends.ibm.job_api import JobApi
from qiskit_job_manager.backends.ibm.limits import estimated_usage_s, limits_of
from qiskit_job_manager.backends.ibm.primitive_factory import asked_execution, check_run_options
from qiskit_job_manager.backends.ibm.pub_check import IBMPubCheck
from qiskit_job_manager.backends.ibm.status import StatusTracker
from qiskit_job_manager.backends.ibm.submit import JobSubmitter, dry_run_usage_s
from qiskit_job_manager.backends.ibm.usage import ask_within
from qiskit_job_manager.errors import BackendError, InvalidArgumentError, ResultGoneError
from qiskit_job_manager.ports import Capabilities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit_job_manager.backends.ibm.connection import Connection
    from qiskit_job_manager.backends.ibm.execution_mode import ExecutionModes
    from qiskit_job_manager.backends.ibm.primitive_factory import PrimitiveFactory
    from qiskit_job_manager.model import (
        Allowance,
        Blob,
        ExperimentKind,
        Limits,
        RawResult,
        RemoteFigures,
        RemoteStatus,
    )


class IBMBackendAdapter(BaseBackend):
    """Runs PUBs on one of IBM's backends.

    `open_ibm` makes it for a name, and `adapted` for an object of the client. It uses the network
    only when something is needed from it. Jobs are identified by their ids alone.

    Args:
        connection: Opens the backend.
        factory: Makes the primitive of each job.
        modes: The execution mode.
        takes: The kind of the experiments.
        listing_lag_s: Seconds after which an accepted job is surely listed.
        uri: The name that opens it again, or ``None``.
        account: The account as the client returns it, or ``None``.
    """

    def __init__(
        self,
        *,
        connection: Connection,
        factory: PrimitiveFactory,
        modes: ExecutionModes,
        takes: ExperimentKind,
        listing_lag_s: float,
        uri: str | None,
        account: Mapping[str, Any] | None,
    ) -> None:
        self._connection = connection
        self._factory = factory
        self._modes = modes
        self._takes = takes
        self._uri = uri
        self._account = account_label(account)
        self._capabilities = Capabilities(
            findable=True,
            listing_lag_s=listing_lag_s,
            reads_once=factory.reads_once,
            bulk_status=True,
            may_duplicate=True,
            reports_usage_late=True,
        )
        self._job_api = JobApi(connection)
        self._statuses = StatusTracker(self._job_api)
        self._fetcher = ResultFetcher(
            self._job_api,
            self._statuses,
            reads_once=factory.reads_once,
            has_times=factory.has_times,
        )
        self._submitter = JobSubmitter(connection, factory, modes, takes)
        self._check = IBMPubCheck(takes, lambda: connection.opened.backend)
        self._checked_options: str | None = None

    @property
    def name(self) -> str:
        """The backend's name, such as ``"ibm_fez"``."""
        return self._connection.name

    @property
    def uri(self) -> str | None:
        """The name that opens it again, or ``None`` if only an object can be handed over.

        It is ``None`` if the account is not saved, or if options of the primitive are no plain
        JSON.
        """
        return self._uri

    @property
    def qiskit_backend(self) -> Any:
        """The client's backend, to transpile for; this may open it over the network."""
        return self._connection.opened.backend

    @property
    def account(self) -> str:
        """A label that is the same for the same token, and does not reveal whose it is."""
        return self._account

    @property
    def takes(self) -> ExperimentKind:
        """PUBs of a sampler, or of an estimator; a sampler takes circuits as well."""
        return self._takes

    @property
    def capabilities(self) -> Capabilities:
        """Jobs are found by their tags; the client posts a job again after a server's error."""
        return self._capabilities

    def limits(self) -> Limits:
        """Return the known limits of the service; see `backends.ibm.limits`."""
        return limits_of(self._connection.known)

    def check(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:
        """Check one PUB, and before the first PUB the options; this opens the backend.

        Raises:
            InvalidExperimentError: The PUB cannot run; see `IBMPubCheck`.
            InvalidArgumentError: The primitive has no such option.
            BackendError: The backend cannot be opened.
            UnknownBackendError: There is no such backend.
        """
        self._check_options(options)
        self._check(experiment, index, options)

    def _check_options(self, options: Mapping[str, Any]) -> None:
        text = json.dumps(options, sort_keys=True, default=repr)
        if text == self._checked_options:
            return
        check_run_options(self._factory, options)
        asked = asked_execution(options)
        if asked not in (None, self._modes.execution) and self._modes.is_given:
            raise InvalidArgumentError(
                f"execution is {asked.value!r}, but you handed over a {self._modes.execution}: "
                "leave execution out, or hand over the backend"
            )
        self._checked_options = text

    def estimate_usage_s(self, circuits: int, shots: int | None) -> float:
        """Estimate the quantum seconds, by the quick formula of IBM's documentation."""
        return estimated_usage_s(circuits, shots)

    # -- jobs -------------------------------------------------------------------------------------

    def submit(
        self, payload: Blob, options: Mapping[str, Any], tag: str, labels: Sequence[str] = ()
    ) -> str:
        """Send one job, with the tag, the labels and the user's own tags as its job tags."""
        tags = (tag, *labels)
        remote_id = self._submitter.submit(payload, options, tags)
        self._statuses.note_submission(remote_id, tags)
        return remote_id

    def find(self, tag: str) -> Sequence[str]:
        """Return the ids of all jobs with this tag, oldest first."""
        return [info.id for info in self._job_api.tagged(tag)]

    def find_duplicates(self, label: str) -> Mapping[str, Sequence[str]]:
        """Return the ids of all jobs with a label by each of their tags, oldest first."""
        found: dict[str, list[str]] = {}
        infos = self._job_api.tagged(label)
        self._statuses.note(infos)
        for info in infos:
            for tag in info.tags:
                if tag != label:
                    found.setdefault(tag, []).append(info.id)
        return found

    def fetch_usage(self, label: str, remote_ids: Sequence[str]) -> Mapping[str, RemoteFigures]:
        """Return what the service has measured so far of jobs with a label, by listing them."""
        wanted = set(remote_ids)
        found = self._job_api.newest(label, wanted)
        return self._fetcher.figures(info for info in found if info.id in wanted)

    def statuses(self, remote_ids: Sequence[str]) -> Mapping[str, RemoteStatus]:
        """Ask about jobs; those that share a tag are asked about together."""
        return self._statuses.statuses(remote_ids)

    def fetch(self, remote_id: str) -> RawResult:
        """Fetch the raw result, and what the service measured of the job."""
        return self._fetcher.fetch(remote_id)

    def cancel(self, remote_id: str) -> None:
        """Ask the service to cancel a job; one that has ended or was deleted stays as it is."""
        self._job_api.cancel(remote_id)
        self._statuses.note_cancelling(remote_id)

    def delete(self, remote_id: str) -> None:
        """Delete a job with its result from the service."""
        self._job_api.delete(remote_id)
        self._statuses.forget(remote_id)

    # -- before a run -----------------------------------------------------------------------------

    def allowance(self) -> Allowance | None:
        """Ask what the instance has used in its period, and its limit."""
        return ask_within(self._job_api.allowance)

    def calibration(self) -> Mapping[str, Any] | None:
        """Ask for the present properties of the backend; ``None`` for a simulator."""
        return self._job_api.calibration()

    def dry_run(self, payload: Blob, options: Mapping[str, Any], tag: str) -> float | None:
        """Send one job to the backend's stand-in, wait for its end, and delete it."""
        remote_id = self._submitter.dry_run(payload, options, tag)
        try:
            return dry_run_usage_s(self._job_api, remote_id)
        finally:
            with contextlib.suppress(BackendError):
                self._job_api.delete(remote_id)

    # -- messages ---------------------------------------------------------------------------------

    def error_message(self, remote_id: str) -> str | None:
        """Return the service's message on why a job failed."""
        try:
            return self._fetcher.error_message(remote_id)
        except ResultGoneError:
            return None
