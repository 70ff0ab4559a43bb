"""`JobManager`: where users begin, and where the parts are put together."""

from __future__ import annotations

import contextlib
import random
import uuid
import weakref
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from qiskit_job_manager import stores
from qiskit_job_manager.backends.local.executor import chosen_executor
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.engine import Engine, Spool
from qiskit_job_manager.errors import (
    InvalidArgumentError,
    JobManagerError,
    JobManagerInvalidStateError,
    JobManagerUnknownJobSet,
    StoreError,
)
from qiskit_job_manager.job_set import ManagedJobSet, overview_table
from qiskit_job_manager.job_set.driving import Driving
from qiskit_job_manager.job_set.group import ManagedJobSetGroup
from qiskit_job_manager.job_set.settings import checked_name
from qiskit_job_manager.job_set.status import read_overview, read_progress, states_of
from qiskit_job_manager.manager import arguments, lookup, notification_services
from qiskit_job_manager.manager.driver_process import new_owner, stop_at_exit
from qiskit_job_manager.manager.environment import Environment, chosen_provenance
from qiskit_job_manager.manager.notifier import Notifier
from qiskit_job_manager.manager.pricing import chosen_table, cost_of
from qiskit_job_manager.results import source_of
from qiskit_job_manager.views import html
from qiskit_job_manager.views.html import job_sets_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Executor
    from pathlib import Path

    import pandas as pd
    from distributed import Client

    from qiskit_job_manager.dashboard.server import NotebookDashboard
    from qiskit_job_manager.job_set.drifted import RunsAgain
    from qiskit_job_manager.job_set.waiting import Callbacks
    from qiskit_job_manager.manager.group_member import Member
    from qiskit_job_manager.model import JobSetRecord, Limits, Plan, RetryPolicy
    from qiskit_job_manager.model.groups import GroupRecord
    from qiskit_job_manager.model.inputs import ExperimentsLike, RunsCircuits
    from qiskit_job_manager.model.jobs import JobEvent
    from qiskit_job_manager.model.progress import Progress
    from qiskit_job_manager.ports import Backend

_SETS_SHOWN = 10
_CALLBACKS_WITHIN_S = 5.0


