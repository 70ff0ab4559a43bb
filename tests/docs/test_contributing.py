"""The page for contributors names files and commands that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_files_that_changes_touch_are_there():
    section = PAGE.split("### Which files does a change touch?")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 18
    for row in rows:
        named = re.findall(r"`([\w/]+\.(?:py|toml|md))`", row)
        assert named, row
        for name in named:
            assert (ROOT / name).exists(), name


def test_the_names_in_these_files_are_there():
    for name, inside in re.findall(r"`([\w/]+\.py)` \(`(\w+)`\)", PAGE):
        assert inside in (ROOT / name).read_text(encoding="utf-8"), name


def test_the_commands_are_targets_of_make():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z-]+)`", PAGE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
