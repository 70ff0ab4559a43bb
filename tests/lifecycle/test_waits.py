"""How long is waited, in figures."""

from __future__ import annotations

import pytest

from qiskit_job_manager.lifecycle import growing_wait_s, poll_interval_s
from qiskit_job_manager.model import RetryPolicy

POLICY = RetryPolicy(first_wait_s=2.0, longest_wait_s=100.0)


@pytest.mark.parametrize(
    ("failures", "ceiling_s"), [(1, 2.0), (2, 4.0), (3, 8.0), (6, 64.0), (7, 100.0), (999, 100.0)]
)
def test_the_wait_doubles_with_each_failure_up_to_the_longest(failures, ceiling_s):
    assert growing_wait_s(failures, POLICY, 1.0) == pytest.approx(ceiling_s)
    assert growing_wait_s(failures, POLICY, 0.5) == pytest.approx(0.55 * ceiling_s)
    assert growing_wait_s(failures, POLICY, 0.0) == pytest.approx(0.1 * ceiling_s)


def test_doubling_ends_where_no_longest_wait_ends_it():
    endless = RetryPolicy(first_wait_s=1.0, longest_wait_s=1e300)
    assert growing_wait_s(33, endless, 1.0) == pytest.approx(2.0**32)
    assert growing_wait_s(5000, endless, 1.0) == pytest.approx(2.0**32)


@pytest.mark.parametrize(
    ("age_s", "interval_s"), [(0.0, 0.5), (5.0, 0.5), (20.0, 2.0), (300.0, 30.0), (9999.0, 30.0)]
)
def test_a_remote_job_is_asked_about_each_tenth_of_its_age(age_s, interval_s):
    assert poll_interval_s(age_s, local=False) == pytest.approx(interval_s)


@pytest.mark.parametrize(
    ("age_s", "interval_s"), [(0.0, 0.02), (0.2, 0.02), (1.0, 0.1), (2.5, 0.25), (99.0, 0.25)]
)
def test_a_local_job_is_asked_about_more_often(age_s, interval_s):
    assert poll_interval_s(age_s, local=True) == pytest.approx(interval_s)


@pytest.mark.parametrize(
    ("typical_s", "interval_s"), [(0.1, 0.05), (1.0, 0.1), (4.0, 0.4), (5.0, 0.5), (60.0, 0.5)]
)
def test_where_jobs_end_soon_a_young_one_is_asked_about_sooner(typical_s, interval_s):
    assert poll_interval_s(0.0, local=False, typical_s=typical_s) == pytest.approx(interval_s)
    assert poll_interval_s(20.0, local=False, typical_s=typical_s) == pytest.approx(2.0)


def test_a_local_job_is_never_asked_about_less_often_than_usual():
    assert poll_interval_s(0.0, local=True, typical_s=0.01) == pytest.approx(0.02)
    assert poll_interval_s(0.0, local=True, typical_s=60.0) == pytest.approx(0.02)
