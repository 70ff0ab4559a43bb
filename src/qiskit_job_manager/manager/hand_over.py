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
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from qiskit_job_manager import ways
from qiskit_job_manager.codec.experiments import pack_experiments
from qiskit_job_manager.engine.lease import Holder
from qiskit_job_manager.errors import (
    InvalidExperimentError,
    LeaseLostError,
    NameInUseError,
    StoreError,
)
from qiskit_job_manager.manager.stored_experiments import StoredExperiments
from qiskit_job_manager.manager.transpiler import runnable
from qiskit_job_manager.model import EncodedBlock, ExperimentSize, JobState
from qiskit_job_manager.planning import plan
from qiskit_job_manager.views.phrases import driver

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.engine import Engine
    from qiskit_job_manager.engine.lease import Leases
    from qiskit_job_manager.manager.estimate import Weighing
    from qiskit_job_manager.model import (
        Block,
        EncodedExperiment,
        JobSetDraft,
        JobSetRecord,
        Limits,
        Snapshot,
        Token,
    )
    from qiskit_job_manager.ports import Backend, Store

logger = logging.getLogger(__name__)

_SHARE_OF_TIME = 0.2
_GIVE_WAY_S = 0.02  # each time; the disk may take long
_BLOCKS_AT_ONCE = 256
_BYTES_AT_ONCE = 4 << 20
_WAITING_BYTES = 1 << 30
_LOOK_EVERY_S = 0.25
_TRY_AGAIN_S = 0.1
_KEPT_BYTES = 64 << 20


