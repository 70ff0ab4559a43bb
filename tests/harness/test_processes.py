"""Real processes, really killed, against a cloud in another process, whose ledger is believed."""

from __future__ import annotations

from functools import partial

import pytest
from rig.processes import Site, killed_at_boundary, killed_at_random, rivals, together


@pytest.fixture(scope="module")
def read_once_site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("read-once"), reads_once=True) as site:
        yield site


def test_a_driver_killed_at_a_boundary_breaks_no_promise(site):
    tally = together(
        partial(killed_at_boundary, site, f"boundary-{boundary}", boundary)
        for boundary in range(2, 42, 5)
    )
    assert tally.violations == []
    assert tally.driver_kills >= 6


def test_the_kills_at_boundaries_catch_the_naive_manager(site):
    # Its first boundary is before its first submission, its second after it.
    found = killed_at_boundary(site, "naive", 2, "naive").violations
    assert any("doubled" in words for words in found)


def test_drivers_killed_at_random_times_break_no_promise(site):
    tally = together(partial(killed_at_random, site, f"random-{seed}", seed) for seed in range(4))
    assert tally.violations == []
    assert tally.driver_kills > 0


@pytest.mark.parametrize("processes", [2, 4])
def test_rivals_that_are_killed_stopped_and_resumed_break_no_promise(site, processes):
    tally = together(
        partial(rivals, site, f"rivals-{processes}-{seed}", seed, processes) for seed in range(2)
    )
    assert tally.violations == []
    assert tally.driver_kills + tally.stops > 0


def test_killing_drivers_loses_no_result_that_can_be_read_once(read_once_site):
    tally = killed_at_random(read_once_site, "driver", 0, "driver")
    assert (tally.violations, tally.losses) == ([], 0)


@pytest.mark.parametrize("victims", ["fetcher", "both"])
def test_a_result_lost_with_its_fetch_process_is_told(read_once_site, victims):
    tally = killed_at_random(read_once_site, victims, 0, victims)
    assert tally.violations == []
