"""The adapter to any Qiskit `BackendV2` with ``run()``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends import provider_errors
from qiskit_job_manager.backends.checks.circuits import CircuitCheck
from qiskit_job_manager.backends.job_follower import JobFollower
from qiskit_job_manager.backends.job_results import (
    job_in_answer,
    result_in_answer,
)
from qiskit_job_manager.backends.limits import limits_of
from qiskit_job_manager.backends.local.opening import uri_of
from qiskit_job_manager.backends.locality import is_local, is_reentrant, refuse_runless
from qiskit_job_manager.backends.provider_facts import ProviderFacts, check_bits, facts_of
from qiskit_job_manager.backends.run_lock import run_lock_of
from qiskit_job_manager.backends.run_options import backend_seed
from qiskit_job_manager.errors import SubmissionDeferredError
from qiskit_job_manager.model import Limits
from qiskit_job_manager.ports import Capabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qiskit_job_manager.model import Blob, RawResult

logger = logging.getLogger(__name__)


class QiskitBackend(JobFollower):
    """Runs circuits on a Qiskit `BackendV2`.

    Jobs are followed through the objects that ``run()`` returned. Jobs of earlier processes are
    retrieved by the backend's ``retrieve_job(id)``, where it has this method. What more is known of
    a provider's client is used, see `provider_facts`.

    Args:
        backend: The Qiskit backend; it may be shared with others.
        volatile: Whether jobs die with this process; ``None``: only if it is known to be local.
        uri: The name by which it was opened; ``None``: found from the object, if possible.
        concurrent: Whether ``run()`` may be called from several threads at once; ``None``: only if
            it is known to bear that.
        refusals: Exceptions that ``run()`` raises only for jobs that were not accepted.
    """

    def __init__(
        self,
        backend: Any,
        *,
        volatile: bool | None = None,
        uri: str | None = None,
        concurrent: bool | None = None,
        refusals: tuple[type[BaseException], ...] = (),
    ) -> None:
        refuse_runless(backend)
        self._local = is_local(backend)
        self._facts = facts_of(backend)
        local = self._local or self._facts.local
        super().__init__(backend, volatile=local if volatile is None else volatile)
        self._backend = backend
        self._uri = uri_of(backend) if uri is None else uri
        self._refusals = refusals
        concurrent = is_reentrant(backend) if concurrent is None else concurrent
        self._run_lock = None if concurrent else run_lock_of(backend)
        self._check = CircuitCheck(backend)
        # The clients of services ask over the network while ``result()`` waits, and show bars.
        self._results.can_wait = local or self._facts == ProviderFacts()

    @property
    def name(self) -> str:
        """The Qiskit backend's name, or that of its class where it has none."""
        return str(getattr(self.qiskit_backend, "name", None) or type(self.qiskit_backend).__name__)

    @property
    def uri(self) -> str | None:
        """The name that opens it again, or ``None`` if only an object can be handed over."""
        return self._uri

    @property
    def qiskit_backend(self) -> Any:
        """The Qiskit backend, to transpile for."""
        return self._backend

    @property
    def capabilities(self) -> Capabilities:
        """Qiskit's interface has no tags by which jobs are found, and asks about single jobs.

        Asking a local job costs almost nothing, so all local jobs are asked about together.
        """
        return Capabilities(
            volatile=self._volatile,
            findable=self._facts.find is not None,
            listing_lag_s=0.0 if self._facts.find is None else self._facts.listing_lag_s,
            bulk_status=self._local,
            concurrent_submissions=self._run_lock is None,
            reports_ends=self._results.can_wait,
        )

    @property
    def kept_options(self) -> Mapping[str, Any]:
        """The seed among the backend's options; each job gets one derived from it."""
        return backend_seed(self._backend)

    def limits(self) -> Limits:
        """Return the limits that the backend states; a local one gets a limit on pending jobs."""
        known = limits_of(self.qiskit_backend, local=self._local)
        if self._facts.circuits_per_job is None:
            return known
        most = self._facts.circuits_per_job(self._backend)
        return known.overridden_by(Limits(experiments_per_job=most))

    def check(self, experiment: Any, index: int, options: Mapping[str, Any]) -> None:
        """Check that one circuit can run on this backend; see `CircuitCheck`.

        Raises:
            InvalidExperimentError: It cannot run, or its result would be another one's.
        """
        self._check(experiment, index, options)
        check_bits(experiment, index, self._facts, self.name)

    def submit(
        self,
        payload: Blob,
        options: Mapping[str, Any],
        tag: str,
        labels: Sequence[str] = (),  # noqa: ARG002  # part of the port
    ) -> str:
        """Send one job; the tag is sent where the provider's client has a place for it."""
        if self._facts.tagged is not None:
            options = self._facts.tagged(options, tag)
        job = self._begin(self.circuits_in(payload), options)
        self._let_client_keep(job)
        return self._keep(job, tag)

    def _let_client_keep(self, job: Any) -> None:
        if self._facts.keep is None:
            return
        try:
            self._facts.keep(job)
        except Exception as error:  # noqa: BLE001  # the job was accepted, whatever went wrong here
            logger.warning(
                "%s could not keep a job, which no other process can then take up: %s",
                self.name,
                provider_errors.message_of(error),
            )

    def find(self, tag: str) -> Sequence[str]:
        """Return the ids of all jobs with this tag, where the provider's client can list them."""
        if self._facts.find is None:
            return super().find(tag)
        try:
            return self._facts.find(self._backend, tag)
        except Exception as error:
            what = f"the list of jobs on {self.name}"
            raise provider_errors.read_error(error, what) from error

    def _retrieve(self, remote_id: str) -> Any:
        if self._facts.retrieve is not None:
            return self._facts.retrieve(self._backend, remote_id)
        return super()._retrieve(remote_id)

    @property
    def is_simulated_here(self) -> bool:
        """Whether it is known to compute in this process alone."""
        return self._local and self._volatile

    def compute(
        self, payload: Blob, options: Mapping[str, Any], look: Callable[[Sequence[Any]], None]
    ) -> RawResult:
        """Run one job to its end, and return the encoded result; see `LocalAdapter.compute`."""
        circuits = self.circuits_in(payload)
        look(circuits)
        return self._read("", self._begin(circuits, options))

    def _begin(self, circuits: list[Any], options: Mapping[str, Any]) -> Any:
        """Begin a job on the Qiskit backend, and return its job object."""
        try:
            answer = self._run(circuits, options)
        except SubmissionDeferredError:
            raise
        except Exception as error:
            raise provider_errors.submission_error(
                error, self.name, volatile=self._volatile, refusals=self._refusals
            ) from error
        return job_in_answer(answer, self.name, volatile=self._volatile)

    def _run(self, circuits: list[Any], options: Mapping[str, Any]) -> Any:
        """Call ``run()`` with a list, as Qiskit's interface says, even with one circuit.

        Some backends take no list, or not of every circuit. They are called again with the circuit
        itself, but only where it is known that the first call sent nothing.
        """
        try:
            return self._call(circuits, options)
        except SubmissionDeferredError:
            raise
        except Exception as error:
            if len(circuits) != 1 or not self._sent_nothing(error):
                raise
        return self._call(circuits[0], options)

    def _call(self, run_input: Any, options: Mapping[str, Any]) -> Any:
        sending_once = self._facts.sending_once
        backend = self._backend if sending_once is None else sending_once(self._backend)

        def run() -> Any:
            return backend.run(run_input, **options)

        return run() if self._run_lock is None else self._run_lock.call(run, self.name)

    def _sent_nothing(self, error: Exception) -> bool:
        if self._volatile:
            return isinstance(error, TypeError | AttributeError)
        return provider_errors.raised_before_sending(error) is not None

    def encoded(self, answer: Any, what: str) -> RawResult:
        """Encode the `qiskit.result.Result` of a job."""
        return self.encode_result(result_in_answer(answer, what))
