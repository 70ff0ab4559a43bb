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
Limits and experiments that no plan can serve are refused, with messages that name them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import PlanError
from qiskit_job_manager.model import Block, ExperimentSize, Limits, PlannedJob

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
    _check_limits(limits)
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
            _exceeds(other.stop - self.start, limits.experiments_per_job)
            or _exceeds(payload_bytes, limits.payload_bytes_per_job)
            or _exceeds(circuits * shots, limits.executions_per_job)
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
    _check_size(size, limits)
    if not split_shots:
        _check_unsplit(size, limits)
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


# -- the time of a simulated job -------------------------------------------------------------------

_SHORTEST_S = 0.25  # what a job costs beside its simulation is a few milliseconds
_LONGEST_S = 5.0
_USUAL_S = 1.0
_PARTS = 128


def longest_job_s(total_s: float | None) -> float:
    """Return how many seconds of simulation one job may have.

    Many short jobs share the work evenly among the workers, and few long ones cost less. It depends
    on the experiments alone and not on the machine: the split, and with it the seeds, is the same
    wherever they are computed.

    Args:
        total_s: What all experiments are expected to take, or ``None`` if it is not known.

    >>> longest_job_s(1.0), longest_job_s(256.0), longest_job_s(10_000.0)
    (0.25, 2.0, 5.0)
    """
    if total_s is None:
        return _USUAL_S
    return min(max(total_s / _PARTS, _SHORTEST_S), _LONGEST_S)


# -- precision as shots ----------------------------------------------------------------------------

# An estimator is asked for a standard error. It takes the inverse square of that in shots for an
# observable whose variance is 1, as Qiskit's `BackendEstimatorV2` and IBM's service count it. By
# these shots its work is weighed, and can be divided.

# Simulators take a precision of 1e-12 for nothing special; as shots it would fit no column.
_MOST_SHOTS = 2**53


def shots_for(precision: float | None) -> int | None:
    """Return the shots that a precision stands for, or ``None`` where it stands for none.

    Args:
        precision: Standard error asked for; ``None`` is the primitive's default, and 0 is exact.

    >>> shots_for(0.015625)
    4096
    """
    if not precision:
        return None
    square = precision**2
    return _MOST_SHOTS if square * _MOST_SHOTS < 1 else math.ceil(1 / square)


def precision_of_share(precision: float, shots: int | None) -> float:
    """Return the precision that a share of the work is to reach.

    Args:
        precision: What all shares together are to reach.
        shots: Shots of the share; ``None``, or as many as `shots_for` gives, is all of them.

    >>> precision_of_share(0.01, 2500)
    0.02
    """
    return precision if shots in (None, shots_for(precision)) else 1 / math.sqrt(shots or 1)


# -- what is refused -------------------------------------------------------------------------------


def _check_limits(limits: Limits) -> None:
    """Check that each limit is absent or a whole number of at least 1.

    Raises:
        PlanError: One is not; the message names it and its value.
    """
    for field in fields(limits):
        value = getattr(limits, field.name)
        if value is not None and not _is_positive(value):
            raise PlanError(
                f"the limit {field.name} is {value!r}; it must be a whole number of at least 1, "
                "or None for no limit"
            )


def _check_size(size: ExperimentSize, limits: Limits) -> None:
    """Check what no splitting of shots can mend in one experiment.

    Raises:
        PlanError: It cannot be run in any job; the message names index, name, limit and figure.
    """
    if size.shots is not None and not _is_positive(size.shots):
        raise PlanError(
            f"{_described(size)} asks for {size.shots!r} shots; "
            "it must be a whole number of at least 1, or None for the backend's default"
        )
    if size.circuits != 0 and not _is_positive(size.circuits):
        raise PlanError(
            f"{_described(size)} has {size.circuits!r} circuits; it must be a whole number of at "
            "least 0"
        )
    if _exceeds(size.payload_bytes, limits.payload_bytes_per_job):
        raise PlanError(
            f"{_described(size)} takes {size.payload_bytes} bytes, more than the limit "
            f"payload_bytes_per_job of {limits.payload_bytes_per_job}; an experiment cannot be "
            "divided, so make it smaller"
        )
    if _exceeds(size.circuits, limits.executions_per_job):
        raise PlanError(
            f"{_described(size)} has {size.circuits} circuits after parameter broadcasting, more "
            f"than the limit executions_per_job of {limits.executions_per_job} even at one shot; "
            "give its parameters in several experiments"
        )


def _check_unsplit(size: ExperimentSize, limits: Limits) -> None:
    """Check that one experiment fits into a job with all its shots.

    Raises:
        PlanError: It does not; the message names index, name, limit and figure.
    """
    if size.shots is None:
        return
    way_out = "; ask for fewer shots, or allow them to be split"
    if _exceeds(size.shots, limits.shots_per_experiment):
        raise PlanError(
            f"{_described(size)} asks for {size.shots} shots, more than the limit "
            f"shots_per_experiment of {limits.shots_per_experiment}{way_out}"
        )
    if _exceeds(size.circuits * size.shots, limits.executions_per_job):
        raise PlanError(
            f"{_described(size)} takes {size.circuits * size.shots} executions ({size.circuits} x "
            f"{size.shots} shots), more than the limit executions_per_job of "
            f"{limits.executions_per_job}{way_out}"
        )


def _described(size: ExperimentSize) -> str:
    """Name an experiment as messages do."""
    return f"experiment {size.index} ({size.name!r})"


def _exceeds(figure: int, limit: int | None) -> bool:
    """Tell whether a figure is above a limit, if there is one."""
    return limit is not None and figure > limit


def _is_positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
