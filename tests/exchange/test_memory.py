"""Exports and imports stream; `soak/exports.py` shows the same of larger job sets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "soak" / "exports.py"


def test_nothing_holds_more_of_five_thousand_experiments_than_of_one():
    command = [sys.executable, str(SCRIPT), "--experiments", "1000", "5000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    for kind in ("archive", "json", "csv"):
        sizes = [int(line.split()[-2]) for line in done.stdout.splitlines() if f" {kind}: " in line]
        assert sizes[1] > sizes[0] * 3
