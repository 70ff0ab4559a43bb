"""Any two things that users do to one job set at the same moment: done once, or told."""

from __future__ import annotations

import pytest
from rig.pairs import PAIRS, pair
from rig.server import URL

# Each act is in two of these; a soak does all pairs.
SOME = range(0, len(PAIRS), 9)


@pytest.mark.parametrize("seed", SOME, ids=lambda seed: " and ".join(PAIRS[seed]))
def test_two_at_once_break_no_promise(tmp_path, seed, short_polls):
    assert pair(tmp_path, seed).violations == []


@pytest.mark.service
@pytest.mark.parametrize("seed", SOME[::3], ids=lambda seed: " and ".join(PAIRS[seed]))
def test_two_at_once_on_a_server_break_no_promise(tmp_path, seed, short_polls):
    if URL is None:
        pytest.skip("QJM_TEST_POSTGRES_URL names no database")
    assert pair(tmp_path, seed, URL).violations == []
