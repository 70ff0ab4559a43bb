"""One client runs one row of the makespan table, and prints one line of JSON.

    python benchmarks/clients.py CLIENT ROW FOLDER

The row is the JSON of a `Row`; the folder is where our store may be. The clients: ours through our
own port (`ours`) and through Qiskit's `BackendV2` (`ours_v2`); the loop over chunks that users
write, one after the other (`loop`) and on 8 threads (`threads`); the latter where a provider's
``result()`` is two calls (`threads_2`); Qiskit's `BackendSamplerV2` (`sampler`); and the encoding
of the circuits alone (`qpy`).

The loops do what is right and no more: a chunk is submitted, again after a while where it was
refused, and its result is waited for. They keep everything in memory, and end at the first error.
"""

from __future__ import annotations

import io
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiskit import qpy
from qiskit.primitives import BackendSamplerV2

import circuits as measured
import premade
from qiskit_job_manager import JobManager, Limits
from rows import Row
from schedule import TooManyJobsError
from simulated import Pace, SimulatedCloud
from simulated_adapter import SimulatedAdapter
from simulated_backend import SimulatedBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qiskit import QuantumCircuit
    from qiskit.result import Result

    Circuits = Sequence[QuantumCircuit]

THREADS = 8
RETRY_S = 0.05  # of 0.02 to 0.5, as good as any for the loop on threads


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run took.

    Attributes:
        makespan_s: Seconds from the start to all results in hand.
        cpu_s: CPU seconds of the process meanwhile, without the service's.
        encoding_cpu_s: Of these, what the client of a Qiskit backend spent encoding.
        calls: Calls to the cloud by kind.
        died: The error that ended it, if one did.
    """

    makespan_s: float
    cpu_s: float
    encoding_cpu_s: float = 0.0
    calls: dict[str, int] | None = None
    died: str | None = None


def timed(work: Callable[[], Any]) -> tuple[Any, Ran]:
    """Return what the work returns, and what it took; being refused ends it."""
    began_s, cpu_s, died, value = time.perf_counter(), time.process_time(), None, None
    try:
        value = work()
    except TooManyJobsError as error:
        died = str(error)
    took = Ran(time.perf_counter() - began_s, time.process_time() - cpu_s, died=died)
    return value, took


# -- the managers ----------------------------------------------------------------------------------


def ours(row: Row, circuits: Circuits, folder: Path) -> Ran:
    """Run through our own port."""
    made = premade.of_payload(premade.results_by_first(circuits, row.per_job))
    cloud = SimulatedCloud(_pace(row))
    adapter = SimulatedAdapter(cloud, made)
    warm = SimulatedAdapter(SimulatedCloud(Pace(latency_s=0, service_s=0)), made)
    took = _managed(folder, warm, adapter, row, circuits)
    return _ran(took, cloud, service_cpu_s=adapter.service_cpu_s)


def ours_v2(row: Row, circuits: Circuits, folder: Path) -> Ran:
    """Run through a Qiskit backend; of its limits, the user knows how many may be pending."""
    made = premade.of_circuits(premade.results_by_first(circuits, row.per_job))
    cloud = SimulatedCloud(_pace(row))
    backend = SimulatedBackend(cloud, made)
    warm = SimulatedBackend(SimulatedCloud(Pace(latency_s=0, service_s=0)), made)
    took = _managed(folder, warm, backend, row, circuits)
    return _ran(took, cloud, encoding_cpu_s=backend.encoding_cpu_s)


def _managed(folder: Path, warm: Any, backend: Any, row: Row, circuits: Circuits) -> Ran:
    with JobManager(folder / "store.db") as manager:
        # Imports are made, and the store with its schema; both are paid once.
        manager.run(circuits[: row.per_job], warm).results()

        def work() -> Any:
            job_set = manager.run(
                circuits,
                backend,
                shots=premade.SHOTS,
                max_experiments_per_job=row.per_job,
                limits=Limits(pending_jobs=row.pending),
            )
            return job_set.results()

        results, took = timed(work)
        assert results.success
        assert sum(results.get_counts(len(circuits) - 1).values()) == premade.SHOTS
    return took


# -- what users do otherwise -----------------------------------------------------------------------


def loop(row: Row, circuits: Circuits, _: Path) -> Ran:
    """Run one chunk after the other."""
    return _by_hand(row, circuits, map)


def threads(row: Row, circuits: Circuits, _: Path, *, waits_first: bool = False) -> Ran:
    """Run the chunks on threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        return _by_hand(row, circuits, pool.map, waits_first=waits_first)


def _by_hand(
    row: Row,
    circuits: Circuits,
    over: Callable[..., Iterator[Result]],
    *,
    waits_first: bool = False,
) -> Ran:
    made = premade.of_circuits(premade.results_by_first(circuits, row.per_job))
    cloud = SimulatedCloud(_pace(row))
    backend = SimulatedBackend(cloud, made, waits_first=waits_first)
    starts = range(0, len(circuits), row.per_job)
    chunks = [circuits[start : start + row.per_job] for start in starts]
    results, took = timed(lambda: list(over(partial(_run_chunk, backend), chunks)))
    assert sum(len(result.results) for result in results) == len(circuits)
    return _ran(took, cloud, encoding_cpu_s=backend.encoding_cpu_s)


def _run_chunk(backend: SimulatedBackend, chunk: list[QuantumCircuit]) -> Result:
    while True:
        try:
            job = backend.run(chunk, shots=premade.SHOTS)
        except TooManyJobsError:
            time.sleep(RETRY_S)
        else:
            return job.result()


def sampler(row: Row, circuits: Circuits, _: Path) -> Ran:
    """Have Qiskit split; it submits all, and knows no refusal."""
    made = premade.of_circuits(premade.results_by_first(circuits, row.per_job, memory=True))
    cloud = SimulatedCloud(_pace(row))
    backend = SimulatedBackend(cloud, made, max_circuits=row.per_job)
    primitive = BackendSamplerV2(backend=backend)
    results, took = timed(lambda: primitive.run(circuits, shots=premade.SHOTS).result())
    assert took.died or len(results) == len(circuits)
    return _ran(took, cloud, encoding_cpu_s=backend.encoding_cpu_s)


def encoding(_row: Row, circuits: Circuits, _: Path) -> Ran:
    """Encode the circuits, each as a QPY file, and nothing else."""
    qpy.dump(circuits[0], io.BytesIO())

    def work() -> None:
        for circuit in circuits:
            qpy.dump(circuit, io.BytesIO())

    return timed(work)[1]


def _pace(row: Row) -> Pace:
    return Pace(
        latency_s=row.latency_s,
        service_s=row.service_s,
        at_once=row.at_once,
        pending=row.pending,
    )


def _ran(
    took: Ran, cloud: SimulatedCloud, *, encoding_cpu_s: float = 0.0, service_cpu_s: float = 0.0
) -> Ran:
    return Ran(
        took.makespan_s,
        took.cpu_s - service_cpu_s,
        encoding_cpu_s,
        calls=dict(cloud.calls),
        died=took.died,
    )


CLIENTS: dict[str, Callable[[Row, Circuits, Path], Ran]] = {
    "ours": ours,
    "ours_v2": ours_v2,
    "loop": loop,
    "threads": threads,
    "threads_2": partial(threads, waits_first=True),
    "sampler": sampler,
    "qpy": encoding,
}


def main(client: str, row: str, folder: str) -> None:
    workload = Row(**json.loads(row))
    circuits = measured.make(workload.jobs * workload.per_job)
    print(json.dumps(asdict(CLIENTS[client](workload, circuits, Path(folder)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
