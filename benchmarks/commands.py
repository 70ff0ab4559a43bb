"""What `qjm list`, `show` and `delete` take on a large store, beside `qjm list` on an empty one.

    python benchmarks/commands.py FOLDER   # of million.py; prints one line of JSON

Each command is a process of its own, and they take turns. A copy of the store is deleted from,
while this process goes on writing to it and notes how long it had to wait.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from large import NAME

ROUNDS = 7
DELETIONS = 5
_PAUSE_S = 0.02


def measure(large: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=large.parent) as folder:
        empty = Path(folder) / "empty.db"
        took: dict[str, list[float]] = {"empty": [], "list": [], "show": [], "log": []}
        _seconds(empty, "list")  # makes it
        for _ in range(ROUNDS):
            took["empty"].append(_seconds(empty, "list"))
            took["list"].append(_seconds(large, "list"))
            took["show"].append(_seconds(large, "show", NAME))
            took["log"].append(_seconds(large, "log", NAME, "--last", "100"))
        deletions = [_deletion(large, Path(folder)) for _ in range(DELETIONS)]
    medians = {f"{what}_s": statistics.median(each) for what, each in took.items()}
    return {
        **medians,
        **{f"{what}_over_empty": medians[f"{what}_s"] / medians["empty_s"] for what in took},
        "delete_s": statistics.median(seconds for seconds, _ in deletions),
        "longest_wait_ms": statistics.median(wait * 1e3 for _, wait in deletions),
    }


def _command(store: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "qiskit_job_manager", "--store", str(store), *words]


def _seconds(store: Path, *words: str) -> float:
    begin = time.perf_counter()
    subprocess.run(
        _command(store, *words), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - begin


def _deletion(large: Path, folder: Path) -> tuple[float, float]:
    """Return the seconds that it took, and the longest that a write to another set did."""
    from qiskit_job_manager import JobManager

    copy = Path(shutil.copy(large, folder / "copy.db"))
    with JobManager(copy) as manager:
        other = next(each for each in manager.job_sets() if each.name() != NAME)
        begin, longest = time.perf_counter(), 0.0
        process = subprocess.Popen(
            _command(copy, "delete", NAME, "--yes"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None:
            before = time.perf_counter()
            other.update_tags([f"{before}"])
            longest = max(longest, time.perf_counter() - before)
            time.sleep(_PAUSE_S)
        took = time.perf_counter() - begin
        assert process.returncode == 0
        assert [each.name() for each in manager.job_sets()] == [other.name()]
    copy.unlink()
    return took, longest


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]) / "million.db")))
