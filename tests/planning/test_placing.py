"""Which backend gets the next experiments."""

from __future__ import annotations

import pytest

from qiskit_job_manager.planning.placing import Load, next_backend, soonest


def load(member, **said):
    how = {"n_jobs": 0, "most_jobs": 4, "n_left": 0, "size": 10, "rate": 1.0} | said
    return Load(member=member, **how)


def test_without_backends_nothing_is_placed():
    assert next_backend([], 10) is None


def test_backends_of_unknown_speed_get_as_much_as_each_other():
    loads = [load(0, rate=None, n_left=20), load(1, rate=None, n_left=10)]
    assert next_backend(loads, 1000) == 1


@pytest.mark.parametrize(("n_left", "chosen"), [(0, 1), (20, 1), (50, 0)])
def test_the_one_that_ends_first_is_chosen(n_left, chosen):
    assert next_backend([load(0), load(1, rate=4.0, n_left=n_left)], 1000) == chosen


def test_one_without_room_is_passed_over_as_long_as_there_is_enough_for_all():
    fast = load(1, rate=4.0, n_jobs=4, n_left=40)
    assert next_backend([load(0), fast], 1000) == 0
    assert next_backend([load(0, n_jobs=4), fast], 1000) is None


def test_near_the_end_a_slow_one_gets_nothing_that_would_end_last():
    fast = load(1, rate=10.0, n_jobs=4, n_left=40)
    assert next_backend([load(0), fast], 10) is None
    assert soonest([load(0), fast]) == 1


def test_one_of_which_nothing_has_ended_is_no_faster_than_it_can_be():
    silent = load(0, rate=None, most_rate=0.1)
    assert next_backend([silent, load(1, rate=1.0, n_left=20)], 1000) == 1
    assert next_backend([load(0, rate=None), load(1, rate=1.0, n_left=20)], 1000) == 0
