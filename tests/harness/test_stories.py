"""Stories told by chance on a clock that stands still: nothing lost, nothing paid for twice.

A violation names its seed: ``QJM_SEED=17 pytest tests/harness/test_stories.py`` repeats it.
"""

from __future__ import annotations

import pytest
from rig.harnesses import (
    VARIANTS,
    crash_sweep,
    io_errors,
    makespan_s,
    simulation,
    store_faults,
)
from rig.naive import Naive
from rig.storm import Weather
from rig.tally import Tally


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_a_crash_at_any_boundary_breaks_no_promise(tmp_path, seeds, variant):
    tally = crash_sweep(tmp_path, seeds(1), variants=[variant])
    assert tally.crashes >= 20
    assert tally.violations == []


def test_without_reading_once_no_crash_loses_anything(tmp_path, seeds):
    assert crash_sweep(tmp_path, seeds(1), variants=["findable"], every=4).losses == 0


def test_the_crash_sweep_catches_the_naive_manager(tmp_path):
    found = crash_sweep(tmp_path, range(1), Naive, ["findable"]).violations
    assert any("doubled" in words for words in found)


def test_no_story_of_troubles_outages_and_crashes_breaks_a_promise(tmp_path, seeds):
    tally = Tally()
    for seed in seeds(40):
        tally += simulation(tmp_path, seed)
    assert tally.violations == []


def test_the_same_seed_tells_the_same_story(tmp_path):
    first, again = (simulation(tmp_path, 5) for _ in range(2))
    assert first == again


def test_the_simulation_catches_the_naive_manager(tmp_path):
    found = [v for seed in range(5) for v in simulation(tmp_path, seed, Naive).violations]
    assert any("doubled" in words for words in found)


def test_a_store_that_fails_at_any_call_breaks_no_promise(tmp_path, seeds):
    tally = store_faults(tmp_path, seeds(1), every=4)
    assert tally.cases > 30
    assert tally.violations == []


def test_sqlite_failing_at_any_statement_or_commit_breaks_no_promise(tmp_path, seeds):
    tally = io_errors(tmp_path, seeds(1), every=4)
    assert tally.cases > 15
    assert tally.violations == []


def test_a_fifth_of_all_calls_failing_and_an_outage_cost_time_alone(tmp_path, seeds):
    """All is done, in at most one and a half times the time without faults, plus the outage."""
    for seed in seeds(3):
        calm = Weather(can=VARIANTS["findable"], rate=0.0, service_s=60.0)
        rough = Weather(
            can=VARIANTS["findable"], rate=0.2, service_s=60.0, outages=((100.0, 130.0),)
        )
        calm_s, calm_tally = makespan_s(tmp_path, seed, calm)
        rough_s, rough_tally = makespan_s(tmp_path, seed, rough)
        assert calm_tally.violations + rough_tally.violations == []
        assert rough_s <= 1.5 * calm_s + 30.0
