"""Any two things that users do to one job set at the same moment: done once, or told."""

from __future__ import annotations

from functools import partial

import pytest
from rig import pairs
from rig.pairs import ACTS, PAIRS, crossing, pair
from rig.processes import together
from rig.server import URL

# A soak does all pairs.
SOME = range(0, 2 * len(PAIRS), 53)
SOME_CROSSINGS = range(5, len(PAIRS), 101)


def title(seed):
    return " and ".join(PAIRS[seed % len(PAIRS)])


@pytest.mark.parametrize("seed", SOME, ids=title)
def test_two_at_once_break_no_promise(tmp_path, seed, short_polls):
    assert pair(tmp_path, seed).violations == []


@pytest.mark.service
@pytest.mark.parametrize("seed", SOME[::3], ids=title)
def test_two_at_once_on_a_server_break_no_promise(tmp_path, seed, short_polls):
    if URL is None:
        pytest.skip("QJM_TEST_POSTGRES_URL names no database")
    assert pair(tmp_path, seed, URL).violations == []


def test_two_processes_beside_a_script_break_no_promise(site, short_polls):
    tally = together(partial(crossing, site, f"crossing-{n}", n) for n in SOME_CROSSINGS)
    assert tally.violations == []


def test_an_act_that_raises_what_is_none_of_our_errors_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setitem(ACTS, "tag", lambda *_: [].pop())
    [first, *_] = pair(tmp_path, PAIRS.index(("tag", "tag"))).violations
    assert "IndexError" in first


def test_a_set_that_is_gone_though_nobody_deleted_it_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setitem(ACTS, "tag", ACTS["delete"])
    monkeypatch.setattr(pairs, "CLOSED", 0.0)
    seed = len(PAIRS) + PAIRS.index(("tag", "tag"))  # threads of the driver may delete
    found = pair(tmp_path, seed).violations
    assert any("the set is gone" in words for words in found), found
