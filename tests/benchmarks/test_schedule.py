"""The simulated cloud's machines run what they should, when they should."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ideal import ideal_s
from schedule import Schedule, TooManyJobsError

TENTHS = st.integers(0, 30).map(lambda tenths: tenths / 10)


def schedule(service_s=5.0, at_once=2, pending=4, per_minute=None):
    return Schedule(service_s, at_once=at_once, pending=pending, per_minute=per_minute)


def times(place):
    return place.begins_s, place.ends_s


def test_jobs_begin_when_a_machine_is_free_first_come_first_served():
    cloud = schedule()
    places = [cloud.submit(at_s) for at_s in (0.0, 1.0, 2.0, 3.0)]
    assert [times(place) for place in places] == [(0, 5), (1, 6), (5, 10), (6, 11)]
    assert times(cloud.submit(50.0)) == (50, 55)


def test_a_job_beyond_what_may_be_pending_is_refused_until_one_has_ended():
    cloud = schedule(pending=2)
    for _ in range(2):
        cloud.submit(0.0)
    with pytest.raises(TooManyJobsError, match="2 are pending"):
        cloud.submit(4.9)
    assert times(cloud.submit(5.0)) == (5, 10)


def test_a_job_beyond_the_pace_is_refused_until_a_minute_has_passed():
    cloud = schedule(service_s=0.0, per_minute=2)
    cloud.submit(0.0)
    cloud.submit(10.0)
    for at_s in (10.0, 59.9):
        with pytest.raises(TooManyJobsError, match="2 within a minute"):
            cloud.submit(at_s)
    cloud.submit(60.0)  # those that were refused did not count
    with pytest.raises(TooManyJobsError):
        cloud.submit(69.9)
    cloud.submit(70.0)


def test_those_behind_a_cancelled_job_move_up():
    cloud = schedule()
    running, other, queued, last = (cloud.submit(0.0) for _ in range(4))
    assert cloud.cancel(running, 2.0)
    assert (running.cancelled, running.ends_s) == (True, 2.0)
    assert [times(place) for place in (other, queued, last)] == [(0, 5), (2, 7), (5, 10)]
    assert cloud.cancel(queued, 2.0)
    assert times(last) == (2, 7)
    # Two of four places are free again.
    cloud.submit(2.0)
    cloud.submit(2.0)
    with pytest.raises(TooManyJobsError):
        cloud.submit(2.0)


def test_a_job_that_has_ended_cannot_be_cancelled():
    cloud = schedule()
    place = cloud.submit(0.0)
    assert not cloud.cancel(place, 5.0)
    assert not place.cancelled
    other = cloud.submit(6.0)
    assert cloud.cancel(other, 7.0)
    assert not cloud.cancel(other, 7.0)


@given(
    arrivals=st.lists(TENTHS, min_size=1, max_size=20).map(sorted),
    cancelled=st.lists(st.tuples(st.integers(0, 19), TENTHS), max_size=4),
    at_once=st.integers(1, 3),
)
def test_never_do_more_run_at_once_and_no_machine_idles_while_a_job_waits(
    arrivals, cancelled, at_once
):
    cloud = schedule(service_s=1.3, at_once=at_once, pending=100)
    events = [(at_s, 0, number) for number, at_s in enumerate(arrivals)]
    events += [(at_s, 1, number) for number, at_s in cancelled]
    places = {}
    for at_s, is_cancelling, number in sorted(events):
        if not is_cancelling:
            places[number] = cloud.submit(at_s)
        elif number in places:
            cloud.cancel(places[number], at_s)
    moments = {time_s for place in places.values() for time_s in times(place)}
    for moment_s in moments | set(arrivals):
        running = sum(p.begins_s <= moment_s < p.ends_s for p in places.values())
        waiting = sum(
            arrivals[n] <= moment_s < p.begins_s and moment_s < p.ends_s for n, p in places.items()
        )
        assert running <= at_once
        assert running == at_once or not waiting
    assert all(p.cancelled or p.ends_s == p.begins_s + 1.3 for p in places.values())


@given(
    jobs=st.integers(1, 30),
    latency_s=st.sampled_from([0.0, 0.5, 2.0]),
    service_s=st.sampled_from([0.0, 1.0, 3.0]),
    at_once=st.integers(1, 4),
    pending=st.integers(1, 8),
)
def test_the_ideal_client_is_never_refused_and_takes_as_long_as_it_is_said_to(
    jobs, latency_s, service_s, at_once, pending
):
    """Step by step against the machines themselves: what `ideal` says, found another way."""
    cloud = schedule(service_s, at_once, pending)
    now_s, in_hand_s, known_free_s = 0.0, 0.0, [0.0] * pending
    for _ in range(jobs):
        now_s = max(now_s, heapq.heappop(known_free_s))
        place = cloud.submit(now_s + latency_s / 2)
        has_id_s = now_s + latency_s
        answered_s = max(has_id_s + latency_s / 2, place.ends_s) + latency_s / 2
        in_hand_s = max(in_hand_s, answered_s)
        heapq.heappush(known_free_s, max(has_id_s, place.ends_s + latency_s / 2))
    said_s = ideal_s(jobs, latency_s, service_s, at_once=at_once, pending=pending)
    assert in_hand_s == pytest.approx(said_s)
