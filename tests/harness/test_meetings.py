"""One script is started several times, or again, or stands still for long: nothing is doubled."""

from __future__ import annotations

from functools import partial

import pytest
from rig.meetings import (
    resumed_in_one_process,
    same_script,
    same_script_in_threads,
    stopped_at_boundary,
    stopped_at_random,
)
from rig.processes import Site, together
from rig.server import URL


@pytest.fixture(scope="module")
def server_site(tmp_path_factory):
    if URL is None:
        pytest.skip("QJM_TEST_POSTGRES_URL names no database")
    with Site(tmp_path_factory.mktemp("site"), server=URL) as site:
        yield site


@pytest.mark.parametrize("case", [same_script, same_script_in_threads, resumed_in_one_process])
def test_one_script_that_is_started_again_runs_each_job_once(site, case):
    tally = together(partial(case, site, f"{case.__name__}-{seed}", seed) for seed in range(4))
    assert tally.violations == []


def test_a_driver_that_stands_still_longer_than_its_lease_doubles_nothing_unreported(server_site):
    tally = together(
        [
            *(partial(stopped_at_boundary, server_site, f"at-{n}", n) for n in (2, 4, 7, 12, 17)),
            *(partial(stopped_at_random, server_site, f"random-{n}", n) for n in range(3)),
        ]
    )
    assert tally.violations == []
    assert tally.stops >= 4
