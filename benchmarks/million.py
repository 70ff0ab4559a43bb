"""Job sets of any size, from a generator through a backend that answers at once.

    python benchmarks/million.py run FOLDER N     # hand over, run and store N experiments
    python benchmarks/million.py look FOLDER N    # look results up in it, as long as it is there
    python benchmarks/million.py reopen FOLDER N  # open it and read one result

Each prints one line of JSON. The circuits are a hundred different ones, over and over, each time
under another name; so each job holds a hundred different ones.
"""

from __future__ import annotations

import json
import random
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from large import NAME, PER_JOB, reopen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qiskit import QuantumCircuit

N_LOOKS = 2_000
N_TURNS = 10
N_COLD = 500
N_WARM = 10_000


def run(store: Path, n_experiments: int) -> dict[str, Any]:
    import circuits as measured
    from instant import InstantBackend
    from qiskit_job_manager import JobManager

    with JobManager(store) as manager:
        # Imports are made, and the store with its schema; both are paid once.
        manager.run(measured.make(1), InstantBackend(), volatile=True).results()
        begin, cpu = time.perf_counter(), time.process_time()
        job_set = manager.run(
            _circuits(n_experiments),
            InstantBackend(),
            name=NAME,
            max_experiments_per_job=PER_JOB,
            volatile=True,
        )
        handed_over_s = time.perf_counter() - begin
        assert job_set.results().success
        wall_s, cpu_s = time.perf_counter() - begin, time.process_time() - cpu
    return {
        "n": n_experiments,
        "handed_over_s": handed_over_s,
        "wall_us_each": wall_s / n_experiments * 1e6,
        "cpu_us_each": cpu_s / n_experiments * 1e6,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "store_bytes_each": store.stat().st_size / n_experiments,
    }


def _circuits(n_experiments: int) -> Iterator[QuantumCircuit]:
    import circuits as measured

    different = measured.make(PER_JOB)
    for index in range(n_experiments):
        circuit = different[index % PER_JOB]
        circuit.name = f"circuit_{index}"
        yield circuit


def look(store: Path, n_experiments: int) -> dict[str, Any]:
    """Look up at random: where each look opens another job's result, and where few were opened."""
    from qiskit_job_manager import JobManager

    with JobManager(store) as manager:
        begin = time.perf_counter()
        job_set = manager.retrieve_job_set(NAME)
        results = job_set.results(timeout=0)
        results.get_counts(n_experiments // 3)
        opened_ms = (time.perf_counter() - begin) * 1e3
        chance = random.Random(7)

        def looked_us(work: Callable[[int], object], within: int, n: int) -> list[float]:
            return [_microseconds(work, index) for index in chance.choices(range(within), k=n)]

        cold_us = looked_us(results.get_counts, n_experiments, N_COLD)
        # The peer: the same results of Qiskit's own, in memory.
        in_memory = []
        for index in range(0, N_WARM, PER_JOB):
            results.get_counts(index)
            job, _ = job_set.job(index)
            in_memory.append(job.result())
        ways: dict[str, Callable[[int], object]] = {
            "warm_by_index_us": results.get_counts,
            "warm_by_name_us": lambda index: results.get_counts(f"circuit_{index}"),
            "in_memory_us": lambda i: in_memory[i // PER_JOB].get_counts(i % PER_JOB),
            "progress_us": lambda _: job_set.progress(),
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(N_TURNS):
            for name, way in ways.items():
                taken[name] += looked_us(way, N_WARM, N_LOOKS // N_TURNS)
        medians = {name: statistics.median(each) for name, each in taken.items()}
        return {"opened_ms": opened_ms, "cold_us": statistics.median(cold_us), **medians}


def _microseconds(work: Callable[[int], object], index: int) -> float:
    begin = time.perf_counter_ns()
    work(index)
    return (time.perf_counter_ns() - begin) / 1_000


def main(step: str, folder: str, n_experiments: str) -> None:
    store = Path(folder) / "million.db"
    steps = {"run": run, "look": look, "reopen": reopen}
    print(json.dumps(steps[step](store, int(n_experiments))))


if __name__ == "__main__":
    main(*sys.argv[1:])
