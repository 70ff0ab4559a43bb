"""Hands experiments over: encodes each once, plans as they come, and stores block by block.

What is stored is sent while the rest is still being read. So an error in the middle takes nothing
back: the job set stays, incomplete, with what it has, and a resumed hand-over goes on from there.

A hand-over holds the lease of its job set from the moment it creates the set. Where the name is
taken, it looks again: it resumes that job set, and waits as long as another hand-over stores
experiments in it. It does the same where it stood still for so long that another process took its
job set over meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from qiskit_job_manager import ways
from qiskit_job_manager.engine.lease import Holder
from qiskit_job_manager.errors import (
    InvalidExperimentError,
    LeaseLostError,
    NameInUseError,
    StoreError,
)
from qiskit_job_manager.manager.extension import Extension
from qiskit_job_manager.manager.handed_experiments import Given
from qiskit_job_manager.manager.pacing import Room, batches, first_batch
from qiskit_job_manager.manager.packing import Packing
from qiskit_job_manager.manager.stored_experiments import StoredExperiments
from qiskit_job_manager.stores.hand_over import NameOfGroupError
from qiskit_job_manager.views.phrases import driver

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.engine import Engine
    from qiskit_job_manager.engine.lease import Leases
    from qiskit_job_manager.manager.experiment_encoder import ExperimentEncoder
    from qiskit_job_manager.manager.reuse import Reuse
    from qiskit_job_manager.model import EncodedBlock, JobSetDraft, JobSetRecord, Snapshot, Token
    from qiskit_job_manager.ports import Backend, Store

logger = logging.getLogger(__name__)

_GIVE_WAY_S = 0.02  # each time; the disk may take long
_TRY_AGAIN_S = 0.1


class HandOver:
    """One hand-over of experiments, to a new job set or to one that was begun before.

    Args:
        store: Where to.
        leases: The leases of this process.
        engine: Sends what is stored, while more is read; ``None``: it is only stored.
        backend: What runs them; it is asked whether it can.
        draft: What the user asked for.
        encoder: Transpiles and encodes the experiments.
        reuse: Finds results that are taken over; ``None``: every experiment is sent.

    Attributes:
        is_driven: Whether the engine drives the job set since experiments were stored.
    """

    def __init__(
        self,
        store: Store,
        leases: Leases,
        engine: Engine | None,
        backend: Backend,
        draft: JobSetDraft,
        encoder: ExperimentEncoder,
        reuse: Reuse | None = None,
    ) -> None:
        self._store = store
        self._leases = leases
        self._engine = engine
        self._backend = backend
        self._draft = draft
        self._packing = Packing(backend, draft, encoder, self._give_way, reuse)
        self._n_experiments: int | None = None
        self._has_waited = False
        self.is_driven = False
        self._is_list = False
        self._is_new = False

    def run(
        self,
        experiments: Iterable[Any],
        *,
        if_exists: str,
        name_is_given: bool = True,
        environment: Callable[[], Snapshot | None] = lambda: None,
    ) -> JobSetRecord:
        """Store all experiments, and return the job set, complete.

        A list is checked as a whole before anything is stored, and its first block is stored in the
        transaction that creates the job set. What comes from an iterator is checked as it comes.
        After an error what was stored stays, as it may have been sent; a new job set of which
        nothing was stored is removed.

        Args:
            experiments: The experiments.
            if_exists: What to do with a job set that has the name; see `JobManager.run`.
            name_is_given: Whether the user gave the name; any other one may be changed.
            environment: Returns what this process runs in, or ``None`` if that is not recorded.

        Raises:
            NameInUseError: The name is in use, or its job set runs something else.
            InvalidExperimentError: One cannot run, or there are none at all.
            PlanError: One alone exceeds a limit.
            LeaseLostError: The job set was deleted meanwhile.
        """
        self._is_list = isinstance(experiments, Sequence)
        self._n_experiments = len(experiments) if isinstance(experiments, Sequence) else None
        given = Given(experiments)
        while True:
            if if_exists == "extend" and (extended := self._extended(given)):
                return extended
            self._check_list(experiments)
            blocks = self._planned_at_once(given)
            first = [] if blocks is None else first_batch(blocks)
            try:
                record, token = self._leases.create(
                    self._draft,
                    first,
                    are_last=self._are_last(first),
                    environment=environment(),
                )
            except NameOfGroupError:
                raise
            except NameInUseError:
                self._take_back(first, given)
                if not name_is_given:
                    self._rename()
                elif if_exists != "extend" and (found := self._found(resume=if_exists == "resume")):
                    return self._resumed(*found, given)
            else:
                given.settle(record.n_experiments)
                self._packing.settle(first)
                self._is_new = True
                return self._resumed(record, token, given, blocks)

    def _check_list(self, experiments: Iterable[Any]) -> None:
        """Check a list as a whole, unless it was checked, or is transpiled first."""
        packing = self._packing
        if packing.all_checked or packing.encoder.transpiler is not None:
            return
        if isinstance(experiments, Sequence):
            packing.check_all(experiments)

    def _planned_at_once(self, given: Given) -> Iterator[EncodedBlock] | None:
        """Return the blocks of a list that was checked; ``None``: they come one by one."""
        if not self._packing.all_checked:
            return None
        return self._packing.planned(given, self._draft.limits)

    def _take_back(self, blocks: Sequence[EncodedBlock], given: Given) -> None:
        """Read experiments again that could not be stored, and do not encode them again."""
        self._packing.keep_encoded(blocks)
        self._packing.rewind()
        given.rewind()

    def _rename(self) -> None:
        """Choose another name, as another job set was begun in the same microsecond."""
        name = f"{self._draft.name}-{self._draft.job_set_id[:8]}"
        self._draft = replace(self._draft, name=name)

    def _found(self, *, resume: bool) -> tuple[JobSetRecord, Token | None] | None:
        """Return the job set that has the name, for this hand-over to go on with.

        Returns:
            The job set, and its lease unless it is complete. ``None`` if it was deleted meanwhile.

        Raises:
            NameInUseError: It must not be resumed, or runs something else.
        """
        before = self._store.job_set_named(self._draft.name)
        if before is None:
            return None
        if not resume:
            raise NameInUseError(_in_use(before))
        self._store.ensure_original()
        refuse_other_settings(before, self._draft)
        turn = self._at_turn(before)
        if turn is not None:
            self._packing.note_target(turn[0])
        return turn

    def _at_turn(self, before: JobSetRecord) -> tuple[JobSetRecord, Token | None] | None:
        """Wait while another hand-over stores experiments in a job set."""
        record: JobSetRecord | None = before
        token = None
        while record and not record.complete and token is None:
            token = self._leases.take(before.key, Holder.HAND_OVER)
            if token is None:
                self._wait_for_turn(before)
            record = self._store.job_set(before.job_set_id)
        if record and not record.complete:
            return record, token
        if token is not None:
            self._end(before)
        return (record, None) if record else None

    def _extended(self, given: Given) -> JobSetRecord | None:
        """Add what is new to the job set that has the name; ``None``: there is none.

        A hand-over that is going on elsewhere is waited for. One that was cut off counts as
        complete from now on: what it has not stored is new.
        """
        found = self._found(resume=True)
        if found is None:
            return None
        record, token = found
        if token is not None and not record.n_experiments:
            return self._resumed(record, token, given)
        if token is not None:
            try:
                self._store.complete_job_set(token)
            finally:
                self._end(record)
            record = replace(record, complete=True)
        self._packing.prices_of = record
        where = (self._store, self._engine, self._backend, self._packing)
        extension = Extension(*where, self._draft)
        whole = extension.run(record, given.handed_on(), is_list=self._is_list)
        self.is_driven = extension.is_driven
        return whole

    def _give_way(self) -> None:
        if self._engine:
            self._engine.give_way(_GIVE_WAY_S)

    def _wait_for_turn(self, record: JobSetRecord) -> None:
        if not self._has_waited:
            fields = {"event": "waiting to hand over", "job_set_id": record.job_set_id}
            owner = self._store.driver(record.key)
            logger.warning(
                "%r is driven by %s, which may be handing it over; this call waits until all "
                "experiments are stored, or until that process lets go of the job set or ends",
                record.name,
                driver(owner) if owner else "another call",
                extra=fields,
            )
        self._has_waited = True
        time.sleep(_TRY_AGAIN_S)

    def _keep_or_delete(self, record: JobSetRecord, token: Token, error: BaseException) -> None:
        """Delete a new job set of which nothing was stored; say of another that it stays."""
        stored = self._store.job_set(record.job_set_id)
        if stored is not None and stored.n_experiments:
            error.add_note(_kept(stored))
        elif stored is not None:
            with contextlib.suppress(LeaseLostError):  # another process goes on with it
                self._store.delete_job_set(token)

    def _resumed(
        self,
        record: JobSetRecord,
        token: Token | None,
        given: Given,
        blocks: Iterator[EncodedBlock] | None = None,
    ) -> JobSetRecord:
        """Go on behind what is stored, also behind what another process has stored meanwhile.

        Args:
            record: The job set.
            token: Its lease; ``None``: it is complete.
            given: The experiments; those that this hand-over has stored are not read again.
            blocks: The next blocks, where they are planned already.

        Raises:
            LeaseLostError: The job set was deleted meanwhile.
        """
        while token is not None:
            try:
                return self._gone_on(record, token, given, blocks)
            except StoreError as error:
                if not self._is_taken_over(record, given, error):
                    raise
                self._leases.lose(token)
                turn = self._at_turn(record)
                if turn is None:
                    raise
                record, token = turn
            blocks = None
            given.rewind()
            self._packing.rewind()
            self._packing.note_target(record)
        self._pass_over(record, given)
        if list(islice(given, 1)):
            raise NameInUseError(_differs(record, record.n_experiments, "there was none then"))
        return record

    def _gone_on(
        self,
        record: JobSetRecord,
        token: Token,
        given: Given,
        blocks: Iterator[EncodedBlock] | None,
    ) -> JobSetRecord:
        try:
            if record.n_experiments > given.n_stored:
                self._pass_over(record, given)
            return self._take(record, token, given, blocks)
        except BaseException as error:
            if self._is_new:
                self._keep_or_delete(record, token, error)
            raise
        finally:
            self._end(record)

    def _is_taken_over(self, record: JobSetRecord, given: Given, error: StoreError) -> bool:
        """Say whether another process went on with the job set while this one stood still.

        The engine here may have the lease again by now. Then only the stored experiments show it.
        """
        if isinstance(error, LeaseLostError):
            return True
        if type(error) is not StoreError:
            return False
        stored = self._store.job_set(record.job_set_id)
        return stored is not None and (stored.complete or stored.n_experiments != given.n_stored)

    def _end(self, record: JobSetRecord) -> None:
        """Hold the lease no longer; the engine goes on if it drives the job set."""
        with contextlib.suppress(StoreError):  # the leases try again
            self._leases.let_go(record.key, Holder.HAND_OVER)
        if self._engine:
            self._engine.note_hand_over_ended()

    def _take(
        self,
        record: JobSetRecord,
        token: Token,
        given: Given,
        blocks: Iterator[EncodedBlock] | None,
    ) -> JobSetRecord:
        """Store experiments after those that are stored, in batches of blocks; these are all.

        Raises:
            LeaseLostError: Another process has taken the job set over meanwhile.
        """
        if blocks is None:
            sent = self._packing.transpiled(given, record.n_experiments, is_list=self._is_list)
            blocks = self._packing.planned(sent, record.limits, record)
        whole = self._store_all(record, token, given, blocks)
        self._drive(whole)
        return whole

    def _drive(self, record: JobSetRecord) -> None:
        if self._engine:
            self._engine.drive(record, self._backend, more_to_come=True)
            self._engine.start()
            self.is_driven = True

    def _are_last(self, blocks: Sequence[EncodedBlock]) -> bool:
        return bool(blocks) and blocks[-1].block.stop == self._n_experiments

    def _store_all(
        self, record: JobSetRecord, token: Token, given: Given, blocks: Iterator[EncodedBlock]
    ) -> JobSetRecord:
        """Store the experiments, and return the job set, complete."""
        if record.complete:
            return record
        if record.n_experiments:
            self._drive(record)
        room = Room(self._store, self._engine, record) if self._engine else None
        for batch in batches(blocks):
            last = batch[-1].block
            are_last = self._are_last(batch)
            self._store.add_blocks(token, batch, are_last=are_last)
            given.settle(last.stop)
            self._packing.settle(batch)
            n_jobs = last.jobs[-1].index + 1
            record = replace(record, n_experiments=last.stop, n_jobs=n_jobs, complete=are_last)
            if are_last:
                return record
            self._drive(record)
            # A list takes more memory than it can take on disk.
            if room and not self._packing.all_checked:
                room.wait_for(batch)
        if not record.n_experiments:
            msg = "there are no experiments; hand over at least one circuit"
            raise InvalidExperimentError(msg)
        self._store.complete_job_set(token)
        return replace(record, complete=True)

    def _pass_over(self, record: JobSetRecord, given: Given) -> None:
        """Read as many experiments as are stored, and refuse others than those.

        Hashes that differ may be of different versions of Qiskit or of this package, so what is
        stored is read before anything is refused.
        """
        stored = StoredExperiments(self._store, record, self._packing.encoder.kind)
        other_metadata: list[int] = []
        for before in self._store.experiments(record.key, start=given.n_stored):
            now = next(given, None)
            if now is None:
                raise NameInUseError(_differs(record, before.index, "there is none now"))
            if self._packing.encoder.transpiler is None:
                self._packing.check(now, before.index)
            content = self._packing.encoder.content_hash(now, before.index)
            self._packing.forget_encoded(before.index)
            if content != before.content_hash:
                difference = self._difference(stored, before.index, now)
                if difference is not None:
                    raise NameInUseError(_differs(record, before.index, difference))
            if stored.metadata_differs(before.index, now):
                other_metadata.append(before.index)
            given.settle(before.index + 1)
        if other_metadata:
            logger.warning(
                "%d experiments of job set %r, the first of them experiment %d, are stored with "
                "other metadata than they have now; the stored metadata stays",
                len(other_metadata),
                record.name,
                other_metadata[0],
            )

    def _difference(self, stored: StoredExperiments, index: int, given: Any) -> str | None:
        """Say how an experiment differs from the stored one, or ``None`` if it does not."""
        # The circuit that was handed over is not stored.
        if self._packing.encoder.transpiler is not None:
            return "its circuit is another one"
        return stored.difference(index, given)


def refuse_other_settings(record: JobSetRecord, draft: JobSetDraft) -> None:
    """Refuse to go on with a job set that asks for something else.

    Raises:
        NameInUseError: Backend, run options or options of the transpiler differ.
    """
    for what, before, now in (
        ("backend", record.backend_name, draft.backend_name),
        ("run options", dict(record.options), dict(draft.options)),
        ("options of the transpiler", record.transpile, draft.transpile),
    ):
        if before != now:
            msg = (
                f"job set {record.name!r} exists with other {what}: {before!r}, and not "
                f"{now!r}. Choose another name, or ask for the same."
            )
            raise NameInUseError(msg)


def _differs(record: JobSetRecord, index: int, how: str) -> str:
    return (
        f"job set {record.name!r} exists and runs other circuits: experiment {index} is the first "
        f"that differs; {how}. Choose another name, or hand over the same circuits; "
        f"{ways.EXTEND} adds those that the set does not have, whatever their order."
    )


def _kept(record: JobSetRecord) -> str:
    return (
        f"{record.n_experiments} experiments were stored before this, in the job set "
        f"{record.name!r}, and stay to be run. To go on from there, {ways.AGAIN}; or delete the "
        "set."
    )


def _in_use(record: JobSetRecord) -> str:
    return (
        f"the name {record.name!r} is in use by job set {record.job_set_id}, begun "
        f"{record.created_at:%Y-%m-%d %H:%M} UTC. Choose another name, or go on with that one: "
        f"{ways.RESUME}; {ways.EXTEND} adds circuits to it"
    )
