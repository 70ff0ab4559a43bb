"""PostgreSQL goes away under `qjm run`, `qjm wait` and `qjm serve`, which end by themselves."""

from __future__ import annotations

import pytest
from rig.outages import black_holes, programs, restarts

pytestmark = pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed")


@pytest.mark.parametrize(("outage", "times"), [(restarts, 3), (black_holes, 1)])
def test_commands_outlast_a_database_that_goes_away(tmp_path, outage, times):
    tally = outage(tmp_path / "site", 1, times)
    assert tally.violations == []
    assert tally.outages == times
