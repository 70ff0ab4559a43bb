"""A job set of 100,000 experiments: `build` it, `look` results up in it, `reopen` it.

The backend answers at once with made-up counts like those of the measured circuits, as the time
that a simulator takes says nothing about looking up. Each step prints one line of JSON.
"""

from __future__ import annotations

import importlib
import json
import random
import statistics
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qiskit import QuantumCircuit

N_EXPERIMENTS = 100_000
PER_JOB = 100
NAME = "large"
MODULES = "modules.json"
N_LOOKS = 10_000
N_WARMING = 1_000


def build(store: Path) -> dict[str, Any]:
    from instant import InstantBackend
    from qiskit_job_manager import JobManager

    begin = time.perf_counter()
    with JobManager(store) as manager:
        job_set = manager.run(
            _circuits(), InstantBackend(), name=NAME, max_experiments_per_job=PER_JOB, volatile=True
        )
        assert job_set.results().success
    return {"build_s": time.perf_counter() - begin}


def _circuits() -> Iterator[QuantumCircuit]:
    import circuits as measured

    (circuit,) = measured.make(1)
    for index in range(N_EXPERIMENTS):
        circuit.name = f"circuit_{index}"
        yield circuit


def look(store: Path) -> dict[str, Any]:
    from qiskit_job_manager import JobManager

    results = JobManager(store).retrieve_job_set(NAME).results(timeout=0)
    chance = random.Random(7)
    for index in chance.choices(range(N_EXPERIMENTS), k=N_WARMING):
        results.get_counts(index)
        results.get_counts(f"circuit_{index}")
    # In turns, so that whatever else the machine does hits both.
    by_index, by_name = [], []
    for index in chance.choices(range(N_EXPERIMENTS), k=N_LOOKS):
        by_index.append(_microseconds(lambda: results.get_counts(index)))  # noqa: B023
    for index in chance.choices(range(N_EXPERIMENTS), k=N_LOOKS):
        name = f"circuit_{index}"
        by_name.append(_microseconds(lambda: results.get_counts(name)))  # noqa: B023
    return {"by_index_us": statistics.median(by_index), "by_name_us": statistics.median(by_name)}


def _microseconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - begin) / 1_000


def reopen(store: Path, n_experiments: int = N_EXPERIMENTS) -> dict[str, Any]:
    """Open the job set and read one result, with the modules that this imports imported before."""
    listed = store.with_name(MODULES)
    for module in json.loads(listed.read_text()) if listed.exists() else []:
        # Some modules are put where they are by others, and cannot be imported by their name.
        with suppress(ImportError):
            importlib.import_module(module)
    from qiskit_job_manager import JobManager

    begin = time.perf_counter()
    results = JobManager(store).retrieve_job_set(NAME).results(timeout=0)
    counts = results.get_counts(f"circuit_{n_experiments // 3}")
    taken_ms = (time.perf_counter() - begin) * 1_000
    assert sum(counts.values()) == 1_024
    return {"reopen_ms": taken_ms, "modules": [name for name in sys.modules if name != "__main__"]}


def main(step: str, folder: str) -> None:
    store = Path(folder) / "large.db"
    print(json.dumps({"build": build, "look": look, "reopen": reopen}[step](store)))


if __name__ == "__main__":
    main(*sys.argv[1:])
