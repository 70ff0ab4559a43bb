"""The harnesses are in `rig`, which `soak/run.py` runs at length; here each is run briefly."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request, tmp_path_factory):
    """A cloud and a store on a database of each kind."""
    from rig.processes import Site
    from rig.server import URL

    server = None if request.param == "sqlite" else URL
    if request.param == "postgresql" and server is None:
        pytest.skip("QJM_TEST_POSTGRES_URL names no database")
    with Site(tmp_path_factory.mktemp("site"), server=server) as site:
        yield site


@pytest.fixture
def seeds():
    """Return seeds: those of every run, or the one that QJM_SEED names, to repeat a story."""
    import os

    def some(count):
        named = os.environ.get("QJM_SEED")
        return range(count) if named is None else [int(named)]

    return some


@pytest.fixture(autouse=True)
def _quiet():
    """Disable logging: such weather brings thousands of warnings."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
