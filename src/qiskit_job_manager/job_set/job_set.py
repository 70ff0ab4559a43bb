"""`ManagedJobSet`: the jobs of one call of `JobManager.run`."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from qiskit_job_manager.errors import JobManagerTimeoutError
from qiskit_job_manager.job_set import display, drifted, report, requests, settings, status, waiting
from qiskit_job_manager.job_set.driving import fresh
from qiskit_job_manager.job_set.managed_job import ManagedJob
from qiskit_job_manager.model import JobState, RequestKind
from qiskit_job_manager.results import ManagedResults, ResultSource
from qiskit_job_manager.results.lookup import jobs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, MutableSet
    from datetime import datetime

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from qiskit import QuantumCircuit
    from qiskit.primitives import PrimitiveResult
    from qiskit.providers import JobStatus
    from qiskit.result import Result

    from qiskit_job_manager.job_set.as_qiskit_job import StoredJob
    from qiskit_job_manager.job_set.drifted import RunsAgain
    from qiskit_job_manager.job_set.driving import Driving
    from qiskit_job_manager.model import (
        Cost,
        EventRecord,
        ExperimentRecord,
        JobRecord,
        JobSetRecord,
        Prices,
        Usage,
    )
    from qiskit_job_manager.model.inputs import ExperimentKey
    from qiskit_job_manager.model.progress import Activity, Progress
    from qiskit_job_manager.model.provenance import DriftedPlan, Where
    from qiskit_job_manager.ports import Store
    from qiskit_job_manager.results.tables import By


class ManagedJobSet:
    """The jobs that run the experiments of one `JobManager.run`; a Qiskit job itself.

    `JobManager` makes it. It answers each call from the store, so any number of these objects may
    stand for one job set, in any process.
    """

    def __init__(
        self,
        record: JobSetRecord,
        store: Store,
        driving: Driving,
        all_callbacks: MutableSet[waiting.Callbacks[Any]],
        run_again: Callable[[], RunsAgain],
    ) -> None:
        self._record = record
        self._store = store
        self._driving = driving
        self._all_callbacks = all_callbacks
        self._run_again = run_again

    def __repr__(self) -> str:
        return display.as_text(self._record, self.progress, self.activity)

    def _repr_html_(self) -> str:
        return display.as_html(self._store, self._record, self.progress, self.activity)

    def __len__(self) -> int:
        return self.n_experiments

    def __iter__(self) -> Iterator[ExperimentRecord]:
        """Yield the index, name and content hash of each experiment, in order."""
        return self._store.experiments(self._record.key)

    # -- what it is -------------------------------------------------------------------------------

    def job_set_id(self) -> str:
        """Return the id by which any process finds the job set again."""
        return self._record.job_set_id

    def name(self) -> str:
        """Return the name."""
        return self._read().name

    def tags(self) -> list[str]:
        """Return the tags."""
        return list(self._read().tags)

    @property
    def note(self) -> str | None:
        """What was written about the job set, or ``None``."""
        return self._read().note

    def backend(self) -> Any:
        """Return the Qiskit backend or primitive that runs the job set; opens it if need be.

        Raises:
            JobManagerInvalidStateError: It cannot be opened here.
        """
        adapter = self._driving.backend()
        runs = getattr(adapter, "primitive", None) or getattr(adapter, "qiskit_backend", None)
        return adapter if runs is None else runs

    @property
    def backend_name(self) -> str:
        """Name of the backend."""
        return self._record.backend_name

    @property
    def created_at(self) -> datetime:
        """When `JobManager.run` was called, in UTC."""
        return self._record.created_at

    @property
    def n_experiments(self) -> int:
        """How many experiments were handed over."""
        return self._read().n_experiments

    @property
    def n_jobs(self) -> int:
        """How many jobs the experiments were split into."""
        return self._read().n_jobs

    def indices(self, name: str) -> list[int]:
        """Return the indices of all experiments with this name, in order."""
        return self._store.indices(self._record.key, name)

    def circuit(self, experiment: ExperimentKey) -> QuantumCircuit:
        """Return the circuit of an experiment as it is sent; its ``layout`` if it was transpiled.

        Args:
            experiment: Its index, its name, or the circuit or PUB that was handed over.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            CodecError: The stored circuit is damaged.
        """
        experiments = self._result_source().experiments
        return experiments.circuit(experiments.index(experiment))

    def update_name(self, name: str) -> str:
        """Give the job set another name, and return it.

        Raises:
            NameInUseError: Another job set has it.
            InvalidArgumentError: It is not a string, or empty.
        """
        self._store.rename(self._record.key, settings.checked_name(name))
        return self.name()

    def update_tags(
        self,
        replacement_tags: list[str] | None = None,
        additional_tags: list[str] | None = None,
        removal_tags: list[str] | None = None,
    ) -> list[str]:
        """Change the tags: replace, then add, then remove; return them.

        Raises:
            JobManagerInvalidStateError: No argument was given.
            InvalidArgumentError: An argument is not a list of strings.
        """
        changes = (replacement_tags, additional_tags, removal_tags)
        return list(
            self._store.change_tags(
                self._read().key, lambda old: settings.updated_tags(old, *changes)
            )
        )

    def update_note(self, note: str | None) -> str | None:
        """Replace what is written about the job set, and return it as it is stored.

        Args:
            note: Up to 4,000 characters in any number of lines; ``None`` or an empty text removes
                it.

        Raises:
            InvalidArgumentError: It is not a string or ``None``, or is too long.

        Example:
            >>> job_set.update_note("Cryostat at 12 mK; outliers from 17 on.")
            'Cryostat at 12 mK; outliers from 17 on.'
        """
        self._store.set_note(self._record.key, settings.checked_note(note))
        return self.note

    def allow_usage(self, max_usage_s: float | None) -> None:
        """Change how many quantum seconds the job set may use; a lower limit cancels no job.

        Args:
            max_usage_s: The limit for the whole set, in quantum seconds; ``None``: no limit.

        Raises:
            InvalidArgumentError: It is not a number greater than 0, or ``None``.
            JobManagerInvalidStateError: No process drives the set, and this one cannot.
        """
        self._store.set_max_usage(self._record.key, settings.checked_usage(max_usage_s))
        self._read()
        self.drive()

    def allow_cost(self, max_cost: float | None) -> None:
        """Change how much the job set may cost; a lower limit cancels no job.

        Args:
            max_cost: The limit for the whole set, in the currency of its `prices`; ``None``: none.

        Raises:
            InvalidArgumentError: It is not a number of at least 0, or ``None``; or the job set was
                handed over without prices.
            JobManagerInvalidStateError: No process drives the set, and this one cannot.
        """
        limit = settings.checked_cost(max_cost)
        settings.check_has_prices(self._read(), limit)
        self._store.set_max_cost(self._record.key, limit)
        self._read()
        self.drive()

    # -- how far it is ----------------------------------------------------------------------------

    def progress(self) -> Progress:
        """Return how many jobs and experiments are in each state; never waits.

        Raises:
            JobManagerUnknownJobSet: The job set was deleted.
        """
        record = self._record if self._record.complete else self._read()
        found = status.read_progress(self._store, record)
        if found.n_jobs == record.n_jobs:
            return found
        # It was extended, or a job was halved, or it was deleted.
        return replace(found, n_experiments=self._read().n_experiments)

    def usage(self) -> Usage:
        """Return the quantum seconds of the jobs that the backend has, or may have, accepted."""
        return self._store.usage(self._record.key)

    @property
    def prices(self) -> Prices | None:
        """The prices of its backend when it was handed over, or ``None`` if none were given."""
        return self._record.prices

    def cost(self) -> Cost | None:
        """Return what the jobs cost that the backend has, or may have, accepted.

        Returns:
            ``actual`` has shots, tasks and measured quantum seconds, ``estimated`` those that are
            not measured yet. ``None``: the set was handed over without prices.
        """
        return None if self.prices is None else self.prices.cost(self.usage())

    def activity(self, progress: Progress | None = None) -> Activity:
        """Return what the backend last said of the first few hundred active jobs; never waits.

        The others count as queued. ``progress``: what `progress` returned just before.
        """
        found = status.read_activity(self._store, self._record, progress or self.progress())
        here = self._driving.trouble if self._driving.is_here else None
        return replace(found, trouble=here) if here else found

    def statuses(self) -> list[JobStatus]:
        """Return the `qiskit.providers.JobStatus` of each job, in order; never waits."""
        return [status.qiskit_status(status.status_name(job)) for job in self._jobs()]

    def managed_jobs(self) -> list[ManagedJob]:
        """Return the jobs, in order."""
        return list(self._managed(self._jobs()))

    def jobs(self) -> list[StoredJob | None]:
        """Return a Qiskit job for each job, in order; ``None`` where no backend has accepted one.

        It never waits, and needs neither network nor credentials.
        """
        return [job.job for job in self.managed_jobs()]

    def job(self, experiment: ExperimentKey) -> tuple[StoredJob | None, int]:
        """Return the Qiskit job of an experiment, and the experiment's index inside it.

        Args:
            experiment: As for `circuit`. Of one whose shots were split, the first share.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
        """
        index = self._result_source().experiments.index(experiment)
        first = jobs_of(self._store, self._record, index)[0]
        return next(self._managed([first])).job, index - first.start

    def error_messages(self) -> str | None:
        """Return why jobs have no result, job by job, or ``None`` where all have one or go on.

        They failed, were lost, were cancelled elsewhere, or are in doubt.
        """
        return report.errors(self._jobs(report.failing_states(self._record)))

    def report(self, detailed: bool = True) -> str:
        """Return a text on the state of the set, and of each job if it is ``detailed``."""
        record, now = self._read(), self.progress()
        text = report.summary(record, now, self.activity(now), self.usage())
        if not detailed:
            return text
        silent = status.word_for_silent(self._store, record)
        return f"{text}\n{report.details(self._jobs(), silent)}"

    def events(self, job: int | None = None) -> Iterator[EventRecord]:
        """Yield what happened to the set, or to the job with this index, oldest first."""
        return self._store.events(self._record.key, job)

    def trouble(self) -> str | None:
        """Return why the job set could not go on here when it was last tried, or ``None``.

        `JobManager.resume`, `drive` and `wait` try it.
        """
        record = self._read()
        if record.complete or self._driving.is_here:
            return self._driving.trouble
        return report.incomplete(record)

    def other_driver(self) -> str | None:
        """Return which other process drives the job set now, in words, or ``None``.

        While there is one, `wait` and `results` wait for it, and go on with its work if it ends.
        """
        return self._driving.other_driver

    def draw(self, output: str = "text", *, ax: Axes | None = None) -> Any:
        """Draw how the experiments are split into jobs, and into shares of their shots.

        Args:
            output: ``"text"`` draws the first and the last jobs with characters, ``"mpl"`` all of
                them with matplotlib (``pip install "qiskit-job-manager[plot]"``).
            ax: With ``"mpl"``, the matplotlib axes to draw on; by default a new figure.

        Returns:
            An object that prints as the drawing, or a `matplotlib.figure.Figure`.
        """
        return display.drawn(self._store, self._read(), output, ax)

    def plot_timeline(self, *, ax: Axes | None = None) -> Figure:
        """Plot what each job spent its time on: sent, queued, running, collected.

        Where the backend does not say when a job began to run, queue and run are one span. A cross
        marks an attempt that ended without a result.

        Args:
            ax: The matplotlib axes to draw on; by default a new figure.

        Needs ``pip install "qiskit-job-manager[plot]"``.
        """
        return display.timeline(self._store, self._read(), self._driving.clock.now(), ax)

    # -- requests ---------------------------------------------------------------------------------

    def drive(self) -> None:
        """Go on in this process, if the job set has not ended and no other process drives it.

        Raises:
            JobManagerInvalidStateError: No process drives it, and this one cannot.
        """
        requested = bool(self._store.requests(self._record.key))  # read before the progress
        if requests.has_work(self.progress(), requested=requested):
            self._driving.ensure()

    def refresh(self) -> None:
        """Ask the backend again about what is not stored; does not wait."""
        self._driving.ask(RequestKind.REFRESH)

    def cancel(self) -> None:
        """Cancel every job that has not ended, here and on the backend.

        It returns within seconds, when the backend was asked about each job. By then, what was not
        sent is cancelled, and what the backend cancels at once.
        """
        requests.cancel(self._driving, self._store, self._record.key)

    def cancel_duplicates(self) -> list[str]:
        """Cancel the duplicates of jobs on the backend, and return their ids.

        A backend may accept one attempt twice. The oldest counts; the others have the same tag.

        Raises:
            JobManagerInvalidStateError: The backend has no search by tag, or cannot be opened here.
            BackendError: It could not be asked; call again.
        """
        attempts = (each for job in self.managed_jobs() for each in job.attempts())
        return list(requests.cancel_duplicates(self._driving.backend(), attempts))

    @overload
    def retry(
        self, states: Iterable[JobState | str] | None = None, *, cancelled: bool = False
    ) -> None: ...

    @overload
    def retry(self, *, where: Where, threshold: float | None = None) -> ManagedJobSet | None: ...

    def retry(
        self,
        states: Iterable[JobState | str] | None = None,
        *,
        cancelled: bool = False,
        where: Where | None = None,
        threshold: float | None = None,
    ) -> ManagedJobSet | None:
        """Send again the jobs that failed or were lost, and only those; does not wait.

        If there are none, a warning in the log says which jobs there are.

        With ``where``, run again the experiments that drifted, by `ManagedResults.drift`, in
        another job set on the same backend, with the same settings. Its name is that of this one
        and ``(drifted)``. It has each of them once: later calls return it, with what has drifted
        meanwhile added. All results here stay. What is not known to have drifted is not run.

        Args:
            states: ``"failed"``, ``"lost"`` or ``"cancelled"``; ``None`` means failed and lost.
            cancelled: Whether to send cancelled jobs again, too.
            where: ``"drifted"``: what moved or straddled a calibration; ``"moved"``: only what
                moved.
            threshold: With ``where``: as for `ManagedResults.drift`, 0.5 by default.

        Returns:
            With ``where`` the other job set; ``"drifted_from"`` in the metadata of its circuits is
            ``"JOB_SET_ID/INDEX"`` of what each runs again. ``None``: nothing drifted.

        Raises:
            InvalidArgumentError: A job in one of the states cannot be sent again; or an argument
                cannot be used with ``where``.
            InvalidExperimentError: The backend cannot run an experiment any more; none is sent.
            JobManagerInvalidStateError: No drift is known, as of a simulator; or the backend
                cannot be opened here.

        Example:
            >>> again = job_set.retry(where="drifted", threshold=0.2)   # doctest: +SKIP
        """
        if where is None:
            drifted.refuse_threshold(threshold)
            requests.retry(self._driving, self._store, self._record, states, cancelled=cancelled)
            return None
        drifted.refuse_for_drift(states, cancelled=cancelled)
        known = (self._result_source(), self._driving, self._run_again())
        return drifted.retry(*known, where, threshold)

    def plan_retry(self, where: Where, threshold: float | None = None) -> DriftedPlan:
        """Return what `retry` would run again for drift; nothing is stored or sent.

        Args:
            where: As for `retry`.
            threshold: As for `retry`.

        Returns:
            The experiments, those of which nothing is known, and what running them would take.

        Raises:
            InvalidArgumentError: An argument cannot be used.
            InvalidExperimentError: As `retry`.
            JobManagerInvalidStateError: As `retry`.
        """
        known = (self._result_source(), self._driving, self._run_again())
        return drifted.plan(*known, where, threshold)

    def resubmit(self, jobs: Iterable[int] | None = None) -> None:
        """Send again jobs in doubt. If the backend did accept one, you pay for it twice.

        Args:
            jobs: Indices of the jobs; ``None`` means all that are in doubt.
        """
        requests.request_each(self._driving, RequestKind.RESUBMIT, jobs)

    def abandon(self, jobs: Iterable[int] | None = None) -> None:
        """Give up jobs in doubt: the backend may or may not have accepted them.

        Args:
            jobs: As for `resubmit`.
        """
        requests.request_each(self._driving, RequestKind.ABANDON, jobs)

    def delete(self, *, remote: bool = False) -> None:
        """Remove the job set and its results from the store, for good.

        With ``remote``, its jobs on the service are deleted before, where the backend can.

        Raises:
            JobManagerInvalidStateError: It has not ended (cancel it), another process drives it,
                or the backend deletes no jobs.
            BackendError: The service could not delete a job; the store still has all.
        """
        found = self._store.job_set(self._record.job_set_id)
        record = found or self._record  # the rest of one that is half deleted is deleted, too
        progress = status.read_progress(self._store, record)
        requests.delete(self._driving, self._store, record, progress, remote=remote)

    # -- waiting and results ----------------------------------------------------------------------

    def wait(
        self,
        timeout: float | None = None,
        progress: bool | Callable[[Progress], object] | None = None,
    ) -> bool:
        """Wait until every job has ended, and return whether all have.

        It does not wait for jobs that only the user can decide about; see `resubmit`.

        Args:
            timeout: Seconds to wait at most; ``None`` waits for ever, ``0`` not at all. When the
                time is over, nothing is cancelled.
            progress: ``True`` shows jobs by state, the rate and the estimated end: a bar on a
                terminal or in a notebook, plain lines elsewhere. A callable is called at first and
                after each change.

        Raises:
            JobManagerInvalidStateError: No process drives the set, and this one cannot.
            KeyboardInterrupt: You interrupted it; the jobs go on.
        """
        deadline = waiting.Deadline(timeout, self._driving.clock)
        with waiting.showing(progress, self._record, self._driving.clock, self.activity) as show:
            is_shown = progress is not None and progress is not False
            wait = self._driving.wait if is_shown else self._driving.wait_for_end
            with waiting.interruption_explained(self._record.name):
                return wait(lambda: self._has_ended(show), deadline)

    def wait_for_search(self, timeout: float | None = None) -> bool:
        """Wait until the driver has looked for duplicates, and return whether it has.

        Some clients repeat a submission by themselves, IBM's among them. The driver cancels such
        duplicates once the backend lists them, on IBM half a minute after the last submission.
        """
        deadline, key = waiting.Deadline(timeout, self._driving.clock), self._record.key
        return self._driving.wait(lambda: waiting.duplicates_searched(self._store, key), deadline)

    def results(
        self,
        timeout: float | None = None,
        partial: bool = False,
        refresh: bool = False,
        *,
        progress: bool | Callable[[Progress], object] | None = None,
    ) -> ManagedResults:
        """Wait until every job has ended and its result is stored, and return the results.

        Args:
            timeout: Seconds for the whole call; ``None`` waits for ever, ``0`` not at all.
            partial: Whether experiments that a failed job did return may be read.
            refresh: Whether to ask the backend again about what is not stored.
            progress: What to show meanwhile; see `wait`.

        Returns:
            The results; ``success`` says whether every job is done. An experiment without a result
            raises `ManagedResultDataNotAvailable` when it is read; all others read normally.

        Raises:
            JobManagerTimeoutError: The deadline passed; the message names what is missing. Nothing
                is cancelled and nothing lost: call again.
        """
        if refresh:
            self._driving.ask(RequestKind.REFRESH)
        if not self.wait(timeout, progress):
            raise JobManagerTimeoutError(self._missing(timeout))
        return self._results(partial=partial)

    def results_so_far(self) -> ManagedResults:
        """Return what is stored now, without waiting and without a backend.

        Experiments without a result raise `ManagedResultDataNotAvailable` when they are read.
        """
        return self._results(partial=True)

    def as_completed(self, timeout: float | None = None) -> Iterator[ManagedJob]:
        """Yield each job once it has ended, those that have first.

        Args:
            timeout: Seconds for the whole iteration; ``None`` waits for ever.

        Raises:
            JobManagerTimeoutError: The deadline passed.
        """
        until = (self._driving, waiting.Deadline(timeout, self._driving.clock))
        return self._managed(waiting.ended_jobs(*until, self._store, self._record, self.progress))

    def add_done_callback(self, callback: Callable[[Self], object]) -> None:
        """Call a callable with this job set once every job has ended, in a thread of its own.

        An error that it raises is logged. If the waiting fails, it is not called; the log says so.
        """
        self._callbacks.add(callback)

    def __await__(self) -> Generator[Any, None, ManagedResults]:
        """Wait in a coroutine for what `results` returns; cancelling the wait cancels no job."""
        until = waiting.until(self._driving, self._has_ended)
        return waiting.awaited(until, lambda: self.results(timeout=0)).__await__()

    def provenance(self) -> dict[str, Any]:
        """Return what the job set ran in and on, as far as it is known now; never waits.

        Returns:
            Plain JSON values: ``job_set``, ``environments`` (of the process that handed it over,
            then of each other one that sent jobs) and ``calibrations`` of the backend, oldest
            first. For their forms see `ManagedResults.provenance`, which says what holds for one
            experiment.

        Raises:
            ManagedResultDataNotAvailable: What is stored of it is damaged.
            StoreCorruptError: The store does not have a snapshot that it names.
        """
        from qiskit_job_manager.results.provenance import ProvenanceReader

        return ProvenanceReader(self._store, self._read()).job_set()

    def export(
        self,
        path: str | Path,
        format: Literal["archive", "json", "parquet", "csv", "qpy", "ro-crate"] = "archive",  # noqa: A002  # as in other libraries
        by: By | None = None,
        *,
        overwrite: bool = False,
    ) -> Path:
        """Write the job set to a file, as far as it is stored now; never waits.

        Args:
            path: The file, or a folder for it; only its owner can read it.
            format: ``"archive"`` and ``"json"`` have everything, and `JobManager.import_job_set`
                reads them. ``"parquet"`` and ``"csv"`` are tables of the counts, ``"qpy"`` has the
                circuits. ``"ro-crate"`` is a package of research data with an archive, the tables
                and what they ran in and on, described for machines
                (``pip install "qiskit-job-manager[rocrate]"``).
            by: For the tables: one row an ``"experiment"``, or one an ``"outcome"``, which is the
                default of ``"csv"``.
            overwrite: Whether it may replace a file that is there.

        Returns:
            The file.

        Raises:
            InvalidArgumentError: It cannot be written there, or not in this format.
            StoreCorruptError: What is stored is damaged.

        Example:
            >>> job_set.export("sweep.csv", format="csv")               # doctest: +SKIP
        """
        from qiskit_job_manager.exchange.export_format import export_format
        from qiskit_job_manager.exchange.exports import export_file

        form = export_format(format)
        return export_file(self.results_so_far(), Path(path), form, by, overwrite=overwrite)

    # -- as a Qiskit job --------------------------------------------------------------------------

    def job_id(self) -> str:
        """Return the id of the job set."""
        return self._record.job_set_id

    def result(self, timeout: float | None = None) -> Result | PrimitiveResult[Any]:
        """Wait, and return all experiments as one result, in the order of the input.

        Args:
            timeout: Seconds for the whole call; ``None`` waits for ever, ``0`` not at all.

        Returns:
            A `qiskit.result.Result`, or of PUBs a `qiskit.primitives.PrimitiveResult`.

        Raises:
            JobManagerTimeoutError: The deadline passed (also a `qiskit.providers.JobTimeoutError`).
            ManagedResultDataNotAvailable: An experiment has no result; `results` reads the others.
        """
        if not self.wait(timeout):
            raise self._qiskit_timeout(timeout)
        with self._store.reading():
            results = self._results(partial=False)
            results._read_ahead()
        return results.result()

    def status(self) -> JobStatus:
        """Return the `qiskit.providers.JobStatus` of the whole; never waits.

        ``RUNNING``: a job runs or has ended. At the end ``DONE``: all jobs are; ``ERROR``: one
        failed, was lost, or is in doubt and you decide about it; ``CANCELLED`` otherwise.
        """
        return status.qiskit_status(self._status_name())

    def done(self) -> bool:
        """Return whether every job is done."""
        return self._status_name() == "DONE"

    def running(self) -> bool:
        """Return whether the set has begun to run and has not ended."""
        return self._status_name() == "RUNNING"

    def cancelled(self) -> bool:
        """Return whether the set has ended with jobs that were cancelled, and none that failed."""
        return self._status_name() == "CANCELLED"

    def in_final_state(self) -> bool:
        """Return whether nothing more happens unless you request it."""
        return self._status_name() in status.FINAL_NAMES

    def wait_for_final_state(
        self,
        timeout: float | None = None,
        wait: float = 5,
        callback: Callable[[str, JobStatus, Self], object] | None = None,
    ) -> None:
        """Wait until the set has ended.

        Args:
            timeout: Seconds to wait at most; ``None`` waits for ever.
            wait: Seconds between two calls of ``callback``. The end is noticed at once.
            callback: Called with the id, the status and this job set until it has ended.

        Raises:
            JobManagerTimeoutError: The deadline passed (also a `qiskit.providers.JobTimeoutError`).
        """
        deadline = waiting.Deadline(timeout, self._driving.clock)
        waiting.Deadline(wait, self._driving.clock)  # refuses what is no time
        while not self.wait(0 if callback else deadline.left()):
            if deadline.remaining_s <= 0:
                raise self._qiskit_timeout(timeout)
            if callback:
                callback(self.job_id(), self.status(), self)
                self.wait(min(wait, deadline.remaining_s))

    # -- inside -----------------------------------------------------------------------------------

    def _read(self) -> JobSetRecord:
        """Return the set as the store knows it now; raises if it was deleted."""
        self._record = fresh(self._store, self._record)
        return self._record

    def _jobs(self, states: Iterable[JobState] | None = None) -> Iterator[JobRecord]:
        return status.read_jobs(self._store, self._record.key, states)

    def _managed(self, jobs: Iterable[JobRecord]) -> Iterator[ManagedJob]:
        source = self._result_source()
        return (ManagedJob(job, source, self._driving) for job in jobs)

    def _result_source(self, *, as_it_is_now: bool = True) -> ResultSource:
        is_whole = self._record.complete and not as_it_is_now
        return ResultSource(self._store, self._record if is_whole else self._read())

    def _results(self, *, partial: bool) -> ManagedResults:
        return ManagedResults(self, self.backend_name, self.progress().success, partial=partial)

    def _has_ended(self, show: Callable[[Progress], None] | None = None) -> bool:
        return waiting.has_ended(self._store, self._record.key, self.progress, show)

    @cached_property
    def _callbacks(self) -> waiting.Callbacks[Self]:
        made = waiting.Callbacks(self, self.wait, self._has_ended)
        self._all_callbacks.add(made)
        return made

    def _status_name(self) -> str:
        progress = self.progress()
        return status.name_of_whole(progress, self.activity(progress))

    def _qiskit_timeout(self, timeout: float | None) -> JobManagerTimeoutError:
        from qiskit_job_manager.job_set.as_qiskit_job import QiskitTimeoutError

        return QiskitTimeoutError(self._missing(timeout))

    def _missing(self, timeout: float | None) -> str:
        return waiting.missing(self._store, self._record, timeout, self._driving.trouble)


# For code that asks whether it is a job: such code has imported Qiskit.
if "qiskit" in sys.modules:
    from qiskit.primitives import BasePrimitiveJob
    from qiskit.providers import JobV1

    JobV1.register(ManagedJobSet)
    BasePrimitiveJob.register(ManagedJobSet)
