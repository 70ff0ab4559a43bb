"""The rate and the estimated end, by a clock that moves as it is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiskit_job_manager.displays.rate_meter import Meter
from qiskit_job_manager.model import JobState
from qiskit_job_manager.model.progress import Pace, Progress
from qiskit_job_manager.testing import FakeClock
from qiskit_job_manager.views import phrases


def at(done, n_jobs=100, needs_user=0):
    jobs = {JobState.DONE: done, JobState.PLANNED: n_jobs - done}
    return Progress(n_jobs, n_jobs, jobs, jobs, True, needs_user)


def test_before_anything_has_ended_no_end_is_told():
    clock = FakeClock()
    meter = Meter(clock)
    meter.pace(at(0))
    clock.advance(10)
    assert meter.pace(at(0)) == Pace(10.0)


def test_the_time_counts_from_the_hand_over_from_the_first_line_on():
    clock = FakeClock()
    meter = Meter(clock, clock.now() - timedelta(seconds=40))
    assert meter.pace(at(3)) == Pace(40.0)
    clock.advance(5)
    assert meter.pace(at(3)).elapsed_s == 45
    ahead = Meter(clock, clock.now() + timedelta(hours=1))
    assert ahead.pace(at(3)) == Pace(0.0)


def test_of_what_had_ended_before_the_first_look_no_time_is_told():
    clock = FakeClock()
    meter = Meter(clock, clock.now() - timedelta(days=1))
    assert meter.pace(at(100)).elapsed_s is None
    running = Meter(clock, clock.now() - timedelta(days=1))
    running.pace(at(9))
    assert running.pace(at(100)).elapsed_s == 86_400


def test_a_steady_rate_gives_the_end():
    clock = FakeClock()
    meter = Meter(clock)
    meter.pace(at(0))
    for done in range(1, 11):
        clock.advance(30)
        pace = meter.pace(at(done))
    assert pace.jobs_per_s == pytest.approx(1 / 30)
    assert pace.left_s == pytest.approx(90 * 30)
    assert pace.ends_at == clock.now() + timedelta(seconds=pace.left_s)


def test_what_had_ended_before_does_not_count_for_the_rate():
    clock = FakeClock()
    meter = Meter(clock)
    meter.pace(at(90))
    clock.advance(10)
    assert meter.pace(at(91)).jobs_per_s == pytest.approx(0.1)


def test_what_waits_for_the_user_is_not_waited_for():
    clock = FakeClock()
    meter = Meter(clock)
    meter.pace(at(0, needs_user=90))
    clock.advance(10)
    assert meter.pace(at(10, needs_user=90)).left_s is None


def test_a_change_of_pace_is_noticed():
    clock = FakeClock()
    meter = Meter(clock)
    for done in range(20):
        meter.pace(at(done))
        clock.advance(1)
    for done in range(20, 60):
        clock.advance(60)
        pace = meter.pace(at(done))
    assert pace.jobs_per_s == pytest.approx(1 / 60, rel=0.2)


def test_jobs_that_take_hours_still_have_a_rate_between_two_of_them():
    clock = FakeClock()
    meter = Meter(clock)
    for done in range(5):
        meter.pace(at(done))
        clock.advance(7200)
    assert meter.pace(at(4)).jobs_per_s is not None


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.floats(0, 1e7, allow_nan=False)),
        min_size=1,
        max_size=30,
    )
)
def test_whatever_happens_the_words_can_be_said(story):
    clock = FakeClock()
    meter = Meter(clock)
    total = 10**6
    for done, wait_s in story:
        clock.advance(wait_s)
        pace = meter.pace(at(done, total))
        assert pace.jobs_per_s is None or pace.jobs_per_s > 0
        assert phrases.line(at(done, total), None, pace).isprintable()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (180, "3 min"),
        (7800, "2 h 10 min"),
        (86400 * 3 + 4 * 3600, "3 d 4 h"),
    ],
)
def test_durations_are_told_as_people_do(seconds, text):
    assert phrases.duration(seconds) == text


@pytest.mark.parametrize(
    ("per_s", "text"), [(3.2, "3.2 jobs/s"), (0.5, "30.0 jobs/min"), (1 / 3600, "1.0 jobs/h")]
)
def test_rates_are_told_in_the_unit_that_fits(per_s, text):
    assert phrases.rate(Pace(1.0, per_s)) == text
