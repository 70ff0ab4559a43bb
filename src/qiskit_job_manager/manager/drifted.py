"""Runs experiments of a job set again, in another job set that is linked to it.

The linked job set has an id that follows from the id of the first one, and each of its circuits
names the experiment that it runs again, in its metadata. So the store itself says what was run
again, whatever the job sets are called by now. Experiments are only added, where the linked set
ends as this process last saw it; if it ends elsewhere, this process reads again what it has. So
each experiment is run again once, however many processes ask for it at once, and wherever one
dies.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from qiskit_job_manager.codec.experiments import circuit_of
from qiskit_job_manager.engine.lease import Holder
from qiskit_job_manager.errors import (
    JobManagerInvalidStateError,
    JobManagerUnknownJobSet,
    LeaseLostError,
    NameInUseError,
    StoreBusyError,
    StoreError,
)
from qiskit_job_manager.manager.estimate import planned
from qiskit_job_manager.manager.experiment_encoder import ExperimentEncoder, SimulationTimes
from qiskit_job_manager.manager.lookup import half_deleted, why_unknown
from qiskit_job_manager.manager.pacing import batches
from qiskit_job_manager.manager.packing import Packing
from qiskit_job_manager.manager.pricing import cost_at
from qiskit_job_manager.manager.stored_experiments import StoredExperiments
from qiskit_job_manager.manager.transpiler import Transpiled
from qiskit_job_manager.model import JobSetDraft
from qiskit_job_manager.model.provenance import DRIFTED_FROM
from qiskit_job_manager.results import Experiments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from qiskit_job_manager.engine import Engine
    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.model import EncodedBlock, JobSetRecord, Plan, Snapshot
    from qiskit_job_manager.ports import Backend, Clock, Store

_GIVE_WAY_S = 0.02
_TRY_AGAIN_S = 0.05
_CREATED_WITHIN_S = 30.0


def linked_id(record: JobSetRecord) -> str:
    """Return the id of the job set that runs experiments of another one again."""
    return uuid.uuid5(uuid.UUID(record.job_set_id), "drifted").hex


class RunAgain:
    """Runs experiments again for one manager.

    Args:
        store: Where the job sets are.
        engine: Sends what is stored.
        clock: Tells the time.
        environment: Returns what this process runs in, or ``None`` if that is not recorded.
        managed: Makes the object for users, of a job set and its backend.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        clock: Clock,
        environment: Callable[[], Snapshot | None],
        managed: Callable[[JobSetRecord, Backend], ManagedJobSet],
    ) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock
        self._environment = environment
        self._managed = managed

    def linked_name(self, record: JobSetRecord) -> str:
        """Return the name of the linked job set, or the one that it would get."""
        linked = self._store.job_set(linked_id(record))
        if linked is not None:
            return linked.name
        free = (each for each in _names(record) if self._store.job_set_named(each) is None)
        return next(free, _names(record)[-1])

    def left(self, record: JobSetRecord, wanted: Sequence[int]) -> list[int]:
        """Return which experiments the linked job set does not have.

        Raises:
            CodecError: It has one that cannot be read.
        """
        return self._left(self._store.job_set(linked_id(record)), record, wanted)

    def plan(self, record: JobSetRecord, backend: Backend, indices: Sequence[int]) -> Plan:
        """Return what it would take to run experiments again; nothing is stored or sent.

        Raises:
            InvalidExperimentError: The backend cannot run one any more.
        """
        given = self._experiments(record, indices)
        found = planned(given, backend, record.options, record.limits, self._encoder(record))
        cost = None if record.prices is None else cost_at(record.prices, found)
        return replace(found, cost=cost)

    def run(self, record: JobSetRecord, backend: Backend, wanted: Sequence[int]) -> ManagedJobSet:
        """Return the linked job set, with each of these experiments in it, and drive it.

        Raises:
            InvalidExperimentError: The backend cannot run one any more; none was added.
            LeaseLostError: The linked job set was deleted meanwhile.
            NameInUseError: The names that it may get are in use.
            StoreCopiedError: The store is a copy, and the original may be in use.
        """
        self._store.ensure_original()
        self._engine.start()  # it renews the lease meanwhile
        linked = self._store.job_set(linked_id(record))
        while left := self._left(linked, record, wanted):
            self._check(record, backend, left)
            self._add(record, backend, linked, left)
            was_there, linked = linked, self._store.job_set(linked_id(record))
            if linked is None and was_there is not None:
                raise LeaseLostError(f"job set {was_there.name!r} was deleted meanwhile")
        assert linked is not None  # noqa: S101  # it has what is wanted
        job_set = self._managed(linked, backend)
        job_set.drive()
        return job_set

    # -- adding -----------------------------------------------------------------------------------

    def _add(
        self, record: JobSetRecord, backend: Backend, linked: JobSetRecord | None, left: list[int]
    ) -> None:
        """Add experiments to the linked job set, until another process does, or all are added."""
        draft = self._draft(record)
        packing = Packing(backend, draft, self._encoder(record), self._give_way)
        packing.all_checked = True
        blocks = packing.planned(self._experiments(record, left), record.limits, linked)
        for batch in batches(blocks):
            if linked is None:
                linked = self._created(record, draft, batch)
                is_added = linked is not None
            else:
                is_added = self._store.extend_job_set(linked.key, batch, draft.created_at)
            if not is_added:
                return

    def _created(
        self, record: JobSetRecord, draft: JobSetDraft, batch: Sequence[EncodedBlock]
    ) -> JobSetRecord | None:
        """Create the linked job set, complete as it is; ``None``: another process has done so."""
        names = _names(record)
        for name in names:
            try:
                return self._create(replace(draft, name=name), batch)
            except (NameInUseError, StoreError) as error:
                if self._store.job_set(draft.job_set_id) is not None:
                    return None
                if half_deleted(self._store, draft.job_set_id):
                    why = why_unknown(self._store, draft.job_set_id)
                    raise JobManagerInvalidStateError(why) from error
                if not isinstance(error, NameInUseError) or name == names[-1]:
                    raise
        return None

    def _create(self, draft: JobSetDraft, batch: Sequence[EncodedBlock]) -> JobSetRecord:
        """Create a job set; wait while another process is about to.

        Raises:
            NameInUseError: Another job set has the name.
            StoreError: There is one with this id by now, or it cannot be stored.
        """
        leases, until_s = self._engine.leases, self._clock.monotonic() + _CREATED_WITHIN_S
        while True:
            try:
                made, _ = leases.create(
                    draft, batch, are_last=True, environment=self._environment()
                )
            except StoreBusyError:
                is_there = self._store.job_set(draft.job_set_id) is not None
                if is_there or self._clock.monotonic() > until_s:
                    raise
                time.sleep(_TRY_AGAIN_S)
            else:
                with contextlib.suppress(StoreError):  # the leases try again
                    leases.let_go(made.key, Holder.HAND_OVER)
                return made

    def _draft(self, record: JobSetRecord) -> JobSetDraft:
        same = {each.name: getattr(record, each.name) for each in fields(JobSetDraft)}
        note = (
            f"Runs experiments of job set {record.name} ({record.job_set_id}) again that drifted. "
            f"The metadata of each circuit names its experiment: {DRIFTED_FROM}."
        )
        own = {"job_set_id": linked_id(record), "created_at": self._clock.now(), "note": note}
        return JobSetDraft(**same | own)

    def _check(self, record: JobSetRecord, backend: Backend, left: Sequence[int]) -> None:
        """Check that the backend can run all before any is stored, as a device may change."""
        stored = self._stored(record)
        for index in left:
            self._give_way()
            backend.check(stored.read(index), index, record.options)

    # -- what is stored ---------------------------------------------------------------------------

    def _experiments(self, record: JobSetRecord, indices: Iterable[int]) -> Iterator[Transpiled]:
        """Yield experiments as they were sent, with the hash of what was handed over."""
        stored = self._stored(record)
        for index in indices:
            experiment = stored.read(index)
            circuit = circuit_of(experiment)
            origin = f"{record.job_set_id}/{index}"
            circuit.metadata = {**(circuit.metadata or {}), DRIFTED_FROM: origin}
            known = self._store.experiment(record.key, index)
            if known is None:
                raise JobManagerUnknownJobSet(f"job set {record.name!r} was deleted meanwhile")
            yield Transpiled(experiment, known.content_hash)

    def _left(
        self, linked: JobSetRecord | None, record: JobSetRecord, wanted: Sequence[int]
    ) -> list[int]:
        origins = set() if linked is None else set(self._origins(linked))
        return [i for i in wanted if f"{record.job_set_id}/{i}" not in origins]

    def _origins(self, linked: JobSetRecord) -> Iterator[str]:
        """Yield which experiments a linked job set runs again.

        Raises:
            CodecError: One cannot be read, so that nobody knows which one would be paid twice.
        """
        stored = self._stored(linked)
        for index in range(linked.n_experiments):
            yield str(circuit_of(stored.read(index)).metadata.get(DRIFTED_FROM))

    def _stored(self, record: JobSetRecord) -> StoredExperiments:
        return StoredExperiments(self._store, record, Experiments(self._store, record).kind)

    def _encoder(self, record: JobSetRecord) -> ExperimentEncoder:
        """Return what encodes experiments: what was split before is split again."""
        kind, options = Experiments(self._store, record).kind, record.options
        shots, precision = options.get("shots"), options.get("precision")
        return ExperimentEncoder(kind, shots, precision, split_shots=True, times=SimulationTimes())

    def _give_way(self) -> None:
        self._engine.give_way(_GIVE_WAY_S)


def _names(record: JobSetRecord) -> tuple[str, str]:
    """Return the names that the linked job set may get, the first that is free."""
    name = f"{record.name} (drifted)"
    return name, f"{name}-{record.job_set_id[:8]}"
