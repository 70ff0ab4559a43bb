"""Turns experiments into blocks that can be stored: checked, transpiled, encoded and planned.

Each experiment is encoded once. Blocks are made as they are taken, so that a generator's
experiments never have to be in memory together.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.experiments import pack_experiments
from qiskit_job_manager.manager.transpiler import runnable
from qiskit_job_manager.model import EncodedBlock
from qiskit_job_manager.planning import plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from qiskit_job_manager.manager.estimate import Weighing
    from qiskit_job_manager.model import (
        Block,
        EncodedExperiment,
        ExperimentSize,
        JobSetRecord,
        Limits,
    )
    from qiskit_job_manager.ports import Backend

_SHARE_OF_TIME = 0.2
_BLOCKS_AT_ONCE = 256
_BYTES_AT_ONCE = 4 << 20
_KEPT_BYTES = 64 << 20


class Packing:
    """Packs the experiments of one run into blocks.

    Args:
        backend: What runs them; it is asked whether it can.
        options: The run options.
        weighing: How experiments are transpiled, encoded and weighed.
        give_way: Called before each experiment; another thread may need Python's lock.

    Attributes:
        weighing: As given.
        all_checked: Whether all experiments were checked, so that none is checked again.
    """

    def __init__(
        self,
        backend: Backend,
        options: Mapping[str, Any],
        weighing: Weighing,
        give_way: Callable[[], None],
    ) -> None:
        self.weighing = weighing
        self.all_checked = False
        self._backend = backend
        self._options = options
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
            coded = self.weighing.encoded_if_doubtful(experiment, index)
            if coded is not None and room > 0:
                self._encoded[index] = coded
                room -= len(coded.data)
        self.all_checked = True

    # -- encoding ---------------------------------------------------------------------------------

    def keep_encoded(self, blocks: Iterable[EncodedBlock]) -> None:
        """Keep what was encoded for blocks that could not be stored."""
        for one in blocks:
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
        if self.weighing.transpiler is None:
            return iter(experiments)
        transpiled = self.weighing.transpiler.transpiled(experiments, first)
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
        waiting: deque[EncodedExperiment] = deque()
        blocks = plan(
            self._sizes(experiments, after.n_experiments if after else 0, waiting),
            limits,
            split_shots=self.weighing.splits,
            start_job=after.n_jobs if after else 0,
            longest_s=self.weighing.times.longest_s,
        )
        return (self._with_payload(self._estimated(block), waiting) for block in blocks)

    def _sizes(
        self, experiments: Iterable[Any], first: int, waiting: deque[EncodedExperiment]
    ) -> Iterator[ExperimentSize]:
        for index, experiment in enumerate(experiments, start=first):
            self._give_way()
            self.check(experiment, index)
            coded = self._encoded.pop(index, None) or self.weighing.encoded(experiment, index)
            waiting.append(coded)
            yield self.weighing.size(coded, index, experiment)

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

    def _with_payload(self, block: Block, waiting: deque[EncodedExperiment]) -> EncodedBlock:
        members = tuple(waiting.popleft() for _ in range(block.stop - block.start))
        return EncodedBlock(block, members, pack_experiments(members, self.weighing.kind))


def first_batch(blocks: Iterator[EncodedBlock], seconds: Callable[[], float]) -> list[EncodedBlock]:
    """Take the block that is stored at once, as only what is stored is sent."""
    return _batch(blocks, seconds(), seconds)


def batches(
    blocks: Iterator[EncodedBlock], seconds: Callable[[], float]
) -> Iterator[list[EncodedBlock]]:
    """Yield the blocks in batches, each worth one transaction, as each waits for the disk.

    The first block is stored at once, and later ones, while there is something to send, after a
    time that grows with what has passed.
    """
    begun_s = seconds()
    while True:
        now_s = seconds()
        batch = _batch(blocks, now_s + _SHARE_OF_TIME * (now_s - begun_s), seconds)
        if not batch:
            return
        yield batch


def _batch(
    blocks: Iterator[EncodedBlock], until_s: float, seconds: Callable[[], float]
) -> list[EncodedBlock]:
    batch: list[EncodedBlock] = []
    size = 0
    for block in blocks:
        batch.append(block)
        size += sum(len(each.data) for each in block.experiments)
        if len(batch) == _BLOCKS_AT_ONCE or size >= _BYTES_AT_ONCE or seconds() >= until_s:
            break
    return batch
