from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiskit_job_manager.planning import derive_seed, seeds

relaxed = settings(deadline=None, max_examples=200)


@pytest.mark.parametrize(
    ("seed", "derived"),
    [
        (0, [0, 1124824568, 1308467934, 1364719090]),
        (42, [42, 378314387, 868791478, 51922596]),
        (2**40 + 7, [2**40 + 7, 190711393, 792367733]),
        (-1, [-1, 1548493758]),
    ],
)
def test_seeds_are_the_same_in_every_release(seed, derived):
    assert [derive_seed(seed, index) for index in range(len(derived))] == derived


@given(st.integers())
def test_the_first_job_has_the_users_own_seed(seed):
    assert derive_seed(seed, 0) == seed


@relaxed
@given(st.integers(0, 2**31 - 1), st.sets(st.integers(0, 2**31 - 1), max_size=50))
def test_no_two_jobs_of_a_set_have_the_same_seed(seed, jobs):
    derived = {derive_seed(seed, index) for index in jobs}
    assert len(derived) == len(jobs)
    assert all(0 <= one < 2**31 for one in derived)


def test_a_job_set_of_a_hundred_thousand_jobs_has_as_many_seeds():
    assert len({derive_seed(7, index) for index in range(100_000)}) == 100_000


def test_the_job_that_would_get_the_first_ones_seed_gets_another(monkeypatch):
    # Of a real permutation one index in 2**31 is concerned; a small one puts it within reach.
    small = {(0, 5): 99, (1, 5): 5, (2, 5): 77}
    monkeypatch.setattr(seeds, "_permuted", lambda index, seed: small[index, seed])
    assert [derive_seed(5, index) for index in (0, 1, 2)] == [5, 99, 77]


def test_seeds_are_spread_evenly_over_their_range():
    eighths = [0] * 8
    for index in range(1, 8001):
        eighths[derive_seed(1, index) >> 28] += 1
    assert all(850 < count < 1150 for count in eighths)


def test_neighbouring_jobs_differ_in_about_half_of_the_bits():
    flips = [(derive_seed(1, i) ^ derive_seed(1, i + 1)).bit_count() for i in range(1, 2001)]
    assert 14.5 < sum(flips) / len(flips) < 16.5
