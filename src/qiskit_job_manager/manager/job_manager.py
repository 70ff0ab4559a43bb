"""`JobManager`: the composition root, and where users begin."""

from __future__ import annotations

import contextlib
import random
import uuid
from typing import TYPE_CHECKING, Any, Literal, Self

from qiskit_job_manager import stores
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.engine import Engine, Spool
from qiskit_job_manager.errors import (
    InvalidArgumentError,
    JobManagerInvalidStateError,
    JobManagerUnknownJobSet,
    StoreError,
)
from qiskit_job_manager.job_set import ManagedJobSet
from qiskit_job_manager.job_set.driving import Driving
from qiskit_job_manager.job_set.tags import checked_tags
from qiskit_job_manager.job_set.usage import checked_usage
from qiskit_job_manager.manager import arguments, partial_deletes
from qiskit_job_manager.manager.interpreter_exit import stop_at_exit
from qiskit_job_manager.model import ExperimentKind, JobSetDraft
from qiskit_job_manager.views import html
from qiskit_job_manager.views.job_sets_html import job_sets_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from qiskit_job_manager.model import JobSetRecord, Limits, Plan, RetryPolicy
    from qiskit_job_manager.model.events import JobEvent
    from qiskit_job_manager.ports import Backend

_PAGE = 200
_SETS_SHOWN = 10