class JobManager:
    """Runs circuits in bulk, and finds their results again.

    A manager owns one store and one engine. Several managers, in any number of processes, may use
    one store; each job set is driven by one of them at a time.

    Args:
        store: File path or SQLAlchemy URL of the store. By default the environment variable
            ``QISKIT_JOB_MANAGER_STORE``, or else a file in the user's data folder.
        workers: How many processes of this machine compute local simulations; 0: this process does.
            By default the environment variable ``QISKIT_JOB_MANAGER_WORKERS``, or else as many as
            this process may use cores. They are started when enough work is expected, and end when
            they are idle, and with this process.
        executor: What computes local simulations instead: a Dask ``Client``, any
            `concurrent.futures.Executor`, or a name: ``"dask:tcp://host:8786"``, or
            ``"dask:PATH"`` with a scheduler file. By default the environment variable
            ``QISKIT_JOB_MANAGER_EXECUTOR``. It is not shut down when the manager is closed.
        notify: URLs of services, as Apprise has them, that tell you of the job sets that this
            manager drives: of the end, a failure, what needs you, the usage limit. By default those
            in ``QISKIT_JOB_MANAGER_NOTIFY``, with blanks between them. They are not stored.
        provenance: How much is recorded of what job sets run in and on, see
            `ManagedResults.provenance`: ``"full"``; ``"anonymous"``: without the names of the
            machine and of the script; ``"off"``: nothing. By default the environment variable
            ``QISKIT_JOB_MANAGER_PROVENANCE``, or else ``"full"``.
        prices: What backends cost: the path of a ``prices.toml``, or what would be in it; by
            default the file that the environment variable ``QISKIT_JOB_MANAGER_PRICES`` names.

    Raises:
        InvalidArgumentError: ``workers``, ``executor``, ``notify``, ``provenance`` or ``prices``
            cannot be used.
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

    def __init__(
        self,
        store: str | Path | None = None,
        *,
        workers: int | None = None,
        executor: Client | Executor | str | None = None,
        notify: str | Sequence[str] | None = None,
        provenance: Literal["full", "anonymous", "off"] | None = None,
        prices: str | Path | Mapping[str, Any] | None = None,
    ) -> None:
        addresses = notification_services.chosen_addresses(notify)
        self._prices = chosen_table(prices)
        self._environment = Environment(chosen_provenance(provenance))
        self._executor = chosen_executor(workers, executor)
        self._store = stores.open_store(store)
        self._clock = SystemClock()
        owner = new_owner(self._clock.now())
        self._engine = Engine(
            self._store,
            self._clock,
            owner=owner,
            new_tag=lambda: f"qjm-{uuid.uuid4().hex}",
            chance=random.random,
            spool=Spool(*self._store.spool_folders),
            environment=self._environment.recorded,
        )
        self._dashboards: list[NotebookDashboard] = []
        self._callbacks: weakref.WeakSet[Callbacks[Any]] = weakref.WeakSet()
        self._notifier = Notifier(self._store, self._clock, owner, addresses)
        stop_at_exit(self._engine)
        stop_at_exit(self._notifier)

    def __enter__(self) -> Self:
        return self

    def __repr__(self) -> str:
        return f"<JobManager on {self.store_url}>"

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def store_url(self) -> str:
        """Where the store is, without password."""
        return self._store.url

    def close(self) -> None:
        """Stop driving, store the answers of the next seconds, and close the store.

        The callbacks of job sets that have ended are called first, if that takes no longer than
        seconds.

        Jobs that a backend has go on there. The next process that opens the job set drives it on.
        """
        while self._dashboards:
            self._dashboards.pop().close()
        try:
            self._engine.stop()
            self._notifier.stop()
            self._finish_callbacks()
        finally:
            self._executor.close()
            self._store.close()

    def _finish_callbacks(self) -> None:
        """Let the callbacks of job sets that have ended be called: they read the store."""
        for callbacks in list(self._callbacks):
            with contextlib.suppress(JobManagerError):  # the store is away, or the job set deleted
                callbacks.finish(_CALLBACKS_WITHIN_S)

    def adopt_store(self) -> None:
        """Treat a store that was copied or moved as the original from now on.

        Make sure that no process uses the original any more: both would send the unfinished jobs,
        and you would pay twice.
        """
        self._store.adopt()

    # -- running ---------------------------------------------------------------------------------

    @overload
    def run(
        self,
        experiments: ExperimentsLike,
        backend: list[Any] | tuple[Any, ...],
        name: str | None = None,
        max_experiments_per_job: int | None = None,
        job_share_level: str | None = None,
        job_tags: list[str] | None = None,
        *,
        place: Literal["queue", "spread", "all"] | Callable[..., Any] | None = None,
        **how: Any,
    ) -> ManagedJobSetGroup: ...

    @overload
    def run(  # as below
        self,
        experiments: ExperimentsLike,
        backend: str | RunsCircuits | Backend,
        name: str | None = None,
        max_experiments_per_job: int | None = None,
        job_share_level: str | None = None,
        job_tags: list[str] | None = None,
        *,
        shots: int | None = None,
        limits: Limits | None = None,
        split_shots: bool | None = None,
        retry: RetryPolicy | None = None,
        if_exists: Literal["error", "resume", "extend"] = "error",
        volatile: bool | None = None,
        concurrent: bool | None = None,
        refusals: tuple[type[BaseException], ...] = (),
        max_usage_s: float | None = None,
        max_cost: float | None = None,
        transpile: bool | Mapping[str, Any] | None = None,
        optimization_level: int | None = None,
        seed_transpiler: int | None = None,
        reuse: ManagedJobSet | str | Sequence[ManagedJobSet | str] | bool | None = None,
        reuse_random: bool = False,
        progress: bool = False,
        drive: bool = True,
        notify: str | Sequence[str] | None = None,
        place: None = None,
        **run_options: Any,
    ) -> ManagedJobSet: ...

    def run(  # noqa: PLR0913  # the original's signature, and what it lacked
        self,
        experiments: ExperimentsLike,
        backend: str | RunsCircuits | Backend | list[Any] | tuple[Any, ...],
        name: str | None = None,
        max_experiments_per_job: int | None = None,
        job_share_level: str | None = None,
        job_tags: list[str] | None = None,
        *,
        shots: int | None = None,
        limits: Limits | None = None,
        split_shots: bool | None = None,
        retry: RetryPolicy | None = None,
        if_exists: Literal["error", "resume", "extend"] = "error",
        volatile: bool | None = None,
        concurrent: bool | None = None,
        refusals: tuple[type[BaseException], ...] = (),
        max_usage_s: float | None = None,
        max_cost: float | None = None,
        transpile: bool | Mapping[str, Any] | None = None,
        optimization_level: int | None = None,
        seed_transpiler: int | None = None,
        reuse: ManagedJobSet | str | Sequence[ManagedJobSet | str] | bool | None = None,
        reuse_random: bool = False,
        progress: bool = False,
        drive: bool = True,
        notify: str | Sequence[str] | None = None,
        place: Literal["queue", "spread", "all"] | Callable[..., Any] | None = None,
        **run_options: Any,
    ) -> ManagedJobSet | ManagedJobSetGroup:
        """Split circuits or PUBs into jobs, store them, and run them.

        It returns when everything is stored. A thread of this process sends and collects the jobs;
        if the process dies, the next one that opens the job set does. The first jobs are sent while
        the other experiments are still being read, so a generator's circuits never have to be in
        memory together. While more than 1 GiB of them waits on disk, the generator waits, too.

        A list is checked as a whole before anything is stored or sent. A generator is checked as it
        is read: an error in the middle, its own or of a circuit that cannot run, is raised. What
        was stored before stays, runs and can be read. The same script with
        ``if_exists="resume"`` goes on behind it, as after a crash.

        Args:
            experiments: Circuits, or primitive unified blocs (PUBs) in any form that Qiskit takes,
                such as ``(circuit, values)``; as a list or any iterable, or a single circuit. The
                backend must be able to run them as they are, unless ``transpile`` is given.
            backend: A Qiskit `BackendV2`, a V2 primitive (`BaseSamplerV2` or `BaseEstimatorV2`), or
                a name such as ``"aer"``, ``"fake:torino"`` or ``"sampler:aer"``. PUBs on a
                `BackendV2` run through Qiskit's `BackendSamplerV2`. A list of backends places the
                circuits on several; see ``place``.
            name: Name of the job set, unique in the store; by default the time of day in UTC.
            max_experiments_per_job: At most so many experiments in one job.
            job_share_level: Without effect; accepted so that old scripts run.
            job_tags: Tags of the job set.
            shots: Shots of each experiment that does not ask for its own; by default the
                backend's. An estimator takes ``precision=`` instead, in the same way.
            limits: Limits of the backend, where the user knows better.
            split_shots: Whether more shots than one job may take are split into several jobs, and
                their results merged. ``None``: yes, but not for an estimator, where the mean of
                several coarser estimates would replace the one that you want.
            retry: How often a job that ran and failed may be sent again; by default never.
            if_exists: What to do when ``name`` is in use: ``"resume"`` goes on with that job set
                if its circuits are the same, so that a script can simply be run again.
                ``"extend"`` adds the experiments that the job set does not have, by their content
                and whatever their order, and runs these alone. Equal ones are counted. What the
                set has and this call leaves out stays, and the log says so. Options, shots and
                backend must be those of the set.
            volatile: Whether the backend's jobs die with this process; by default what is known of
                the backend.
            concurrent: Whether the ``run()`` of this backend object may be called from several
                threads at once; by default only if it is known to bear that.
            refusals: Exceptions that the backend's ``run()`` raises only for jobs that it did not
                accept. Without them, a job is in doubt after an exception that is not known.
            max_usage_s: Quantum seconds that the set may use. A job counts with what the backend
                measured, or else with the estimate. A job that would go beyond is not sent; none is
                cancelled. `ManagedJobSet.allow_usage` changes it.
            max_cost: The same in money, in the currency of the manager's prices; retries and known
                duplicates count. The prices are stored with the job set, so that its figures do not
                change with the file. `ManagedJobSet.allow_cost` changes the limit.
            transpile: ``True`` transpiles for the backend, in several processes where that is
                worth it; a mapping does so with further options of Qiskit's
                `generate_preset_pass_manager`, such as ``{"initial_layout": [3, 4]}``. Resuming and
                look-ups compare the circuits that you hand over, before transpiling;
                `ManagedJobSet.circuit` returns what was sent.
            optimization_level: Level of the transpiler, 0 to 3, by default Qiskit's own; implies
                ``transpile=True``.
            seed_transpiler: Seed of the transpiler, by default a fixed one.
            reuse: A job set, its name or id, a list of them, or ``True`` for all of the store:
                experiments with the same content take over a result that is stored there, if
                backend, shots and options are the same, and are not sent. Each result is taken
                over at most once into a job set, and is marked: ``"reused_from"`` in the metadata
                of its circuit names the job set and the experiment that ran. A backend object
                that cannot be opened by name counts as the same only with job sets that you name.
            reuse_random: Whether to take over results of runs without a seed, too. Each is one
                random sample: what two job sets took from the same experiment is the same data.
            progress: Whether to show how many circuits are transpiled.
            drive: Whether this process sends and collects the jobs from now on. Otherwise it only
                stores them, for the next `resume`, ``qjm serve`` or `ManagedJobSet.wait`.
            notify: Services that tell you of this job set, as those of the manager. They are not
                stored: a script that is run again after a crash gives them again.
            place: How circuits are placed on a list of backends: ``"queue"`` (the default) gives
                each to the backend that will have run it first, and returns when all are placed;
                ``"spread"`` gives each backend an equal part at once; ``"all"`` runs every circuit
                on every backend. A callable takes a circuit, its index and the backends, and
                returns one of them or its index.
            **run_options: Passed to the backend's ``run``, such as ``memory=True``. A seed is for
                the first job; each other job gets one derived from it. So does the seed of a
                primitive.

        Returns:
            The job set; on a list of backends a `ManagedJobSetGroup` with one for each.

        Raises:
            InvalidArgumentError: An argument cannot be used.
            InvalidExperimentError: An experiment cannot run; the message names it.
            PlanError: An experiment alone exceeds a limit.
            NameInUseError: The name is in use, or its job set has other circuits, options or
                another backend.
            UnknownBackendError: No backend is known by that name.
            StoreError: The job set cannot be stored.
        """
        from qiskit_job_manager.manager import group_run, transpiler
        from qiskit_job_manager.manager.estimate import log_what_does_not_fit
        from qiskit_job_manager.manager.hand_over import HandOver
        from qiskit_job_manager.manager.preparation import Preparation, Wishes
        from qiskit_job_manager.manager.reuse import reuse_of

        del job_share_level
        addresses = notification_services.checked(notify)
        self._environment.begin()
        arguments.check_if_exists(if_exists, name)
        handed_over, takes = arguments.as_experiments(experiments)
        wishes = Wishes(
            name=self._time_of_day() if name is None else name,
            max_experiments_per_job=max_experiments_per_job,
            job_tags=job_tags,
            shots=shots,
            limits=limits,
            split_shots=split_shots,
            retry=retry,
            volatile=volatile,
            concurrent=concurrent,
            refusals=refusals,
            max_usage_s=max_usage_s,
            max_cost=max_cost,
            transpile=transpile,
            optimization_level=optimization_level,
            seed_transpiler=seed_transpiler,
            run_options=run_options,
        )
        preparation = Preparation(self._executor, self._prices, JobManager.run)
        if isinstance(backend, list | tuple):
            unfit = {"reuse": reuse, "max_usage_s": max_usage_s, "max_cost": max_cost}
            group_run.refuse_what_is_for_one(if_exists, unfit)
            parts = (self._store, self._engine if drive else None, self._clock)
            members = group_run.members_of(takes, backend, preparation, wishes, *parts)
            run = group_run.GroupRun(*parts, members, backend, "queue" if place is None else place)
            environment = self._environment.snapshot()
            placed, relocation = run.run(handed_over, wishes.name, if_exists, environment)
            return self._group(placed, members, relocation.tend if drive else None, addresses)
        group_run.refuse_place_on_one(place)
        # Neither a chosen split nor an executor that does not start by itself needs estimates.
        estimates_times = not wishes.chooses_split or (drive and self._executor.starts_for_work)
        adapter, draft, encoder = preparation.prepared(
            handed_over, takes, backend, wishes, self._clock.now(), estimates_times=estimates_times
        )
        # A name that was made for this run is new.
        is_new = name is None or lookup.is_free(self._store, name)
        if isinstance(handed_over, Sequence) and is_new:
            log_what_does_not_fit(handed_over, adapter, draft.limits, encoder, draft.name)
        found = (self._store, self.find, partial(lookup.all_records, self._store))
        taken = reuse_of(reuse, draft, adapter.takes, *found, reuse_random=reuse_random)
        self._engine.start()  # it renews the lease meanwhile
        where = (self._store, self._engine.leases, self._engine if drive else None, adapter)
        with transpiler.opened(adapter, draft.transpile, handed_over, show=progress) as transpiles:
            encoder = replace(encoder, transpiler=transpiles)
            hand_over = HandOver(*where, draft, encoder, taken)
            record = hand_over.run(
                handed_over,
                if_exists=if_exists,
                name_is_given=name is not None,
                environment=self._environment.snapshot,
            )
        is_new = record.job_set_id == draft.job_set_id
        self._notifier.watch(record, addresses, is_new=is_new)
        job_set = self._job_set(record, adapter)
        if drive and not hand_over.is_driven:
            job_set.drive()
        return job_set

    def plan(  # noqa: PLR0913  # as that of `run`
        self,
        experiments: ExperimentsLike,
        backend: str | RunsCircuits | Backend,
        max_experiments_per_job: int | None = None,
        *,
        shots: int | None = None,
        limits: Limits | None = None,
        split_shots: bool | None = None,
        transpile: bool | Mapping[str, Any] | None = None,
        optimization_level: int | None = None,
        seed_transpiler: int | None = None,
        progress: bool = False,
        ask_service: bool = False,
        **run_options: Any,
    ) -> Plan:
        """Return the split that `run` would make and what it would take; nothing is stored or run.

        Args:
            experiments: As for `run`.
            backend: As for `run`.
            max_experiments_per_job: As for `run`.
            shots: As for `run`.
            limits: As for `run`.
            split_shots: As for `run`.
            transpile: As for `run`.
            optimization_level: As for `run`.
            seed_transpiler: As for `run`.
            progress: As for `run`.
            ask_service: Whether to send up to five of the jobs to the service as dry runs, which
                check them and say what they would use, and run nothing. On IBM Quantum this may
                take minutes.
            **run_options: As for `run`.

        Returns:
            The jobs, and their sums: executions, bytes, estimated quantum seconds, and the seconds
            that the limit of submissions a minute takes. Also what the account may still use, what
            the service said, and what it costs at the manager's prices.

        Raises:
            InvalidArgumentError: An argument cannot be used.
            InvalidExperimentError: An experiment cannot run; the message names it.
            PlanError: An experiment alone exceeds a limit.
            UnknownBackendError: No backend is known by that name.
            BackendError: The service refuses a job in its dry run, or cannot be asked.

        Example:
            >>> manager.plan(circuits, "aer", shots=1000).executions    # doctest: +SKIP
            300000
        """
        from qiskit_job_manager import backends
        from qiskit_job_manager.backends.local.costs import simulation_costs
        from qiskit_job_manager.manager import transpiler
        from qiskit_job_manager.manager.estimate import planned
        from qiskit_job_manager.manager.experiment_encoder import ExperimentEncoder, SimulationTimes

        handed_over, takes = arguments.as_experiments(experiments)
        adapter = backends.adapt(backend, takes=takes)
        theirs = backends.option_names(adapter)
        given = arguments.checked_options(run_options, JobManager.plan, theirs)
        options = backends.options_to_store(adapter, given)
        shots = arguments.checked_shots(shots, adapter)
        given_split = max_experiments_per_job is not None or limits is not None
        asked = options if shots is None else {**options, "shots": shots}
        costs = simulation_costs(adapter, asked)
        times = SimulationTimes(costs, handed_over, chosen=given_split)
        encoder = ExperimentEncoder(
            adapter.takes, shots, options.get("precision"), split_shots, times
        )
        chosen = arguments.chosen_limits(adapter, max_experiments_per_job, limits)
        wanted = transpiler.checked_options(transpile, optimization_level, seed_transpiler)
        with transpiler.opened(adapter, wanted, handed_over, show=progress) as transpiles:
            ready = transpiles.transpiled(handed_over) if transpiles else handed_over
            found = planned(ready, adapter, asked, chosen, encoder, asks=ask_service)
        return replace(found, cost=cost_of(found, self._prices, adapter.name))

    # -- finding again ----------------------------------------------------------------------------

    def job_sets(self, name: str | None = None) -> list[ManagedJobSet]:
        """Return the job sets of the store, newest first, without driving them.

        Args:
            name: Only the one with this name.
        """
        if name is not None:
            found = self._store.job_set_named(name)
            return [self._job_set(found)] if found else []
        return list(self.iter_job_sets())

    def iter_job_sets(self) -> Iterator[ManagedJobSet]:
        """Yield the job sets of the store, newest first; each page is read when it is needed."""
        return (self._job_set(record) for record in lookup.all_records(self._store))

    def overview(self) -> Iterator[tuple[JobSetRecord, Progress]]:
        """Yield each job set with its progress, newest first: the fast way to look at many."""
        return read_overview(self._store)

    def find(self, reference: str) -> ManagedJobSet:
        """Return a job set to look at, without driving it and without opening its backend.

        Args:
            reference: Its id, a prefix of the id that no other has (at least 4 characters), or its
                name.

        Raises:
            JobManagerUnknownJobSet: There is none, or several.
        """
        found = lookup.found(self._store, reference)
        if found is None:
            raise JobManagerUnknownJobSet(lookup.why_not_found(self._store, reference))
        return self._job_set(found)

    def groups(self) -> list[ManagedJobSetGroup]:
        """Return the runs on several backends, newest first, without driving them."""
        return [self._group(record) for record in self._store.groups.all()]

    def find_group(self, reference: str) -> ManagedJobSetGroup:
        """Return a run on several backends to look at, without driving it.

        Args:
            reference: Its name or its id.

        Raises:
            JobManagerUnknownJobSet: There is none.
        """
        return self._group(lookup.found_group(self._store, reference))

    def retrieve_job_set(
        self,
        job_set_id: str,
        backend: str | RunsCircuits | Backend | None = None,
        refresh: bool = False,
    ) -> ManagedJobSet:
        """Return a job set of the store, and go on with it if it has not ended.

        Args:
            job_set_id: Its id, a prefix of the id that no other has, or its name.
            backend: The backend that runs it, if it cannot be opened by name. Results can be read
                without it.
            refresh: Whether to ask the backend again about what is not stored.

        Raises:
            JobManagerUnknownJobSet: There is none, or several.
            InvalidArgumentError: The backend is another one than the job set's.
        """
        record = source_of(self.find(job_set_id)).record
        adapter = None if backend is None else self._placed(arguments.same_backend(record, backend))
        job_set = self._job_set(record, adapter)
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

        If one cannot go on here, as its backend cannot be opened, the others do, and its
        `ManagedJobSet.trouble` says why. If another process drives one, it goes on there, and here
        when that process dies. Half-deleted job sets are removed.

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

    def delete_job_set(self, reference: str, *, remote: bool = False) -> None:
        """Remove a job set and its results from the store, for good.

        The rows of a large set are removed in many short transactions, so that other processes can
        write meanwhile. After the first one, nothing of the set can be read. If the process dies
        before the last one, the set is half deleted; call this again, or `resume`.

        Args:
            reference: Its id, a prefix of the id, or its name. It may be half deleted.
            remote: As for `ManagedJobSet.delete`.

        Raises:
            JobManagerUnknownJobSet: There is none, or several.
            JobManagerInvalidStateError: It has not ended; cancel it first. Or the backend deletes
                no jobs.
            BackendError: As `ManagedJobSet.delete`.
        """
        left = (
            []
            if lookup.found(self._store, reference)
            else lookup.half_deleted(self._store, reference)
        )
        if not left:
            self.find(reference).delete(remote=remote)
        for each in left:
            self._store.delete_rest(each.key)

    def half_deleted(self, reference: str | None = None) -> list[JobSetRecord]:
        """Return the job sets whose deletion was cut off or goes on, with their former names.

        Nothing of them can be read any more; `delete_job_set` removes the rest.

        Args:
            reference: Only those with this id, prefix of the id, or name.
        """
        return lookup.half_deleted(self._store, reference)

    def report(self, detailed: bool = True) -> str:
        """Return a text on all job sets, newest first, and on each job if it is ``detailed``."""
        return "\n\n".join(
            self._job_set(r).report(detailed) for r in lookup.all_records(self._store)
        )

    def to_dataframe(self) -> pd.DataFrame:
        """Return a pandas data frame of the job sets, newest first, indexed by their ids.

        Its columns are those of ``qjm list --format csv``.

        Raises:
            InvalidArgumentError: pandas is missing: ``pip install "qiskit-job-manager[dataframe]"``
        """
        return overview_table.dataframe(self._store, self.overview())

    def dashboard(
        self, *, port: int = 0, read_only: bool = False, notebook: str = ""
    ) -> NotebookDashboard:
        """Show the store in a frame of the notebook; a thread of this process serves the pages.

        Args:
            port: The port to listen on, on this machine alone; 0 takes a free one.
            read_only: Whether the pages have no buttons.
            notebook: Origin that may frame the pages; by default any notebook of this machine.

        Raises:
            InvalidArgumentError: The port is in use or ``qiskit-job-manager[web]`` is missing.
        """
        from qiskit_job_manager.dashboard import needs_web

        try:
            from qiskit_job_manager.dashboard.server import NotebookDashboard
        except ModuleNotFoundError as error:
            raise needs_web(error) from error
        shown = NotebookDashboard(self._store, port, is_read_only=read_only, notebook=notebook)
        self._dashboards.append(shown)
        return shown

    # -- from elsewhere ---------------------------------------------------------------------------

    def import_job_set(
        self, path: str | Path, name: str | None = None, *, as_ended: bool = False
    ) -> ManagedJobSet:
        """Import a job set that `ManagedJobSet.export` wrote, here or on another machine.

        Everything is checked first; then all of it is stored, or nothing. The job set keeps its id,
        its attempts and its events. It has ended, so nothing of it is sent; only
        `ManagedJobSet.retry` runs failed jobs again.

        Args:
            path: An archive, or a JSON document; no other format is complete.
            name: Name to give it; by default it keeps its own.
            as_ended: Whether to import a job set that had not ended when it was exported. The
                original goes on where it is; here its unfinished jobs are cancelled, and are never
                sent.

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

        wanted = None if name is None else checked_name(name)
        now = self._clock.now()
        record = import_file(self._store, Path(path), now, name=wanted, as_ended=as_ended)
        return self._job_set(record)

    # -- events ----------------------------------------------------------------------------------

    def on_event(self, listener: Callable[[JobEvent], object]) -> Callable[[], None]:
        """Call a listener with each event of the jobs that this manager drives, from now on.

        A thread of its own calls it, in order, after the event is stored. An error that it raises
        is logged, and nothing waits for a slow listener. If more than 10,000 events wait for it,
        the oldest are left out; `JobEvent.missed` counts them, and `ManagedJobSet.events` has them
        all, with those of other processes.

        Args:
            listener: Takes a `JobEvent`.

        Returns:
            A function that ends it. `close` ends it, too, after the waiting events.

        Raises:
            InvalidArgumentError: It cannot be called.

        Example:
            >>> stop = manager.on_event(lambda event: print(event.job_index, event.after))
            ... # doctest: +SKIP
        """
        if not callable(listener):
            msg = f"the listener is {listener!r}; it must be callable"  # type: ignore[unreachable]
            raise InvalidArgumentError(msg)
        return self._engine.listeners.add(listener)

    def _repr_html_(self) -> str:
        try:
            records = self._store.job_sets(limit=_SETS_SHOWN + 1)
            shown = [(each, self._states(each)) for each in records[:_SETS_SHOWN]]
            return job_sets_html(self.store_url, shown, more=len(records) > _SETS_SHOWN)
        except StoreError as error:  # closed, for one: shown, not raised
            return html.block(html.text(f"JobManager: {error}", 300))

    # -- inside ----------------------------------------------------------------------------------

    def _job_set(self, record: JobSetRecord, backend: Backend | None = None) -> ManagedJobSet:
        where = (self._store, self._engine, self._clock)
        watch = self._notifier.watch
        driving = Driving(record, *where, self._open_backend, backend, watch)
        return ManagedJobSet(record, self._store, driving, self._callbacks, self._run_again)

    def _run_again(self) -> RunsAgain:
        from qiskit_job_manager.manager.drifted import RunAgain

        where = (self._store, self._engine, self._clock)
        return RunAgain(*where, self._environment.snapshot, self._job_set)

    def _group(
        self,
        record: GroupRecord,
        members: Sequence[Member] = (),
        tend: Callable[[], object] | None = None,
        notify: Sequence[str] = (),
    ) -> ManagedJobSetGroup:
        found = ((each.label, self._store.job_set(each.job_set_id)) for each in record.members)
        own = {each.label: each.backend for each in members}
        job_sets = {label: self._job_set(each, own.get(label)) for label, each in found if each}
        for job_set in job_sets.values() if members else ():
            self._notifier.watch(source_of(job_set).record, notify)
        return ManagedJobSetGroup(record, self._store.groups, job_sets, self._clock, tend)

    def _states(self, record: JobSetRecord) -> list[tuple[str, int]]:
        return states_of(self._store, record, read_progress(self._store, record))

    def _open_backend(self, uri: str) -> Backend:
        from qiskit_job_manager import backends

        return self._placed(backends.open_backend(uri))

    def _placed(self, adapter: Backend) -> Backend:
        """Return the adapter that runs an adapter's jobs where this manager computes."""
        from qiskit_job_manager.backends.local.adapter import on_executor

        return on_executor(adapter, self._executor)

    def _time_of_day(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
