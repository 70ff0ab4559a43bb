"""One backend of a group while experiments are handed over to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.experiments import circuit_of, part_of, read_experiments
from qiskit_job_manager.errors import (
    CodecError,
    InvalidExperimentError,
    JobManagerInvalidStateError,
    NameInUseError,
    PlanError,
)
from qiskit_job_manager.manager import transpiler
from qiskit_job_manager.manager.backlog import Backlog
from qiskit_job_manager.manager.packing import Packing
from qiskit_job_manager.manager.stored_experiments import StoredExperiments
from qiskit_job_manager.model.groups import runs_of
from qiskit_job_manager.stores.groups import PlacedBlocks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qiskit_job_manager.engine import Engine
    from qiskit_job_manager.manager.preparation import Prepared
    from qiskit_job_manager.model import EncodedBlock, JobRecord, JobSetRecord
    from qiskit_job_manager.ports import Clock, Store

_GIVE_WAY_S = 0.02
_LARGEST_PORTION = 1000
_PORTIONS_EACH = 8


class Member:
    """One backend of a group, with its job set.

    Args:
        label: Its name in the group.
        prepared: The run on it.
        store: Where its job set is.
        engine: Sends what is stored; ``None``: it is only stored.
        clock: Tells the time.

    Attributes:
        label: As given.
        backend: The adapter.
        draft: The job set that is asked for.
        record: The job set, as it was last read; before `read` there is none.
        backlog: What it has to do.
    """

    record: JobSetRecord

    def __init__(
        self, label: str, prepared: Prepared, store: Store, engine: Engine | None, clock: Clock
    ) -> None:
        self.label = label
        self.backend = prepared.backend
        self.draft = prepared.draft
        pending = prepared.draft.limits.pending_jobs
        self.backlog = Backlog(store, engine, clock, prepared.backend, pending)
        self._encoder = prepared.encoder
        self._store = store
        self._engine = engine
        self._refused_late: dict[int, str] = {}

    def read(self, job_set_id: str) -> None:
        """Read its job set as the store has it now.

        Raises:
            JobManagerInvalidStateError: It was deleted.
        """
        found = self._store.job_set(job_set_id)
        if found is None:
            msg = (
                f"the job set of the group on {self.label!r} ({job_set_id}) was deleted: delete "
                "the group, too, or choose another name"
            )
            raise JobManagerInvalidStateError(msg)
        self.record = found

    def reread(self) -> None:
        """Read its job set again."""
        self.read(self.record.job_set_id)

    def portion(self, n_given: int | None, n_members: int, *, evenly: bool) -> int:
        """Return how many experiments it gets at a time: those of one job.

        Args:
            n_given: How many experiments were handed over; ``None``: it is not known.
            n_members: How many backends the group has.
            evenly: Whether each backend gets one equal portion, where a job may hold so many.
        """
        most = self.draft.limits.experiments_per_job or _LARGEST_PORTION
        if n_given is None:
            return min(most, 100)
        parts = n_members
        if not evenly and self.draft.limits.experiments_per_job is None:
            parts *= _PORTIONS_EACH
        return max(1, min(most, _LARGEST_PORTION, -(-n_given // parts)))

    # -- what it can run --------------------------------------------------------------------------

    def refusal(self, experiment: Any, index: int) -> str | None:
        """Return why it cannot run an experiment, or ``None`` if it can.

        Args:
            experiment: What was handed over.
            index: Its index in the group.
        """
        if index in self._refused_late:
            return self._refused_late[index]
        try:
            self._encoder.encoded_if_doubtful(experiment, index)
            if self.draft.transpile is None:
                self.backend.check(experiment, index, self.draft.options)
                return None
        except InvalidExperimentError as error:
            return error.message
        device = getattr(self.backend, "qiskit_backend", None)
        has, needs = getattr(device, "num_qubits", None), circuit_of(experiment).num_qubits
        if has is not None and needs > has:
            return f"it has {has} qubits, and the circuit needs {needs}"
        return None

    # -- its experiments --------------------------------------------------------------------------

    def placed(self, indices: Sequence[int], at: Callable[[int], Any], number: int) -> PlacedBlocks:
        """Return experiments as the next blocks of its job set.

        Args:
            indices: Their indices in the group, in order.
            at: Returns what was handed over, by the index in the group.
            number: Its own number in the group.

        Raises:
            InvalidExperimentError: One cannot be transpiled, or not be stored.
            PlanError: One alone exceeds a limit.
        """
        placements = runs_of(indices, number, self.record.n_experiments)
        ready: list[Any] = []
        for each in placements:
            ready += self._ready([at(i) for i in range(each.start, each.stop)], each.start)
        return PlacedBlocks(self.record.key, placements, self._blocks(ready, self.record))

    def refuses_late(self, indices: Sequence[int], at: Callable[[int], Any]) -> bool:
        """Find out which of some experiments made `placed` raise, so that `refusal` knows them.

        What cannot be transpiled, or is too large for a job, is found only when it is placed.

        Args:
            indices: Their indices in the group.
            at: Returns what was handed over, by the index in the group.

        Returns:
            Whether there are any.
        """
        found = ((index, self._refusal_alone(at(index), index)) for index in indices)
        refused = {index: why for index, why in found if why is not None}
        self._refused_late |= refused
        return bool(refused)

    def _refusal_alone(self, experiment: Any, index: int) -> str | None:
        try:
            self._blocks(
                self._ready([experiment], index), replace(self.record, n_experiments=index)
            )
        except (InvalidExperimentError, PlanError) as error:
            return error.message
        return None

    def _blocks(self, ready: Sequence[Any], after: JobSetRecord) -> list[EncodedBlock]:
        packing = Packing(self.backend, self.draft, self._encoder, self._give_way)
        packing.all_checked = True
        return list(packing.planned(ready, self.record.limits, after))

    def _ready(self, experiments: list[Any], start: int) -> list[Any]:
        """Return experiments as they are sent, checked."""
        options = self.draft.transpile
        if options is None:
            return experiments
        with transpiler.opened(self.backend, options, experiments, show=False) as transpiles:
            assert transpiles is not None  # noqa: S101  # there are options
            ready = list(transpiles.transpiled(experiments, start))
        for index, each in enumerate(ready, start=start):
            self.backend.check(transpiler.runnable(each), index, self.draft.options)
        return ready

    def note_stored(self, blocks: Sequence[EncodedBlock]) -> None:
        """Take note that its job set has the blocks, and have them sent."""
        last = blocks[-1].block
        n_jobs = last.jobs[-1].index + 1
        self.backlog.note_stored(n_jobs - self.record.n_jobs)
        self.record = replace(self.record, n_experiments=last.stop, n_jobs=n_jobs)
        self.drive()

    def drive(self) -> None:
        """Make sure that its jobs are sent, if this process sends them."""
        if self._engine is not None and self.record.n_experiments:
            self._engine.drive(self.record, self.backend)
            self._engine.start()

    def raise_if_broken(self) -> None:
        """Raise if this process had to stop sending its jobs.

        Raises:
            JobManagerError: There is a defect, or the store cannot be used any more.
        """
        if self._engine is not None:
            self._engine.raise_if_broken(self.record.key)

    def compare(
        self, at: Callable[[int], Any], first: int, start: int, size: int, end: object
    ) -> None:
        """Refuse other experiments than those that its job set has.

        Args:
            at: Returns what was handed over, by the index in the group.
            first: Index in the job set of the first to compare.
            start: Index in the group of the first.
            size: How many to compare.
            end: What ``at`` returns behind the last one.

        Raises:
            NameInUseError: One differs.
        """
        stored = StoredExperiments(self._store, self.record, self._encoder.kind)
        for before in self._store.experiments(self.record.key, start=first, stop=first + size):
            index = start + before.index - first
            now = at(index)
            if now is end:
                raise NameInUseError(self._differs(index, "there is none now"))
            if self._encoder.content_hash(now, index) == before.content_hash:
                continue
            how: str | None = "its circuit is another one"
            if self.draft.transpile is None:
                how = stored.difference(before.index, now)
            if how is not None:
                raise NameInUseError(self._differs(index, how))

    def _differs(self, index: int, how: str) -> str:
        return (
            f"the group of job set {self.record.name!r} exists and runs other circuits: experiment "
            f"{index} is the first that differs; {how}. Choose another name, or hand over the same "
            "circuits in the same order."
        )

    def stored(self, job: JobRecord, first: int, size: int) -> list[Any] | None:
        """Return experiments of a job as they were handed over; ``None``: that is not known.

        Args:
            job: The job.
            first: Index in the job set of the first.
            size: How many.
        """
        if self.record.transpile is not None:
            return None
        offsets = range(first - job.start, first - job.start + size)
        found = read_experiments(part_of(self._store.payload(job.key), offsets))
        return None if any(isinstance(each, CodecError) for each in found) else found

    def _give_way(self) -> None:
        if self._engine is not None:
            self._engine.give_way(_GIVE_WAY_S)
