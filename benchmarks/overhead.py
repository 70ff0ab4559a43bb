"""What one run of 2,000 circuits takes: `direct`, `managed`, `alone`, or their encoding (`qpy`).

`alone` is `managed` without worker processes. Each is run by `run.py` in a process of its own,
all taking turns, so that whatever else the
machine does hits all of them. Prints one line of JSON.
"""

from __future__ import annotations

import io
import json
import resource
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiskit import qpy
from qiskit_aer import AerSimulator

import circuits as measured

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit import QuantumCircuit

N_CIRCUITS = 2_000
PER_JOB = 100
SHOTS = 1_024


def direct(circuits: list[QuantumCircuit]) -> dict[str, Any]:
    backend = AerSimulator(max_parallel_threads=1)
    backend.run(measured.make(1), shots=SHOTS).result()

    def work() -> None:
        # All submitted, then all gathered, which is a little faster than one after the other.
        chunks = [circuits[start : start + PER_JOB] for start in range(0, N_CIRCUITS, PER_JOB)]
        jobs = [backend.run(chunk, shots=SHOTS) for chunk in chunks]
        results = [job.result() for job in jobs]
        assert all(result.success for result in results)

    return timed(work)


def managed(circuits: list[QuantumCircuit], store: Path, *, alone: bool) -> dict[str, Any]:
    from qiskit_job_manager import JobManager

    backend = AerSimulator(max_parallel_threads=1)
    with JobManager(store, workers=0 if alone else None) as manager:
        # Imports are made, and the store with its schema; both are paid once.
        manager.run(measured.make(1), backend, shots=SHOTS).results()

        def work() -> None:
            job_set = manager.run(circuits, backend, shots=SHOTS, max_experiments_per_job=PER_JOB)
            assert job_set.results().success
            # The CPU time of the workers, that of their start too, is counted when they have ended.
            manager.close()

        figures = timed(work)
    return figures | sizes(store)


def encoding(circuits: list[QuantumCircuit]) -> dict[str, Any]:
    files = [io.BytesIO() for _ in circuits]

    def work() -> None:
        for circuit, file in zip(circuits, files, strict=True):
            qpy.dump(circuit, file)

    return timed(work)


def timed(work: Callable[[], None]) -> dict[str, Any]:
    """Return the wall and CPU time that the work takes, all threads and children together."""
    cpu, wall = _cpu(), time.perf_counter()
    work()
    return {"wall_s": time.perf_counter() - wall, "cpu_s": _cpu() - cpu}


def _cpu() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def sizes(store: Path) -> dict[str, Any]:
    """Return the bytes that the results take in the store, and everything for one experiment."""
    with closing(sqlite3.connect(store)) as database:
        (results,) = database.execute("SELECT sum(length(data)) FROM result").fetchone()
        (on_pages,) = database.execute(
            "SELECT sum(pgsize) FROM dbstat WHERE name = 'result'"
        ).fetchone()
    return {
        "result_bytes": results / N_CIRCUITS,
        "result_bytes_on_pages": on_pages / N_CIRCUITS,
        "store_bytes": store.stat().st_size / N_CIRCUITS,
    }


def main(which: str, folder: str) -> None:
    circuits = measured.make(N_CIRCUITS)
    if which in ("managed", "alone"):
        figures = managed(circuits, Path(folder) / "store.db", alone=which == "alone")
    else:
        figures = {"direct": direct, "qpy": encoding}[which](circuits)
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
