"""The ideal client and the hard bound are what their formulas say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ideal import hard_bound_s, ideal_s

SECONDS = st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.2, 0.35, 1.0, 3.0])
CLOUDS = st.fixed_dictionaries(
    {"latency_s": SECONDS, "service_s": SECONDS, "at_once": st.integers(1, 6)}
)
JOBS, PENDING = st.integers(1, 40), st.integers(1, 12)


@pytest.mark.parametrize(
    ("jobs", "latency_s", "service_s", "at_once", "pending", "takes_s"),
    [
        # One job: submitted, run and fetched by a call that waited; or sooner done than asked for.
        (1, 1.0, 5.0, 4, 5, 6.0),
        (1, 1.0, 0.0, 4, 5, 2.0),
        (1, 0.0, 5.0, 4, 5, 5.0),
        # One place: each job is sent when the end of the one before is known, 1 + 5 apart.
        (3, 1.0, 5.0, 4, 1, 18.0),
        # The same without service time: the answer of the submission tells that there is room.
        (3, 1.0, 0.0, 4, 1, 4.0),
        # Room for all, four at once: half a latency, three rounds, half a latency.
        (10, 1.0, 5.0, 4, 10, 16.0),
        # Two at once, three places, five jobs, L = 2, S = 3. Arrivals at 1: two run to 4, one to 7.
        # Two places are known free at 5; arrivals at 6: one runs from 6 to 9, one from 7 to 10,
        # and the last is in hand at 11.
        (5, 2.0, 3.0, 2, 3, 11.0),
        # As facts of other programs were measured against.
        (10, 0.05, 0.1, 4, 5, 0.40),
        (100, 0.05, 0.1, 4, 5, 3.10),
        (100, 0.2, 0.1, 4, 5, 6.20),
        (100, 0.05, 0.0, 4, 100, 0.10),
        (1000, 0.05, 0.1, 4, 5, 30.1),
        (1000, 0.2, 0.1, 4, 5, 60.2),
    ],
)
def test_the_ideal_client_takes_what_was_worked_out_by_hand(
    jobs, latency_s, service_s, at_once, pending, takes_s
):
    takes = ideal_s(jobs, latency_s, service_s, at_once=at_once, pending=pending)
    assert takes == pytest.approx(takes_s)


@pytest.mark.parametrize(
    ("jobs", "at_once", "pending", "bound_s"),
    [(10, 4, 5, 16.0), (10, 4, 2, 26.0), (1, 4, 5, 6.0), (4, 4, 4, 6.0), (5, 4, 4, 11.0)],
)
def test_the_hard_bound_is_a_latency_and_the_rounds(jobs, at_once, pending, bound_s):
    assert hard_bound_s(jobs, 1.0, 5.0, at_once=at_once, pending=pending) == bound_s


@given(cloud=CLOUDS, jobs=JOBS, pending=PENDING)
def test_the_ideal_client_never_beats_the_hard_bound(cloud, jobs, pending):
    least_s = hard_bound_s(jobs, pending=pending, **cloud)
    assert ideal_s(jobs, pending=pending, **cloud) >= least_s - 1e-9


@given(cloud=CLOUDS, jobs=JOBS)
def test_with_room_for_all_jobs_the_ideal_client_reaches_the_hard_bound(cloud, jobs):
    least_s = hard_bound_s(jobs, pending=jobs + 6, **cloud)
    assert ideal_s(jobs, pending=jobs + 6, **cloud) == pytest.approx(least_s)


@given(cloud=CLOUDS, jobs=JOBS, pending=PENDING)
def test_one_job_more_never_ends_sooner(cloud, jobs, pending):
    takes_s = ideal_s(jobs, pending=pending, **cloud)
    assert ideal_s(jobs + 1, pending=pending, **cloud) >= takes_s - 1e-9


@given(cloud=CLOUDS, jobs=JOBS, pending=PENDING, encoding_s=SECONDS)
def test_who_encodes_is_done_no_sooner_than_all_is_encoded(cloud, jobs, pending, encoding_s):
    takes_s = ideal_s(jobs, pending=pending, encoding_s=encoding_s, **cloud)
    assert takes_s >= ideal_s(jobs, pending=pending, **cloud) - 1e-9
    assert takes_s >= jobs * encoding_s + hard_bound_s(1, pending=pending, **cloud) - 1e-9
