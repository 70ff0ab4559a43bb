"""Packs experiments into jobs: greedily, in order, by all limits at once.

The rules:

1. Jobs follow the order of the experiments; experiments share a job only with equal shots
   and equal precision.
2. An experiment is split into the fewest shares that the limits allow for it alone, as equal as
   they can be. Experiments share a block only with the same number of shares, and the block is
   sent once a share: 300 circuits of 5 shares are 5 jobs, not 1,500.
3. A block takes the next experiment whenever every limit then still holds for its largest job.
4. What is simulated here is cut into jobs of about equal time, so that many workers share it.

What a block takes depends on nothing before it, so a plan can be resumed at any block's end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_job_manager.model import Block, ExperimentSize, Limits, PlannedJob
from qiskit_job_manager.planning.checks import check_limits, check_size, check_unsplit, exceeds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def plan(
    sizes: Iterable[ExperimentSize],
    limits: Limits,
    *,
    split_shots: bool = True,
    start_job: int = 0,
    longest_s: float | None = None,
) -> Iterator[Block]:
    """Split a stream of experiments into jobs.

    The stream is read as the blocks are: when a block is returned, its experiments and at most one
    more have been taken from ``sizes``. A caller that encodes the experiments as they are taken
    therefore never holds more than a block and one. To resume after a block, plan the experiments
    from ``block.stop`` on, with the number of the jobs so far as ``start_job``.

    Shots of ``None`` are the backend's own default, which planning does not know: such an
    experiment is never split and counts as one execution a circuit.

    Args:
        sizes: The experiments, with consecutive indices.
        limits: What one job may hold; the limits on the pace play no part here.
        split_shots: Whether shots beyond a limit are divided among several jobs.
        start_job: Index of the first job.
        longest_s: Seconds that the experiments of one job may be simulated for together, as
            expected; one that takes longer is alone. ``None``: any.

    Returns:
        The blocks, in order; without experiments there are none.

    Raises:
        PlanError: A limit is not a positive whole number (raised at once), or an experiment alone
            exceeds one (raised when it is met, before a block that has it is handed over).
    """
    check_limits(limits)
    most_s = float("inf") if longest_s is None else longest_s
    return _blocks(sizes, limits, split_shots, start_job, most_s)


@dataclass(slots=True)
class _Run:
    """Experiments that share their jobs; of one experiment, or of several that fit together."""

    start: int
    stop: int
    circuits: int
    payload_bytes: int
    shots: int | None
    precision: float | None
    shares: int
    simulation_s: float

    def takes(self, other: _Run, limits: Limits, longest_s: float) -> bool:
        """Take the next experiments in, if they go with these and all limits still hold."""
        ours = (self.shots, self.precision, self.shares)
        if ours != (other.shots, other.precision, other.shares):
            return False
        circuits = self.circuits + other.circuits
        payload_bytes = self.payload_bytes + other.payload_bytes
        simulation_s = self.simulation_s + other.simulation_s
        shots = 1 if self.shots is None else _share_of(self.shots, 0, self.shares)
        if (
            exceeds(other.stop - self.start, limits.experiments_per_job)
            or exceeds(payload_bytes, limits.payload_bytes_per_job)
            or exceeds(circuits * shots, limits.executions_per_job)
            or simulation_s > longest_s
        ):
            return False
        self.stop, self.circuits, self.payload_bytes = other.stop, circuits, payload_bytes
        self.simulation_s = simulation_s
        return True

    def block(self, first_job: int) -> Block:
        """Return it as a block whose jobs are numbered from ``first_job``."""
        plain = self.circuits == self.stop - self.start
        return Block(
            self.start,
            self.stop,
            tuple(
                PlannedJob(
                    index=first_job + share,
                    start=self.start,
                    stop=self.stop,
                    shots=None if self.shots is None else _share_of(self.shots, share, self.shares),
                    share=share,
                    shares=self.shares,
                    circuits=None if plain else self.circuits,
                )
                for share in range(self.shares)
            ),
        )


def _blocks(
    sizes: Iterable[ExperimentSize],
    limits: Limits,
    split_shots: bool,
    start_job: int,
    longest_s: float,
) -> Iterator[Block]:
    gathered: _Run | None = None
    next_job = start_job
    for size in sizes:
        single = _alone(size, limits, split_shots)
        if gathered is None:
            gathered = single
        elif not gathered.takes(single, limits, longest_s):
            yield gathered.block(next_job)
            next_job += gathered.shares
            gathered = single
    if gathered is not None:
        yield gathered.block(next_job)


def _alone(size: ExperimentSize, limits: Limits, split_shots: bool) -> _Run:
    check_size(size, limits)
    if not split_shots:
        check_unsplit(size, limits)
    return _Run(
        start=size.index,
        stop=size.index + 1,
        circuits=size.circuits,
        payload_bytes=size.payload_bytes,
        shots=size.shots,
        precision=size.precision,
        shares=_fewest_shares(size, limits),
        simulation_s=size.simulation_s,
    )


def _fewest_shares(size: ExperimentSize, limits: Limits) -> int:
    if size.shots is None:
        return 1
    most = size.shots
    if limits.shots_per_experiment is not None:
        most = min(most, limits.shots_per_experiment)
    if limits.executions_per_job is not None:
        most = min(most, limits.executions_per_job // max(size.circuits, 1))
    return -(-size.shots // most)


def _share_of(shots: int, share: int, shares: int) -> int:
    """Return the shots of one share; the first ones take what does not divide evenly."""
    return shots // shares + (share < shots % shares)
