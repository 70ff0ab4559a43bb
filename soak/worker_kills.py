"""Kills workers and drivers at random while job sets run, and compares the results.

scripts/with-slurm .venv/bin/python soak/worker_kills.py --kills 300 --minutes 14

Each story runs one job set with a seed on two workers: processes of the driver, processes of a Dask
cluster, or jobs of Slurm, where `scripts/with-slurm` has started one. Workers are killed at random
moments, jobs of Slurm are ended by `scancel`, and the driver is killed now and then; another one
goes on. At the end the results have the digest of those of one process that nobody disturbed, and
nothing is missing.
"""

# ruff: noqa: D102, D103, INP001, S101, S311, S603, S607, T201  # a script, which prints

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import psutil

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "executors"))

from local_tasks import dynamic  # noqa: E402

from qiskit_job_manager import JobManager  # noqa: E402

JOBS = 24
OPTIONS = {
    "shots": 15_000,
    "seed_simulator": 11,
    "max_experiments_per_job": 1,
    "memory": True,
}
DRIVER_SHARE = 0.08
SCANCEL_SHARE = 0.5
PAUSE_S = 0.8
KILLS_A_STORY = 15
STORY_S = 600.0

DRIVER = f"""
import json, sys
sys.path.insert(0, {str(HERE.parent / "tests" / "executors")!r})
from local_tasks import dynamic
from qiskit_job_manager import JobManager
circuits = [dynamic(str(index)) for index in range({JOBS})]
with JobManager(sys.argv[1], **json.loads(sys.argv[2])) as manager:
    job_set = manager.run(circuits, "aer", name="story", if_exists="resume", **{OPTIONS!r})
    job_set.results(timeout={STORY_S})
"""


class Place(Protocol):
    """Where a driver has its job set computed."""

    arguments: dict[str, Any]

    def kill_worker(self, driver: int, chance: random.Random) -> str | None:
        """Kill one, and return how; ``None``: there is none now."""


class Processes:
    """The driver's own worker processes."""

    def __init__(self) -> None:
        self.arguments = {"workers": 2}

    def kill_worker(self, driver: int, chance: random.Random) -> str | None:
        return kill_one(_children(driver, "popen_loky_posix"), "worker process", chance)


class Dask:
    """A Dask cluster that outlives the drivers.

    Only workers that the scheduler knows are killed: Dask replaces no others.
    """

    def __init__(self, cluster: Any) -> None:
        cluster.adapt(minimum=2, maximum=2)
        self.arguments = {"executor": f"dask:{cluster.scheduler_address}"}
        self.cluster = cluster

    def kill_worker(self, driver: int, chance: random.Random) -> str | None:  # noqa: ARG002
        pids = [each.pid for each in self.cluster.scheduler.workers.values()]
        return kill_one(pids, "Dask worker", chance)


class Slurm(Dask):
    """A Dask cluster whose workers are jobs of Slurm."""

    def kill_worker(self, driver: int, chance: random.Random) -> str | None:
        if chance.random() >= SCANCEL_SHARE:
            return super().kill_worker(driver, chance)
        known = list(self.cluster.scheduler.workers.values())
        jobs = [self.cluster.workers[each.name].job_id for each in known]
        if not jobs:
            return None
        subprocess.run(["scancel", chance.choice(jobs)], check=True)
        return "scancel"


def _children(pid: int, word: str) -> list[int]:
    try:
        return [each.pid for each in psutil.Process(pid).children() if word in _command(each)]
    except psutil.Error:
        return []


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def kill_one(pids: list[int], name: str, chance: random.Random) -> str | None:
    if not pids:
        return None
    try:
        os.kill(chance.choice(pids), signal.SIGKILL)
    except ProcessLookupError:
        return None
    return name


def digest(store: Path) -> str:
    with JobManager(store, workers=0) as manager:
        results = manager.retrieve_job_set("story").results(timeout=STORY_S)
        assert results.success, "a job failed"
        memory = [results.get_memory(index) for index in range(JOBS)]
        return hashlib.sha256(json.dumps(memory).encode()).hexdigest()


def undisturbed(store: Path) -> str:
    circuits = [dynamic(str(index)) for index in range(JOBS)]
    with JobManager(store, workers=0) as manager:
        manager.run(circuits, "aer", name="story", **OPTIONS).results(timeout=STORY_S)
    return digest(store)


class Soak:
    """Counts what is killed, until there was enough of it, or time is over."""

    def __init__(self, kills: int, minutes: float, seed: int) -> None:
        self.chance = random.Random(seed)
        self.kills: Counter[str] = Counter()
        self._most = kills
        self._until_s = time.monotonic() + 60.0 * minutes

    @property
    def goes_on(self) -> bool:
        return self.kills.total() < self._most and time.monotonic() < self._until_s

    def story(self, store: Path, place: Place) -> None:
        """Run one job set to its end under kills."""
        command = [sys.executable, "-c", DRIVER, str(store), json.dumps(place.arguments)]
        enough = self.kills.total() + KILLS_A_STORY
        while True:
            driver = subprocess.Popen(command)
            while driver.poll() is None and self.goes_on and self.kills.total() < enough:
                time.sleep(self.chance.expovariate(1 / PAUSE_S))
                if driver.poll() is None and (how := self._kill(driver, place)):
                    self.kills[how] += 1
            if driver.wait(STORY_S) == 0:
                return
            assert driver.returncode == -signal.SIGKILL, "the driver failed by itself"

    def _kill(self, driver: subprocess.Popen[bytes], place: Place) -> str | None:
        if self.chance.random() >= DRIVER_SHARE:
            return place.kill_worker(driver.pid, self.chance)
        driver.kill()
        return "driver"


def places(stack: ExitStack, folder: Path) -> dict[str, Place]:
    """Open every place that there is here."""
    import dask
    import distributed

    dask.config.set({"distributed.deploy.lost-worker-timeout": "2s"})
    found: dict[str, Place] = {"processes": Processes()}
    local = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0"
    )
    found["dask"] = Dask(stack.enter_context(local))
    if "QJM_TEST_SLURM" in os.environ:
        found["slurm"] = Slurm(stack.enter_context(_slurm_cluster(folder)))
    return found


def _slurm_cluster(folder: Path) -> Any:
    import dask_jobqueue

    return dask_jobqueue.SLURMCluster(
        cores=1,
        processes=1,
        memory="2GB",
        queue=os.environ["QJM_TEST_SLURM"],
        interface="lo",
        walltime="01:00:00",
        job_script_prologue=["export OMP_NUM_THREADS=1"],
        log_directory=str(folder / "logs"),
        local_directory=str(folder / "local"),
        scheduler_options={"dashboard_address": ":0"},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["processes", "dask", "slurm"])
    arguments = parser.parse_args()
    soak = Soak(arguments.kills, arguments.minutes, arguments.seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        expected = undisturbed(folder / "expected.db")
        found = places(stack, folder)
        chosen = [arguments.only] if arguments.only else list(found)
        stories: Counter[str] = Counter()
        while soak.goes_on:
            name = chosen[stories.total() % len(chosen)]
            store = folder / f"{stories.total()}.db"
            soak.story(store, found[name])
            stories[name] += 1
            assert digest(store) == expected, f"story {stories.total()} on {name}: other results"
            print(
                f"{soak.kills.total()} kills {dict(soak.kills)} in {stories.total()} job sets "
                f"{dict(stories)}: all results are there, and equal",
                flush=True,
            )


if __name__ == "__main__":
    main()
