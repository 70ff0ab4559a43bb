"""What broke a promise once is tried again in every run."""

from __future__ import annotations

import pytest
from rig import failed_seeds
from rig.server import URL
from rig.tally import Tally


@pytest.mark.parametrize(
    "entry", failed_seeds.read(), ids=lambda entry: f"{entry['harness']} {entry['seed']}"
)
def test_a_seed_that_once_broke_a_promise_breaks_none(tmp_path, entry):
    if entry["server"] and URL is None:
        pytest.skip("QJM_TEST_POSTGRES_URL names no database")
    assert entry["mended"], "the entry does not say what mended it"
    assert failed_seeds.run_again(tmp_path, entry, URL).violations == []


def test_the_entry_that_a_soak_prints_runs_that_seed_again(tmp_path):
    tally = Tally(violations=['simulation 7: job 1 was "paid" for twice'])
    noted = failed_seeds.noted("simulation", 7, tally)
    path = tmp_path / "failed_seeds.toml"
    path.write_text(failed_seeds.entry_text(noted.failed[0]))
    [entry] = failed_seeds.read(path)
    assert entry == {**noted.failed[0], "mended": ""}
    (tmp_path / "room").mkdir()
    again = failed_seeds.run_again(tmp_path / "room", entry)
    assert (again.violations, again.cases) == ([], 1)


def test_a_seed_that_breaks_nothing_is_not_noted():
    assert failed_seeds.noted("simulation", 7, Tally()).failed == []
