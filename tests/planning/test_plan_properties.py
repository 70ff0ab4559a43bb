from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from qiskit_job_manager.model import ExperimentSize, Limits
from qiskit_job_manager.planning import plan

MOST_CIRCUITS = 6
MOST_BYTES = 40

# Figures that lie near the limits, as the interesting splits are there.
shapes = st.lists(
    st.tuples(
        st.integers(1, MOST_CIRCUITS),
        st.sampled_from([None, 1, 2, 7, 12, 30, 31]),
        st.integers(0, MOST_BYTES),
    ),
    max_size=40,
)
some_limits = st.builds(
    Limits,
    experiments_per_job=st.none() | st.integers(1, 6),
    executions_per_job=st.none() | st.integers(MOST_CIRCUITS, 200),
    shots_per_experiment=st.none() | st.integers(1, 40),
    payload_bytes_per_job=st.none() | st.integers(MOST_BYTES, 150),
)
relaxed = settings(deadline=None, max_examples=200)


def sizes_of(shapes):
    return [ExperimentSize(index, f"c{index}", *shape) for index, shape in enumerate(shapes)]


def keeps(figure, limit):
    return limit is None or figure <= limit


def holds(sizes, shots, limits):
    """Whether a job of these experiments keeps to every limit, in the words of `Limits`."""
    executions = sum(size.circuits for size in sizes) * (1 if shots is None else shots)
    return (
        keeps(len(sizes), limits.experiments_per_job)
        and keeps(executions, limits.executions_per_job)
        and (shots is None or keeps(shots, limits.shots_per_experiment))
        and keeps(sum(size.payload_bytes for size in sizes), limits.payload_bytes_per_job)
    )


@relaxed
@given(shapes, some_limits)
def test_every_job_keeps_to_every_limit(shapes, limits):
    sizes = sizes_of(shapes)
    for block in plan(sizes, limits):
        for job in block.jobs:
            assert holds(sizes[job.start : job.stop], job.shots, limits)


@relaxed
@given(shapes, some_limits)
def test_nothing_is_lost_and_nothing_is_run_twice(shapes, limits):
    sizes = sizes_of(shapes)
    blocks = list(plan(sizes, limits))
    assert [i for b in blocks for i in range(b.start, b.stop)] == list(range(len(sizes)))
    for block in blocks:
        for size in sizes[block.start : block.stop]:
            shots = [job.shots for job in block.jobs]
            assert shots == [None] if size.shots is None else sum(shots) == size.shots


@relaxed
@given(shapes, some_limits, st.integers(0, 10))
def test_jobs_are_numbered_without_gaps_and_shares_in_order(shapes, limits, start_job):
    blocks = list(plan(sizes_of(shapes), limits, start_job=start_job))
    jobs = [job for block in blocks for job in block.jobs]
    assert [job.index for job in jobs] == list(range(start_job, start_job + len(jobs)))
    for block in blocks:
        assert [job.share for job in block.jobs] == list(range(len(block.jobs)))
        assert {job.shares for job in block.jobs} == {len(block.jobs)}
        assert {(job.start, job.stop) for job in block.jobs} == {(block.start, block.stop)}


@relaxed
@given(shapes, some_limits)
def test_shares_are_positive_differ_by_one_at_most_and_are_as_few_as_can_be(shapes, limits):
    sizes = sizes_of(shapes)
    for block in plan(sizes, limits):
        shots = [job.shots for job in block.jobs]
        if shots == [None]:
            continue
        assert min(shots) >= 1
        assert max(shots) - min(shots) <= 1
        fewer = len(shots) - 1
        if fewer:
            largest = -(-sum(shots) // fewer)
            first = sizes[block.start : block.start + 1]
            assert not holds(first, largest, limits)


@relaxed
@given(shapes, some_limits)
def test_a_block_ends_only_where_it_must(shapes, limits):
    sizes = sizes_of(shapes)
    blocks = list(plan(sizes, limits))
    for block, after in pairwise(blocks):
        same_shots = sizes[block.start].shots == sizes[after.start].shots
        same_shares = len(block.jobs) == len(after.jobs)
        grown = sizes[block.start : block.stop + 1]
        fits = holds(grown, block.jobs[0].shots, limits)
        assert not (same_shots and same_shares and fits)


@relaxed
@given(shapes, some_limits)
def test_a_plan_resumed_at_any_block_is_the_rest_of_the_whole(shapes, limits):
    sizes = sizes_of(shapes)
    blocks = list(plan(sizes, limits))
    jobs = 0
    for number, block in enumerate(blocks):
        jobs += len(block.jobs)
        tail = list(plan(sizes[block.stop :], limits, start_job=jobs))
        assert tail == blocks[number + 1 :]
