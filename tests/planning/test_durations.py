"""What is simulated here is split into jobs of about equal time."""

from __future__ import annotations

import pytest

from qiskit_job_manager.model import Limits
from qiskit_job_manager.planning import longest_job_s, plan


def spans(blocks):
    return [(block.start, block.stop) for block in blocks]


def test_a_job_takes_experiments_as_long_as_its_time_lasts(sized):
    sizes = sized(*[100] * 6, simulation_s=0.4)
    assert spans(plan(sizes, Limits(), longest_s=1.0)) == [(0, 2), (2, 4), (4, 6)]


def test_what_takes_longer_alone_is_a_job_by_itself(sized):
    sizes = sized(1, 1, 1, simulation_s=7.0)
    assert spans(plan(sizes, Limits(), longest_s=1.0)) == [(0, 1), (1, 2), (2, 3)]


def test_without_a_time_all_share_a_job(sized):
    assert spans(plan(sized(1, 1, 1, simulation_s=7.0), Limits())) == [(0, 3)]


def test_a_plan_that_is_resumed_goes_on_as_it_would_have(sized):
    sizes = list(sized(*[100] * 9, simulation_s=0.4))
    whole = spans(plan(sizes, Limits(), longest_s=1.0))
    assert spans(plan(sizes[4:], Limits(), longest_s=1.0, start_job=2)) == whole[2:]


@pytest.mark.parametrize(
    ("total_s", "longest_s"), [(None, 1.0), (0.0, 0.25), (64.0, 0.5), (1e6, 5.0)]
)
def test_the_time_of_a_job_grows_with_the_whole_within_bounds(total_s, longest_s):
    assert longest_job_s(total_s) == longest_s
