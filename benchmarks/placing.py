"""Measures how long circuits take on two simulated clouds, one of them four times as fast.

    python benchmarks/placing.py             # five rounds of each row; some five minutes
    python benchmarks/placing.py --rounds 1

Each cloud runs four jobs at once; see `simulated` for the clouds. The ideal client knows how fast
each is, and splits the jobs so that it is done first; see `ideal`. Each measurement is made in a
fresh process. Shown are medians; the last column is the median of the rounds over the ideal client.
For comparison the same circuits run in equal parts (``spread``) and on the fast cloud alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ideal

PER_JOB = 10
AT_ONCE = 4
WAYS = ("queue", "spread", "alone")


@dataclass(frozen=True, slots=True)
class Row:
    """A workload.

    Attributes:
        jobs: How many jobs of `PER_JOB` circuits.
        latency_s: Seconds that a call takes, on both clouds.
        service_s: Seconds that a job takes on the fast cloud; four times as many on the slow one.
        pending: Jobs that may be pending, on each cloud.
    """

    jobs: int
    latency_s: float
    service_s: float
    pending: int

    @property
    def services_s(self) -> tuple[float, float]:
        """Seconds that a job takes on the slow and on the fast cloud."""
        return 4 * self.service_s, self.service_s

    @property
    def ideal_s(self) -> float:
        """The ideal client's seconds."""
        how = {"at_once": AT_ONCE, "pending": self.pending}
        return ideal.ideal_on_several_s(self.jobs, self.latency_s, self.services_s, **how)


ROWS = (
    Row(jobs=100, latency_s=0.05, service_s=0.25, pending=100),
    Row(jobs=200, latency_s=0.05, service_s=0.25, pending=100),
    Row(jobs=100, latency_s=0.2, service_s=1.0, pending=100),
    Row(jobs=100, latency_s=0.2, service_s=1.0, pending=5),
)


def measured_s(row: Row, way: str, folder: Path) -> float:
    """Return the seconds from `run` to all results."""
    import circuits as measured
    import premade
    from qiskit_job_manager import JobManager, Limits
    from simulated import Pace, SimulatedCloud
    from simulated_adapter import SimulatedAdapter

    circuits = measured.make(row.jobs * PER_JOB)
    made = premade.of_payload(premade.results_by_first(circuits, PER_JOB))

    def cloud(service_s: float, latency_s: float = row.latency_s) -> SimulatedAdapter:
        pace = Pace(latency_s=latency_s, service_s=service_s, at_once=AT_ONCE, pending=row.pending)
        return SimulatedAdapter(SimulatedCloud(pace), made)

    how: dict[str, Any] = {
        "shots": premade.SHOTS,
        "max_experiments_per_job": PER_JOB,
        "limits": Limits(pending_jobs=row.pending),
    }
    clouds = [cloud(each) for each in row.services_s]
    with JobManager(folder / "store.db") as manager:
        # Imports are made, and the store with its schema; both are paid once.
        manager.run(circuits[:PER_JOB], [cloud(0.0, 0.0)], **how).results()
        begin_s = time.perf_counter()
        if way == "alone":
            results: Any = manager.run(circuits, clouds[1], **how).results()
        else:
            results = manager.run(circuits, clouds, place=way, **how).results()
        took_s = time.perf_counter() - begin_s
        assert results.success
        assert sum(results.get_counts(len(circuits) - 1).values()) == premade.SHOTS
    return took_s


def in_fresh_process(row: Row, way: str) -> float:
    """Return what `measured_s` returns there."""
    with tempfile.TemporaryDirectory() as folder:
        said = json.dumps(asdict(row))
        command = [sys.executable, __file__, "--one", said, "--way", way, "--folder", folder]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def main() -> None:
    """Measure all rows, or one in this process."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one")
    parser.add_argument("--way")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.one:
        print(measured_s(Row(**json.loads(given.one)), given.way, given.folder))
        return
    print("jobs latency service pending  ideal  queue spread  alone  queue/ideal (rounds)")
    for row in ROWS:
        rounds = [{w: in_fresh_process(row, w) for w in WAYS} for _ in range(given.rounds)]
        medians = [statistics.median(each[way] for each in rounds) for way in WAYS]
        over = [each["queue"] / row.ideal_s for each in rounds]
        said = " ".join(f"{each:6.2f}" for each in (row.ideal_s, *medians))
        ratios = ", ".join(f"{each:.2f}" for each in over)
        print(
            f"{row.jobs:4} {row.latency_s:7} {row.service_s:7} {row.pending:7} {said}"
            f"  {statistics.median(over):.2f} ({ratios})",
            flush=True,
        )


if __name__ == "__main__":
    main()
