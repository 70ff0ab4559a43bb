"""What is pinned for CI is all that the package can be installed with."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def names(lines):
    found = (re.match(r"[A-Za-z0-9._-]+", line) for line in lines)
    return {re.sub(r"[-_.]+", "-", each[0]).lower() for each in found if each}


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_the_tests_run_on_every_extra(extra):
    pinned = names((ROOT / "requirements" / "dev.txt").read_text().splitlines())
    assert names(EXTRAS[extra]) <= pinned
