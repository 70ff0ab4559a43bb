"""Adding 100 circuits to a job set of 10,000: `build` it, `alone` run the 100, `extend` it.

The backend is Aer, as most of the time of the 100 is what simulating them takes. The 10,000 are
run by a backend of the same name that answers at once, as only their number counts. Each step
prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

N_BEFORE = 10_000
N_NEW = 100
PER_JOB = 100


def run(store: Path, first: int, stop: int, backend: Any) -> float:
    """Run some of the circuits, and return the seconds until all have results."""
    import circuits as measured
    from qiskit_job_manager import JobManager

    wanted = measured.make(stop)[first:]
    with JobManager(store, workers=0) as manager:
        begin = time.perf_counter()
        job_set = manager.run(
            wanted,
            backend,
            name="growing",
            shots=1_024,
            max_experiments_per_job=PER_JOB,
            if_exists="extend",
        )
        assert job_set.results().success
        taken_s = time.perf_counter() - begin
        assert job_set.n_experiments == stop - first
    return taken_s


def build(store: Path) -> dict[str, Any]:
    from instant import InstantBackend

    backend = InstantBackend()
    backend.name = _aer().name
    return {"build_s": run(store, 0, N_BEFORE, backend)}


def _aer() -> Any:
    from qiskit_aer import AerSimulator

    return AerSimulator(max_parallel_threads=1)


def alone(store: Path) -> dict[str, Any]:
    store = store.with_name("alone.db")
    store.unlink(missing_ok=True)
    return {"alone_s": run(store, N_BEFORE, N_BEFORE + N_NEW, _aer())}


def extend(store: Path) -> dict[str, Any]:
    return {"extend_s": run(store, 0, N_BEFORE + N_NEW, _aer())}


def main(step: str, folder: str) -> None:
    store = Path(folder) / "growing.db"
    print(json.dumps({"build": build, "alone": alone, "extend": extend}[step](store)))


if __name__ == "__main__":
    main(*sys.argv[1:])
