"""Turns experiments into blocks that can be stored: checked, transpiled, encoded and planned.

Each experiment is encoded once. Blocks are made as they are taken, so that a generator's
experiments never have to be in memory together.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from qiskit_job_manager.codec.experiments import circuit_of, pack_experiments
from qiskit_job_manager.manager.pricing import refuse_unpriced
from qiskit_job_manager.manager.transpiler import runnable
from qiskit_job_manager.model import Block, EncodedBlock, PlannedJob
from qiskit_job_manager.planning import plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from qiskit_job_manager.manager.experiment_encoder import ExperimentEncoder
    from qiskit_job_manager.manager.reuse import Reuse, Sample
    from qiskit_job_manager.model import (
        EncodedExperiment,
        ExperimentSize,
        JobSetDraft,
        JobSetRecord,
        Limits,
    )
    from qiskit_job_manager.ports import Backend

_KEPT_BYTES = 64 << 20
_TAKEN_OVER_IN_A_JOB = 100


class _Member(NamedTuple):
    """One experiment on its way into a block.

    Attributes:
        experiment: As it is sent.
        coded: The experiment, encoded.
        size: What planning needs to know of it.
        sample: The result that it takes over; ``None``: it is sent.
    """

    experiment: Any
    coded: EncodedExperiment
    size: ExperimentSize
    sample: Sample | None


class Packing:
    """Packs the experiments of one run into blocks.

    Args:
        backend: What runs them; it is asked whether it can.
        draft: The job set that is asked for.
        encoder: Transpiles and encodes the experiments.
        give_way: Called before each experiment; another thread may need Python's lock.
        reuse: Finds results that are taken over; ``None``: every experiment is sent.

    Attributes:
        encoder: As given.
        reuse: As given.
        all_checked: Whether all experiments were checked, so that none is checked again.
        prices_of: The job set whose prices and limit of the cost hold.
    """

    def __init__(
        self,
        backend: Backend,
        draft: JobSetDraft,
        encoder: ExperimentEncoder,
        give_way: Callable[[], None],
        reuse: Reuse | None = None,
    ) -> None:
        self.encoder = encoder
        self.reuse = reuse
        self.all_checked = False
        self.prices_of = draft
        self._backend = backend
        self._options = draft.options
        self._give_way = give_way
        self._encoded: dict[int, EncodedExperiment] = {}

    # -- checking ---------------------------------------------------------------------------------

    def check(self, experiment: Any, index: int) -> None:
        """Check that the backend can run an experiment, unless all were checked.

        Raises:
            InvalidExperimentError: It cannot; the message names it.
        """
        if not self.all_checked:
            self._backend.check(runnable(experiment), index, self._options)

    def check_all(self, experiments: Sequence[Any], first: int = 0) -> None:
        """Check a list as a whole, and keep what had to be encoded for that.

        Args:
            experiments: The list.
            first: Index of its first experiment in the job set.

        Raises:
            InvalidExperimentError: One cannot run, or cannot be stored; the message names it.
        """
        room = _KEPT_BYTES
        for index, experiment in enumerate(experiments, start=first):
            self.check(experiment, index)
            coded = self.encoder.encoded_if_doubtful(experiment, index)
            if coded is not None and room > 0:
                self._encoded[index] = coded
                room -= len(coded.data)
        self.all_checked = True

    # -- encoding ---------------------------------------------------------------------------------

    def keep_encoded(self, blocks: Iterable[EncodedBlock]) -> None:
        """Keep what was encoded for blocks that could not be stored."""
        for one in blocks if self.reuse is None else ():  # else it is not what was handed over
            self._encoded.update(enumerate(one.experiments, one.block.start))

    def forget_encoded(self, index: int) -> None:
        """Drop what was encoded of an experiment that is stored."""
        self._encoded.pop(index, None)

    def forget_all_encoded(self) -> None:
        """Drop what was encoded, as the experiments get other indices."""
        self._encoded.clear()

    def transpiled(self, experiments: Iterable[Any], first: int, *, is_list: bool) -> Iterator[Any]:
        """Return experiments as they are sent; of a list, all are transpiled and checked first.

        Args:
            experiments: As they were handed over.
            first: Index of the first one.
            is_list: Whether they are a list, or the rest of one.

        Raises:
            InvalidExperimentError: One of a list cannot be transpiled, or cannot run then.
        """
        if self.encoder.transpiler is None:
            return iter(experiments)
        transpiled = self.encoder.transpiler.transpiled(experiments, first)
        if not is_list:
            return transpiled
        whole = list(transpiled)
        for index, experiment in enumerate(whole, start=first):
            self.check(experiment, index)
        self.all_checked = True
        return iter(whole)

    def planned(
        self, experiments: Iterable[Any], limits: Limits, after: JobSetRecord | None = None
    ) -> Iterator[EncodedBlock]:
        """Yield the blocks of experiments, behind those of a job set that has some.

        Args:
            experiments: As they are sent.
            limits: What one job may hold.
            after: The job set, with as many experiments and jobs as are stored.

        Raises:
            InvalidExperimentError: One cannot run, or cannot be stored.
            PlanError: One alone exceeds a limit.
        """
        next_job = after.n_jobs if after else 0
        members = self._members(experiments, after.n_experiments if after else 0)
        if self.reuse is None:
            yield from self._to_be_sent(members, limits, next_job)
            return
        # What is taken over and what is sent are in different jobs.
        for is_taken, run in groupby(members, key=lambda member: member.sample is not None):
            pack = self._taken_over if is_taken else self._to_be_sent
            for block in pack(run, limits, next_job):
                next_job = block.block.jobs[-1].index + 1
                yield block

    def _members(self, experiments: Iterable[Any], first: int) -> Iterator[_Member]:
        for index, experiment in enumerate(experiments, start=first):
            self._give_way()
            self.check(experiment, index)
            coded = self._encoded.pop(index, None) or self.encoder.encoded(experiment, index)
            size = self.encoder.size(coded, index, experiment)
            sample = self.reuse.find(coded.content_hash) if self.reuse else None
            yield _Member(experiment, coded, size, sample)

    def _to_be_sent(
        self, members: Iterable[_Member], limits: Limits, first_job: int
    ) -> Iterator[EncodedBlock]:
        waiting: deque[EncodedExperiment] = deque()

        def sizes() -> Iterator[ExperimentSize]:
            for member in members:
                waiting.append(member.coded)
                yield member.size

        blocks = plan(
            sizes(),
            limits,
            split_shots=self.encoder.splits,
            start_job=first_job,
            longest_s=self.encoder.times.longest_s,
        )
        return (self._with_payload(self._estimated(block), waiting) for block in blocks)

    def _taken_over(
        self, members: Iterator[_Member], limits: Limits, first_job: int
    ) -> Iterator[EncodedBlock]:
        """Yield blocks whose jobs are done, as their results are taken over; no limits hold."""
        del limits
        assert self.reuse is not None  # noqa: S101  # else nothing is taken over
        while page := list(islice(members, _TAKEN_OVER_IN_A_JOB)):
            start = page[0].size.index
            shots = {member.size.shots for member in page}
            job = PlannedJob(
                index=first_job,
                start=start,
                stop=start + len(page),
                shots=shots.pop() if len(shots) == 1 else None,
                share=0,
                shares=1,
                circuits=sum(member.size.circuits for member in page),
            )
            first_job += 1
            pairs = [
                (m.sample, circuit_of(runnable(m.experiment))) for m in page if m.sample is not None
            ]
            coded = tuple(
                replace(member.coded, data=sample.data)
                for member, (sample, _) in zip(page, pairs, strict=True)
            )
            payload = pack_experiments(coded, self.encoder.kind)
            reused = self.reuse.taken_over(pairs, self._backend.name)
            yield EncodedBlock(Block(job.start, job.stop, (job,)), coded, payload, reused)

    # -- what became of the blocks ----------------------------------------------------------------

    def settle(self, blocks: Iterable[EncodedBlock]) -> None:
        """Take note that blocks are stored."""
        if self.reuse:
            for one in blocks:
                self.reuse.settle(one.reused.origins if one.reused else ())

    def rewind(self) -> None:
        """Give back what was taken over for blocks that are not stored."""
        if self.reuse:
            self.reuse.rewind()

    def note_target(self, record: JobSetRecord) -> None:
        """Take note of the job set that the blocks are for, which has blocks of others."""
        if self.reuse:
            self.reuse.note_target(record)

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
        estimated = replace(block, jobs=tuple(jobs))
        refuse_unpriced(self.prices_of, estimated)
        return estimated

    def _with_payload(self, block: Block, waiting: deque[EncodedExperiment]) -> EncodedBlock:
        members = tuple(waiting.popleft() for _ in range(block.stop - block.start))
        return EncodedBlock(block, members, pack_experiments(members, self.encoder.kind))
