"""The harnesses are in `rig`, which `soak/run.py` runs at length; here each is run briefly."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


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
