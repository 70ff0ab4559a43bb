"""Kills worker processes and drivers at random while job sets run, and compares the results.

python soak/worker_kills.py --kills 300

Each story runs one job set with a seed on two worker processes. Workers are killed at random
moments, and the driver now and then; another driver goes on. At the end the counts are those of one
process that nobody disturbed, and nothing is missing.
"""

# ruff: noqa: D103, INP001, S101, S311, S603, T201  # a script, which prints

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "executors"))

from local_tasks import dynamic  # noqa: E402

from qiskit_job_manager import JobManager  # noqa: E402

JOBS = 24
SHOTS = 15_000
OPTIONS = {"shots": SHOTS, "seed_simulator": 11, "max_experiments_per_job": 1}
DRIVER_SHARE = 0.1
STORY_S = 600.0

DRIVER = f"""
import sys
sys.path.insert(0, {str(HERE.parent / "tests" / "executors")!r})
from local_tasks import dynamic
from qiskit_job_manager import JobManager
circuits = [dynamic(str(index)) for index in range({JOBS})]
with JobManager(sys.argv[1], workers=2) as manager:
    job_set = manager.run(circuits, "aer", name="story", if_exists="resume", **{OPTIONS!r})
    job_set.results(timeout={STORY_S})
"""


def counts(store: Path) -> list[dict[str, int]]:
    with JobManager(store, workers=0) as manager:
        results = manager.retrieve_job_set("story").results(timeout=STORY_S)
        assert results.success, "a job failed"
        return [dict(results.get_counts(index)) for index in range(JOBS)]


def undisturbed(store: Path) -> list[dict[str, int]]:
    circuits = [dynamic(str(index)) for index in range(JOBS)]
    with JobManager(store, workers=0) as manager:
        manager.run(circuits, "aer", name="story", **OPTIONS).results(timeout=STORY_S)
    return counts(store)


def story(store: Path, chance: random.Random, left: int) -> int:
    """Run one job set to its end under kills, and return how many there were."""
    kills = 0
    while True:
        driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(store)])
        while driver.poll() is None and kills < left:
            time.sleep(chance.expovariate(1.5))
            kills += kill_one(driver, chance)
        if driver.wait(STORY_S) == 0:
            return kills
        assert driver.returncode == -signal.SIGKILL, "the driver failed by itself"


def kill_one(driver: subprocess.Popen[bytes], chance: random.Random) -> int:
    try:
        children = psutil.Process(driver.pid).children()
        workers = [each.pid for each in children if "popen_loky_posix" in " ".join(each.cmdline())]
    except psutil.Error:
        return 0
    pid = driver.pid if chance.random() < DRIVER_SHARE else chance.choice(workers or [0])
    if not pid:
        return 0
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance, kills, stories = random.Random(arguments.seed), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        expected = undisturbed(Path(folder) / "expected.db")
        while kills < arguments.kills:
            store = Path(folder) / f"{stories}.db"
            kills += story(store, chance, arguments.kills - kills)
            stories += 1
            assert counts(store) == expected, f"story {stories} gave other counts"
            print(f"{kills} kills in {stories} job sets: all results are there, and equal")


if __name__ == "__main__":
    main()