class JobManager:
    """Runs circuits in bulk, and finds again what was run.

    A manager owns one store and one engine. Several managers, in any number of processes, may use
    one store; each job set is driven by one of them at a time.

    Args:
        store: File path or SQLAlchemy URL of the store. By default the environment variable
            ``QISKIT_JOB_MANAGER_STORE``, or else a file in the user's data folder.

    Raises:
        StoreError: The store cannot be opened; the message says why and what to do.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from qiskit_job_manager import JobManager
        >>> circuit = QuantumCircuit(1, name="flip")
        >>> circuit.x(0)                                            # doctest: +SKIP
        >>> circuit.measure_all()
        >>> with JobManager() as manager:                           # doctest: +SKIP
        ...     job_set = manager.run([circuit], "aer", name="first", shots=100)
        ...     job_set.results().get_counts("flip")
        {'1': 100}
    """

    def __init__(self, store: str | Path | None = None) -> None:
        self._store = stores.open_store(store)
        self._clock = SystemClock()
        self._engine = Engine(
            self._store,
            self._clock,
            owner=uuid.uuid4().hex,
            new_tag=lambda: f"qjm-{uuid.uuid4().hex}",
            chance=random.random,
            spool=Spool(*self._store.spool_folders),
        )
        stop_at_exit(self._engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def store_url(self) -> str:
        """Where the store is, without password."""
        return self._store.url

    def close(self) -> None:
        """Stop driving, record what comes back within seconds, and close the store.

        Jobs that a backend has go on there; whoever opens the job set next goes on with it.
        """
        try:
            self._engine.stop()
        finally:
            self._store.close()

    def adopt_store(self) -> None:
        """Take a store that was copied or moved for the original from now on.

        It is your word that nothing goes on with the original: its unfinished jobs would be sent
        from both, and paid for twice.
        """
        self._store.adopt()

    # -- running ----------------------------------------------------------------------------------

    def run(  # noqa: PLR0913  # the original's signature, and what it lacked
        self,
        experiments: Any,
        backend: Any,
        name: str | None = None,
        max_experiments_per_job: int | None = None,
        job_share_level: str | None = None,
        job_tags: list[str] | None = None,
        *,
        shots: int | None = None,
        limits: Limits | None = None,
        split_shots: bool | None = None,
        retry: RetryPolicy | None = None,
        if_exists: Literal["error", "resume"] = "error",
        volatile: bool | None = None,
        concurrent: bool | None = None,
        refusals: tuple[type[BaseException], ...] = (),
        max_usage_s: float | None = None,
        drive: bool = True,
        **run_options: Any,
    ) -> ManagedJobSet:
        """Split circuits or PUBs into jobs, store them, and have them run.

        Returns when everything is stored; the jobs are sent and collected by a thread of this
        process, and by whoever opens the job set later if it dies. The first are sent while the
        others are still being read, so that the circuits of a generator never have to be in memory
        together; where more than 1 GiB of them waits on disk to be sent, it is read on as they are.

        A list is checked as a whole before anything is stored or sent. A generator is checked as it
        is read: an error in the middle, its own or of a circuit that cannot run, is raised, and
        what came before stays, is run and can be read. Running the same script again with
        ``if_exists="resume"`` goes on behind it, as after a crash.

        Args:
            experiments: Circuits that the backend can run as they are (transpiled), or primitive
                unified blocs (PUBs) in any form that Qiskit takes, such as ``(circuit, values)``;
                as a list or any iterable, or a single circuit.
            backend: A Qiskit `BackendV2`, a V2 primitive (`BaseSamplerV2` or `BaseEstimatorV2`), or
                a name such as ``"aer"``, ``"fake:torino"`` or ``"sampler:aer"``. PUBs on a
                `BackendV2` run through Qiskit's `BackendSamplerV2`.
            name: Name of the job set, unique in the store; by default the time of day in UTC.
            max_experiments_per_job: At most so many experiments in one job.
            job_share_level: Without effect; accepted so that old scripts run.
            job_tags: Tags of the job set.
            shots: Shots of each experiment that does not ask for its own; by default the
                backend's. An estimator takes ``precision=`` instead, in the same way.
            limits: Limits of the backend, where the user knows better.
            split_shots: Whether more shots than one job may take are split into several jobs, and
                their results merged. ``None``: yes, but not for an estimator, where the mean of
                several coarser estimates stands for the one that was asked for.
            retry: How often a job that ran and failed may be sent again; by default never.
            if_exists: What to do when ``name`` is in use: ``"resume"`` goes on with that job set
                if its circuits are the same, so that a script can simply be run again.
            volatile: Whether the backend's jobs die with this process; by default as is known.
            concurrent: Whether the ``run()`` of this backend object may be called from several
                threads at once; by default only if it is known to bear that.
            refusals: Exceptions that the backend's ``run()`` raises only for jobs that it did not
                accept. Without them, a job is in doubt after an exception that is not known.
            max_usage_s: Quantum seconds that the set may use. What was sent counts as the backend
                measured it, or as it is estimated; nothing is sent beyond, and nothing cancelled.
                `ManagedJobSet.allow_usage` changes it.
            drive: Whether this process sends and collects the jobs from now on. Otherwise they are
                only stored, whatever their size, for the next `resume`, ``qjm serve`` or
                `ManagedJobSet.wait`.
            **run_options: Passed to the backend's ``run``, such as ``memory=True``. A seed is
                that of the first job; each other job gets one derived from it. That of a seeded
                primitive is taken in the same way.

        Returns:
            The job set.

        Raises:
            InvalidArgumentError: An argument cannot be used.
            InvalidExperimentError: An experiment cannot run; the message names it.
            PlanError: An experiment alone exceeds a limit.
            NameInUseError: The name is in use, or its job set has other circuits.
            UnknownBackendError: No backend is known by that name.
            StoreError: The job set cannot be stored.
        """
        from qiskit_job_manager import backends
        from qiskit_job_manager.manager.experiment_size import Weighing
        from qiskit_job_manager.manager.hand_over import HandOver

        del job_share_level
        if if_exists not in ("error", "resume"):
            msg = f"if_exists is {if_exists!r}; it is 'error' or 'resume'"
            raise InvalidArgumentError(msg)
        handed_over, takes = arguments.as_experiments(experiments)
        adapter = backends.adapt(
            backend, volatile=volatile, takes=takes, concurrent=concurrent, refusals=refusals
        )
        options = backends.options_to_store(adapter, arguments.checked_options(run_options))
        shots = arguments.checked_shots(shots, adapter)
        weighing = Weighing(adapter.takes, shots, options.get("precision"), split_shots)
        draft = JobSetDraft(
            job_set_id=uuid.uuid4().hex,
            name=self._free_name() if name is None else arguments.checked_name(name),
            created_at=self._clock.now(),
            backend_uri=adapter.uri,
            backend_name=adapter.name,
            volatile=adapter.capabilities.volatile,
            blind=arguments.is_blind(adapter.capabilities),
            options=options if shots is None else {**options, "shots": shots},
            limits=arguments.chosen_limits(adapter, max_experiments_per_job, limits),
            retry=arguments.checked_retry(retry),
            tags=() if job_tags is None else checked_tags(job_tags, "job_tags"),
            max_usage_s=checked_usage(max_usage_s),
        )
        self._engine.start()  # it renews the lease meanwhile
        where = (self._store, self._engine.leases, self._engine if drive else None, adapter)
        hand_over = HandOver(*where, draft, weighing)
        record = hand_over.run(handed_over, resume=if_exists == "resume")
        job_set = self._job_set(record, adapter)
        if drive and not hand_over.is_driven:
            job_set.drive()
        return job_set

    def plan(
        self,
        experiments: Any,
        backend: Any,
        max_experiments_per_job: int | None = None,
        *,
        shots: int | None = None,
        limits: Limits | None = None,
        split_shots: bool | None = None,
        **run_options: Any,
    ) -> Plan:
        """Return the split that `run` would make and what it would take; nothing is stored or sent.

        Args:
            experiments: As for `run`.
            backend: As for `run`.
            max_experiments_per_job: As for `run`.
            shots: As for `run`.
            limits: As for `run`.
            split_shots: As for `run`.
            **run_options: As for `run`.

        Returns:
            The jobs, and in all their executions, bytes, estimated quantum seconds, and the time
            that the pace of submissions alone takes.

        Raises:
            InvalidArgumentError: An argument cannot be used.
            InvalidExperimentError: An experiment cannot run; the message names it.
            PlanError: An experiment alone exceeds a limit.
            UnknownBackendError: No backend is known by that name.

        Example:
            >>> manager.plan(circuits, "aer", shots=1000).executions    # doctest: +SKIP
            300000
        """
        from qiskit_job_manager import backends
        from qiskit_job_manager.manager.estimate import planned
        from qiskit_job_manager.manager.experiment_size import Weighing

        handed_over, takes = arguments.as_experiments(experiments)
        adapter = backends.adapt(backend, takes=takes)
        options = backends.options_to_store(adapter, arguments.checked_options(run_options))
        shots = arguments.checked_shots(shots, adapter)
        weighing = Weighing(adapter.takes, shots, options.get("precision"), split_shots)
        options = options if shots is None else {**options, "shots": shots}
        chosen = arguments.chosen_limits(adapter, max_experiments_per_job, limits)
        return planned(handed_over, adapter, options, chosen, weighing)

    # -- finding again ----------------------------------------------------------------------------

    def job_sets(self, name: str | None = None) -> list[ManagedJobSet]:
        """Return the job sets of the store, newest first; none of them is driven by this.

        Args:
            name: Only the one with this name.
        """
        if name is not None:
            found = self._store.job_set_named(name)
            return [self._job_set(found)] if found else []
        return list(self.iter_job_sets())

    def iter_job_sets(self) -> Iterator[ManagedJobSet]:
        """Yield the job sets of the store, newest first, read as they are asked for."""
        return (self._job_set(record) for record in self._records())

    def find(self, reference: str) -> ManagedJobSet:
        """Return a job set to look at, without driving it and without opening its backend.

        Args:
            reference: Its id, a prefix of the id that no other has (at least 4 characters), or its
                name.

        Raises:
            JobManagerUnknownJobSet: There is none, or several.
        """
        found = self._found(reference)
        if found is None:
            raise JobManagerUnknownJobSet(partial_deletes.why_unknown(self._store, reference))
        return self._job_set(found)

    def retrieve_job_set(
        self, job_set_id: str, backend: Any = None, refresh: bool = False
    ) -> ManagedJobSet:
        """Return a job set of the store, and go on with it if it has not ended.

        Args:
            job_set_id: Its id, a prefix of the id that no other has, or its name.
            backend: What runs it, where that cannot be opened by name; its results can be read
                without.
            refresh: Whether to ask the backend again about what is not stored.

        Raises:
            JobManagerUnknownJobSet: There is none, or several.
            InvalidArgumentError: The backend is another one than the job set's.
        """
        record = self.find(job_set_id).record()
        job_set = self._job_set(record, None if backend is None else _same(record, backend))
        if refresh:
            job_set.refresh()
        with contextlib.suppress(JobManagerInvalidStateError):  # it can be read in any case
            job_set.drive()
        return job_set

    def unfinished(self) -> list[ManagedJobSet]:
        """Return the job sets that have something left to do, oldest first, without driving them.

        Those that are still being handed over are not among them.
        """
        return [self._job_set(record) for record in self._store.unfinished()]

    def resume(self) -> list[ManagedJobSet]:
        """Go on with every job set that has something left to do, and return them, oldest first.

        One that cannot go on here, as its backend cannot be opened, does not hold up the others:
        its `ManagedJobSet.trouble` says why. One that another process drives goes on there, and
        here when that process dies. What is half deleted is removed.

        Raises:
            StoreCopiedError: The store is a copy, and the original may be in use.
        """
        self._store.ensure_original()
        job_sets = self.unfinished()
        for job_set in job_sets:
            with contextlib.suppress(JobManagerInvalidStateError, JobManagerUnknownJobSet):
                job_set.drive()
        for left in self._store.half_deleted():
            self._store.delete_rest(left.key)
        return job_sets

    def delete_job_set(self, reference: str) -> None:
        """Remove a job set and its results from the store, for good.

        Of a large set the rows go in many short transactions, so that others can write meanwhile.
        From the first on nothing of the set can be read; where the last was not reached, as the
        process died, the set is half deleted until it is deleted again, or `resume` is called.

        Args:
            reference: Its id, a prefix of the id, or its name; of one that is half deleted, too.

        Raises:
            JobManagerUnknownJobSet: There is none, or several.
            JobManagerInvalidStateError: It has not ended; cancel it first.
        """
        left = (
            [] if self._found(reference) else partial_deletes.half_deleted(self._store, reference)
        )
        if not left:
            self.find(reference).delete()
        for each in left:
            self._store.delete_rest(each.key)

    def half_deleted(self, reference: str | None = None) -> list[JobSetRecord]:
        """Return the job sets whose deletion was cut off, or goes on, under the names they had.

        Nothing of them can be read any more; `delete_job_set` removes what is left.

        Args:
            reference: Only those with this id, prefix of the id, or name.
        """
        return partial_deletes.half_deleted(self._store, reference)

    def report(self, detailed: bool = True) -> str:
        """Return a text on all job sets of the store, newest first.

        Args:
            detailed: Whether to say something about each job.
        """
        return "\n\n".join(self._job_set(r).report(detailed) for r in self._records())

    # -- from elsewhere ---------------------------------------------------------------------------

    def import_job_set(
        self, path: str | Path, name: str | None = None, *, as_ended: bool = False
    ) -> ManagedJobSet:
        """Take in a job set that `ManagedJobSet.export` wrote, here or on another machine.

        Everything is checked before anything is stored, and all of it is stored or nothing. The
        job set keeps its id, and with it all its past; nothing of it is sent: it has ended, and
        only `ManagedJobSet.retry` runs again what failed.

        Args:
            path: An archive, or a JSON document; no other format is complete.
            name: Name to give it; by default it keeps its own.
            as_ended: Whether to take in one that had not ended when it was exported. Whoever has
                the original goes on with it, so here its unfinished jobs are cancelled, and a
                cancelled job is never sent again.

        Returns:
            The job set.

        Raises:
            ArchiveError: The file is no complete export, is damaged, or holds a job set that had
                not ended.
            NameInUseError: The name is in use.
            StoreError: The store has this job set already, or cannot be written.
        """
        from pathlib import Path

        from qiskit_job_manager.exchange.imports import import_file

        wanted = None if name is None else arguments.checked_name(name)
        now = self._clock.now()
        record = import_file(self._store, Path(path), now, name=wanted, as_ended=as_ended)
        return self._job_set(record)

    # -- hearing of it ----------------------------------------------------------------------------

    def on_event(self, listener: Callable[[JobEvent], object]) -> Callable[[], None]:
        """Have a callable told what happens to the jobs that this manager drives, from now on.

        It is called after the fact is in the store, in order, by a thread of its own: what it
        raises is logged, and while it is slow, nothing waits for it. Of more than 10,000 events
        that wait for it the oldest are left out; `JobEvent.missed` counts them, and
        `ManagedJobSet.events` has them all. What other processes drive is found there, too.

        Args:
            listener: Takes a `JobEvent`.

        Returns:
            What ends it when it is called; `close` ends it as well, after what waits was told.

        Raises:
            InvalidArgumentError: It cannot be called.

        Example:
            >>> stop = manager.on_event(lambda event: print(event.job_index, event.after))
            ... # doctest: +SKIP
        """
        if not callable(listener):
            msg = f"the listener is {listener!r}; it can be called"  # type: ignore[unreachable]
            raise InvalidArgumentError(msg)
        return self._engine.listeners.add(listener)

    def _repr_html_(self) -> str:
        try:
            records = self._store.job_sets(limit=_SETS_SHOWN + 1)
            shown = [(each, self._job_set(each).progress()) for each in records[:_SETS_SHOWN]]
            return job_sets_html(self.store_url, shown, more=len(records) > _SETS_SHOWN)
        except StoreError as error:  # closed, for one: shown, not raised
            return html.block(html.text(f"JobManager: {error}", 300))

    # -- inside -----------------------------------------------------------------------------------

    def _job_set(self, record: JobSetRecord, backend: Backend | None = None) -> ManagedJobSet:
        driving = Driving(record, self._store, self._engine, self._clock, _open_backend, backend)
        return ManagedJobSet(record, self._store, driving)

    def _records(self) -> Iterator[JobSetRecord]:
        last = None
        while page := self._store.job_sets(before=last, limit=_PAGE):
            yield from page
            last = page[-1]

    def _found(self, reference: str) -> JobSetRecord | None:
        found = self._store.job_set(reference) or self._store.job_set_named(reference)
        if found is None and len(reference) >= partial_deletes.SHORTEST_PREFIX:
            found = self._by_prefix(reference)
        return found

    def _by_prefix(self, prefix: str) -> JobSetRecord | None:
        found = self._store.job_sets_by_prefix(prefix.lower(), limit=2)
        if len(found) > 1:
            msg = f"several job sets have ids that begin with {prefix!r}; give more of the id"
            raise JobManagerUnknownJobSet(msg)
        return found[0] if found else None

    def _free_name(self) -> str:
        """Return the time of day as a name that is free."""
        base = self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return base if self._store.job_set_named(base) is None else f"{base}-{uuid.uuid4().hex[:8]}"


def _same(record: JobSetRecord, backend: Any) -> Backend:
    """Return the adapter to a backend that a job set goes on with.

    Raises:
        InvalidArgumentError: It has another name than the one that the job set runs on, or a seed
            that the job set does not have.
    """
    from qiskit_job_manager import backends

    volatile = True if record.volatile else None
    adapter = backends.adapt(backend, volatile=volatile)
    if adapter.name != record.backend_name:  # what has PUBs may have got a sampler around it
        pubs = ExperimentKind.SAMPLER_PUB
        adapter = backends.adapt(backend, volatile=volatile, takes=pubs)
    if adapter.name != record.backend_name:
        msg = (
            f"job set {record.name!r} runs on {record.backend_name!r}, and the backend that was "
            f"given is {adapter.name!r}: give the one that has its jobs"
        )
        raise InvalidArgumentError(msg)
    backends.compare_seeds(adapter, record.options)
    return adapter


def _open_backend(uri: str) -> Backend:
    from qiskit_job_manager import backends

    return backends.open_backend(uri)
