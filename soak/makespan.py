# ruff: noqa: INP001, T201  # a script, which prints
"""Measures how much longer a job set takes in bad weather, over real HTTP.

python soak/makespan.py --rounds 3

Each round runs the same job set twice, against a cloud in a process of its own: in fair weather,
and in bad, where a fifth of all calls fail in every passing way and nothing answers for 30 seconds
in the middle. The goal is at most 1.5 times the time in fair weather, plus the outage.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from pathlib import Path

from qiskit import QuantumCircuit

from qiskit_job_manager import JobManager, Limits
from qiskit_job_manager.testing.cloud_service import CloudAdapter, CloudProcess, Faults, Outage

OUTAGE_S = 30.0
RATE = 0.2
PACE = {"latency_s": 0.05, "service_time_s": 1.0, "jobs_at_once": 4, "listing_lag_s": 1.0}


def main() -> int:
    """Run the rounds; return 1 if an experiment did not end done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=240)
    said = parser.parse_args()
    ratios = []
    for number in range(said.rounds):
        fair_s, fair = timed(said.jobs, Faults(**PACE), outage_after_s=None)
        storm = Faults.storm(RATE, seed=number, **PACE)
        rough_s, rough = timed(said.jobs, storm, outage_after_s=fair_s / 2)
        ratios.append((rough_s - OUTAGE_S) / fair_s)
        print(
            f"round {number}: fair {fair_s:.1f} s, rough {rough_s:.1f} s, less the outage "
            f"{ratios[-1]:.2f} times; all done: {fair and rough}",
            flush=True,
        )
        if not (fair and rough):
            return 1
    print(f"median {statistics.median(ratios):.2f} times, goal 1.50")
    return 0


def timed(jobs: int, faults: Faults, *, outage_after_s: float | None) -> tuple[float, bool]:
    """Return the seconds from `run` to the last result, and whether all experiments are done."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger.jsonl"
        with (
            CloudProcess(ledger, faults) as cloud,
            JobManager(Path(folder) / "store.db") as manager,
        ):
            adapter = CloudAdapter(cloud.address, listing_lag_s=1.0)
            begun_s = time.monotonic()
            if outage_after_s is not None:
                control = cloud.control
                threading.Timer(
                    outage_after_s, control.begin_outage, (Outage.RESET, OUTAGE_S)
                ).start()
            job_set = manager.run(
                circuits(jobs),
                adapter,
                shots=100,
                max_experiments_per_job=1,
                limits=Limits(pending_jobs=8),
            )
            success = job_set.results().success
            took_s = time.monotonic() - begun_s
            once = set(cloud.control.books().submissions_by_tag().values()) == {1}
    return took_s, success and once


def circuits(count: int) -> list[QuantumCircuit]:
    """Return distinct circuits."""
    made = []
    for index in range(count):
        circuit = QuantumCircuit(2, name=f"c{index}")
        circuit.rx(0.01 * index, 0)
        circuit.measure_all()
        made.append(circuit)
    return made


if __name__ == "__main__":
    raise SystemExit(main())