class HandOver:
    """One hand-over of experiments, to a new job set or to one that was begun before.

    Args:
        store: Where to.
        leases: The leases of this process.
        engine: Sends what is stored, while more is read; ``None``: it is only stored.
        backend: What runs them; it is asked whether it can.
        draft: What the user asked for.
        weighing: How experiments are transpiled, encoded and weighed.
        seconds: Gives seconds that only grow.

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
        weighing: Weighing,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._leases = leases
        self._engine = engine
        self._backend = backend
        self._draft = draft
        self._weighing = weighing
        self._seconds = seconds
        self._all_checked = False
        self._n_experiments: int | None = None
        self._has_waited = False
        self.is_driven = False
        self._encoded: dict[int, EncodedExperiment] = {}
        self._is_list = False
        self._is_new = False

    def run(
        self,
        experiments: Iterable[Any],
        *,
        resume: bool,
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
            resume: Whether to go on with a job set that has the name.
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
        if isinstance(experiments, Sequence) and self._weighing.transpiler is None:
            self._check_all(experiments)
        given = _Given(experiments)
        while True:
            blocks = self._planned(given, self._draft.limits) if self._all_checked else None
            first = [] if blocks is None else _batch(blocks, self._seconds(), self._seconds)
            try:
                record, token = self._leases.create(
                    self._draft,
                    first,
                    are_last=self._are_last(first),
                    environment=environment(),
                )
            except NameInUseError:
                self._take_back(first, given)
                if not name_is_given:
                    self._rename()
                elif found := self._found(resume=resume):
                    return self._resumed(*found, given)
            else:
                given.settle(record.n_experiments)
                self._is_new = True
                return self._resumed(record, token, given, blocks)

    def _take_back(self, blocks: Sequence[EncodedBlock], given: _Given) -> None:
        """Read experiments again that could not be stored, and do not encode them again."""
        for one in blocks:
            self._encoded.update(enumerate(one.experiments, one.block.start))
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
        self._compare(before)
        return self._at_turn(before)

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

    def _wait_for_turn(self, record: JobSetRecord) -> None:
        if not self._has_waited:
            fields = {"event": "waiting to hand over", "job_set_id": record.job_set_id}
            owner = self._store.driver(record.key)
            logger.warning(
                "%r is being handed over by %s; this call waits until all experiments are stored, "
                "and goes on with them if that process ends before",
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
        given: _Given,
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
        self._pass_over(record, given)
        if list(islice(given, 1)):
            raise NameInUseError(_differs(record, record.n_experiments, "there was none then"))
        return record

    def _gone_on(
        self,
        record: JobSetRecord,
        token: Token,
        given: _Given,
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

    def _is_taken_over(self, record: JobSetRecord, given: _Given, error: StoreError) -> bool:
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
        given: _Given,
        blocks: Iterator[EncodedBlock] | None,
    ) -> JobSetRecord:
        """Store experiments after those that are stored, in batches of blocks; these are all.

        Raises:
            LeaseLostError: Another process has taken the job set over meanwhile.
        """
        if blocks is None:
            blocks = self._planned(self._transpiled(record, given), record.limits, record)
        whole = self._store_all(record, token, given, blocks)
        self._drive(whole)
        return whole

    def _drive(self, record: JobSetRecord) -> None:
        if self._engine:
            self._engine.drive(record, self._backend, more_to_come=True)
            self._engine.start()
            self.is_driven = True

    def _transpiled(self, record: JobSetRecord, experiments: Iterator[Any]) -> Iterator[Any]:
        """Return experiments as they are sent; of a list, all are transpiled and checked first."""
        if self._weighing.transpiler is None:
            return experiments
        transpiled = self._weighing.transpiler.transpiled(experiments, record.n_experiments)
        if not self._is_list:
            return transpiled
        whole = list(transpiled)
        for index, experiment in enumerate(whole, start=record.n_experiments):
            self._check(experiment, index)
        self._all_checked = True
        return iter(whole)

    def _planned(
        self, experiments: Iterator[Any], limits: Limits, after: JobSetRecord | None = None
    ) -> Iterator[EncodedBlock]:
        """Yield the blocks of experiments, behind those of a job set that has some."""
        waiting: deque[EncodedExperiment] = deque()
        blocks = plan(
            self._sizes(experiments, after.n_experiments if after else 0, waiting),
            limits,
            split_shots=self._weighing.splits,
            start_job=after.n_jobs if after else 0,
            longest_s=self._weighing.times.longest_s,
        )
        return (self._with_payload(self._estimated(block), waiting) for block in blocks)

    def _are_last(self, blocks: Sequence[EncodedBlock]) -> bool:
        return bool(blocks) and blocks[-1].block.stop == self._n_experiments

    def _store_all(
        self, record: JobSetRecord, token: Token, given: _Given, blocks: Iterator[EncodedBlock]
    ) -> JobSetRecord:
        """Store the experiments, and return the job set, complete."""
        if record.complete:
            return record
        if record.n_experiments:
            self._drive(record)
        room = _Room(self._store, self._engine, record) if self._engine else None
        begun_s = self._seconds()
        while batch := _batch(blocks, self._until_s(begun_s), self._seconds):
            last = batch[-1].block
            are_last = self._are_last(batch)
            self._store.add_blocks(token, batch, are_last=are_last)
            given.settle(last.stop)
            n_jobs = last.jobs[-1].index + 1
            record = replace(record, n_experiments=last.stop, n_jobs=n_jobs, complete=are_last)
            if are_last:
                return record
            self._drive(record)
            if room and not self._all_checked:  # a list takes more memory than it can take on disk
                room.wait_for(batch)
        if not record.n_experiments:
            msg = "there are no experiments; hand over at least one circuit"
            raise InvalidExperimentError(msg)
        self._store.complete_job_set(token)
        return replace(record, complete=True)

    def _until_s(self, begun_s: float) -> float:
        """Return until when blocks are gathered for the next batch.

        Only what is stored is sent. So the first block is stored at once, and later ones, while
        there is something to send, after a time that grows with what has passed.
        """
        now_s = self._seconds()
        return now_s + _SHARE_OF_TIME * (now_s - begun_s)

    def _estimated(self, block: Block) -> Block:
        """Return a block with what its jobs are estimated to use."""
        experiments = block.stop - block.start
        estimate = self._backend.estimate_usage_s
        jobs = (
            replace(
                job,
                estimate_s=estimate(
                    experiments if job.circuits is None else job.circuits, job.shots
                ),
            )
            for job in block.jobs
        )
        return replace(block, jobs=tuple(jobs))

    def _compare(self, record: JobSetRecord) -> None:
        """Refuse to resume a job set that asks for something else."""
        for what, before, now in (
            ("backend", record.backend_name, self._draft.backend_name),
            ("run options", dict(record.options), dict(self._draft.options)),
            ("options of the transpiler", record.transpile, self._draft.transpile),
        ):
            if before != now:
                msg = (
                    f"job set {record.name!r} exists with other {what}: {before!r}, and not "
                    f"{now!r}. Choose another name, or ask for the same."
                )
                raise NameInUseError(msg)

    def _pass_over(self, record: JobSetRecord, given: _Given) -> None:
        """Read as many experiments as are stored, and refuse others than those.

        Hashes that differ may be of different versions of Qiskit or of this package, so what is
        stored is read before anything is refused.
        """
        stored = StoredExperiments(self._store, record, self._weighing.kind)
        other_metadata: list[int] = []
        for before in self._store.experiments(record.key, start=given.n_stored):
            now = next(given, None)
            if now is None:
                raise NameInUseError(_differs(record, before.index, "there is none now"))
            if self._weighing.transpiler is None:
                self._check(now, before.index)
            content = self._weighing.content_hash(now, before.index)
            self._encoded.pop(before.index, None)
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
        if self._weighing.transpiler is not None:  # the circuit that was handed over is not stored
            return "its circuit is another one"
        return stored.difference(index, given)

    def _check_all(self, experiments: Sequence[Any]) -> None:
        """Check a list as a whole, and keep what had to be encoded for that."""
        room = _KEPT_BYTES
        for index, experiment in enumerate(experiments):
            self._check(experiment, index)
            coded = self._weighing.encoded_if_doubtful(experiment, index)
            if coded is not None and room > 0:
                self._encoded[index] = coded
                room -= len(coded.data)
        self._all_checked = True

    def _coded(self, experiment: Any, index: int) -> EncodedExperiment:
        return self._encoded.pop(index, None) or self._weighing.encoded(experiment, index)

    def _check(self, experiment: Any, index: int) -> None:
        if not self._all_checked:
            self._backend.check(runnable(experiment), index, self._draft.options)

    def _sizes(
        self, experiments: Iterable[Any], first: int, waiting: deque[EncodedExperiment]
    ) -> Iterator[ExperimentSize]:
        for index, experiment in enumerate(experiments, start=first):
            if self._engine:
                self._engine.give_way(_GIVE_WAY_S)
            self._check(experiment, index)
            coded = self._coded(experiment, index)
            waiting.append(coded)
            yield self._weighing.size(coded, index, experiment)

    def _with_payload(self, block: Block, waiting: deque[EncodedExperiment]) -> EncodedBlock:
        members = tuple(waiting.popleft() for _ in range(block.stop - block.start))
        return EncodedBlock(block, members, pack_experiments(members, self._weighing.kind))


class _Given(Iterator[Any]):
    """The experiments that were handed over; those that are not stored yet can be read again.

    Args:
        experiments: All of them.

    Attributes:
        n_stored: How many are known to be stored, from the first one on.
    """

    def __init__(self, experiments: Iterable[Any]) -> None:
        self.n_stored = 0
        self._rest = iter(experiments)
        self._read: deque[Any] = deque()
        self._again: deque[Any] = deque()

    def __next__(self) -> Any:
        experiment = self._again.popleft() if self._again else next(self._rest)
        self._read.append(experiment)
        return experiment

    def settle(self, n_stored: int) -> None:
        """Take note that so many are stored."""
        while self.n_stored < n_stored:
            self._read.popleft()
            self.n_stored += 1

    def rewind(self) -> None:
        """Give those that are not stored again."""
        self._again.extendleft(reversed(self._read))
        self._read.clear()


class _Room:
    """Holds up a hand-over while more than `_WAITING_BYTES` wait on disk to be sent.

    Without it, an endless generator would fill the disk before a slow backend took much.
    """

    def __init__(self, store: Store, engine: Engine, record: JobSetRecord) -> None:
        self._store = store
        self._engine = engine
        self._key = record.key
        self._bytes = 0
        self._jobs = 0

    def wait_for(self, batch: Sequence[EncodedBlock]) -> None:
        """Return when there is room for more than was stored with this batch.

        Raises:
            JobManagerError: The engine cannot send anything any more.
        """
        self._bytes += sum(len(each.payload.data) for each in batch)
        self._jobs += sum(len(each.block.jobs) for each in batch)
        while self._waiting_bytes() > _WAITING_BYTES:
            self._engine.raise_if_broken(self._key)
            self._engine.wait_until_done(self._key, _LOOK_EVERY_S)

    def _waiting_bytes(self) -> float:
        if self._bytes <= _WAITING_BYTES:
            return 0
        planned = self._store.totals(self._key).jobs.get(JobState.PLANNED, 0)
        return planned * self._bytes / self._jobs


def _batch(
    blocks: Iterator[EncodedBlock], until_s: float, seconds: Callable[[], float]
) -> list[EncodedBlock]:
    """Take as many blocks as are worth one transaction, as each waits for the disk."""
    batch: list[EncodedBlock] = []
    size = 0
    for block in blocks:
        batch.append(block)
        size += sum(len(each.data) for each in block.experiments)
        if len(batch) == _BLOCKS_AT_ONCE or size >= _BYTES_AT_ONCE or seconds() >= until_s:
            break
    return batch


def _differs(record: JobSetRecord, index: int, how: str) -> str:
    return (
        f"job set {record.name!r} exists and runs other circuits: experiment {index} is the first "
        f"that differs; {how}. Choose another name, or hand over the same circuits."
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
        f"{ways.RESUME}"
    )
