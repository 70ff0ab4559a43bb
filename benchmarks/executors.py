"""What computing on several workers gains: `python benchmarks/executors.py [ROUNDS]`.

Each arm runs in a process of its own, in turn with plain Aer, and medians of the ratios are shown:

    wide      12 circuits each of 16 to 20 qubits, on 2 workers that are up
    noisy     20 circuits of 10 qubits with a noise model, on 2 workers that are up
    started   the same kind of work, some 10 s of it, the start of the workers included
    small     2,000 circuits of 5 qubits, on 2 workers that are up
    dask      CPU time of 2,000 circuits of 5 qubits on two Dask workers that are up, all processes
              together, over that of plain Aer
    sleeping  320 jobs of 0.5 s on 16 workers beside 1
    thousand  an executor of 1,000 places whose tasks only last 10 s, 100 a second: how busy it is,
              CPU time of the driver for a circuit beyond QPY, and how much its memory grows

How soon jobs of a tenth of a second end, beside the ideal client, is measured by `makespan.py`.
"""

from __future__ import annotations

import heapq
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle  # noqa: TID251  # has executors carry classes of this file by value
from qiskit import QuantumCircuit, qpy
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

import circuits as measured

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOTS = 1_024
WORKERS = 2
WARM_S = 60.0


def layers(n_qubits: int, depth: int, name: str) -> QuantumCircuit:
    circuit = QuantumCircuit(n_qubits, name=name)
    for layer in range(depth):
        for qubit in range(n_qubits):
            circuit.u(0.1 * layer, 0.2, 0.3 * qubit, qubit)
        for qubit in range(layer % 2, n_qubits - 1, 2):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def noise() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.001, 1), ["u"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.01, 2), ["cx"])
    return model


def work_of(arm: str) -> tuple[list[QuantumCircuit], AerSimulator]:
    """Return the circuits of an arm, and what simulates them."""
    if arm == "small":
        return measured.make(2_000), AerSimulator()
    if arm == "noisy":
        return [layers(10, 10, f"{i}") for i in range(20)], AerSimulator(noise_model=noise())
    widths = [16 + index % 5 for index in range(60)]
    return [layers(width, 20, f"{i}") for i, width in enumerate(widths)], AerSimulator()


def direct(arm: str) -> dict[str, float]:
    circuits, simulator = work_of(arm)
    simulator.set_options(max_parallel_threads=1)
    simulator.run(measured.make(1), shots=SHOTS).result()
    return timed(lambda: simulator.run(circuits, shots=SHOTS).result())


def managed(arm: str, *, warm: bool) -> dict[str, float]:
    circuits, simulator = work_of(arm)
    backend: Any = simulator if arm == "noisy" else "aer"
    with opened(workers=WORKERS) as manager:
        manager.run(measured.make(1), backend, shots=SHOTS).results()
        if warm:
            manager.run(work_of("noisy")[0][:8], "aer", shots=3_000_000).results()
        return timed(lambda: manager.run(circuits, backend, shots=SHOTS).results())


def on_dask() -> dict[str, float]:
    import distributed

    circuits, _ = work_of("small")
    with (
        distributed.LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
        opened(executor=client) as manager,
    ):

        def workers_s() -> float:
            return sum(sum(each[:2]) for each in client.run(os.times).values())

        split = {"shots": SHOTS, "max_experiments_per_job": 100}
        manager.run(
            measured.make(8 * WORKERS), "aer", shots=SHOTS, max_experiments_per_job=1
        ).results()
        before_s = workers_s()
        figures = timed(lambda: manager.run(circuits, "aer", **split).results())
        beside_s = workers_s() - before_s
    return figures | {"driver_cpu_s": figures["cpu_s"], "cpu_s": figures["cpu_s"] + beside_s}


@contextmanager
def opened(**where: Any) -> Iterator[Any]:
    """Open a manager on a store that is removed at the end."""
    from qiskit_job_manager import JobManager

    with (
        tempfile.TemporaryDirectory() as folder,
        JobManager(Path(folder) / "store.db", **where) as manager,
    ):
        yield manager


def timed(work: Any) -> dict[str, float]:
    before_s, began_s = _cpu(resource.RUSAGE_SELF), time.perf_counter()
    work()
    wall_s = time.perf_counter() - began_s
    return {"wall_s": wall_s, "cpu_s": _cpu(resource.RUSAGE_SELF) - before_s}


def _cpu(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


# -- workers that sleep ---------------------------------------------------------------------------


class SleepingSimulator(AerSimulator):
    """Takes half a second for a job, and no core."""

    def _run_circuits(self, *arguments: Any, **more: Any) -> Any:
        time.sleep(0.5)
        return super()._run_circuits(*arguments, **more)

    def _execute_circuits_job(self, *arguments: Any, **more: Any) -> Any:
        time.sleep(0.5)
        return super()._execute_circuits_job(*arguments, **more)


def sleeping(workers: int, jobs: int) -> dict[str, float]:
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    backend = SleepingSimulator(noise_model=NoiseModel())
    one = {"shots": 10, "max_experiments_per_job": 1}
    with opened(workers=workers) as manager:
        manager.run(measured.make(4 * workers), backend, **one).results()
        circuits = measured.make(jobs)
        figures = timed(lambda: manager.run(circuits, backend, **one).results())
    return figures | {"jobs": jobs}


class Sleepers(Executor):
    """An executor of many places; a task lasts for a while, and has an answer made before.

    Args:
        places: Tasks at once.
        task_s: How long each lasts.
        answer: What each returns.
    """

    def __init__(self, places: int, task_s: float, answer: Any) -> None:
        self.max_workers = places
        self.busy_s = 0.0
        self._task_s = task_s
        self._answer = answer
        self._changed = threading.Condition()
        self._waiting: list[Future[Any]] = []
        self._running: list[tuple[float, int, Future[Any]]] = []
        self._n = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ARG002
        """Take a task, whatever it is."""
        future: Future[Any] = Future()
        with self._changed:
            self._waiting.append(future)
            self._changed.notify()
        return future

    def _serve(self) -> None:
        while True:
            with self._changed:
                while self._waiting and len(self._running) < self.max_workers:
                    self._n += 1
                    end_s = time.monotonic() + self._task_s
                    heapq.heappush(self._running, (end_s, self._n, self._waiting.pop(0)))
                left_s = self._running[0][0] - time.monotonic() if self._running else None
                if left_s is None or left_s > 0:
                    self._changed.wait(left_s)
                    continue
                _, _, future = heapq.heappop(self._running)
                self.busy_s += self._task_s
            future.set_result(self._answer)


def thousand(places: int, task_s: float, tasks: int) -> dict[str, float]:
    from qiskit_job_manager.backends import adapt
    from qiskit_job_manager.backends.local.task import answer_of
    from qiskit_job_manager.codec.circuits import encode_circuit, pack

    hundred = measured.make(100)
    payload = pack([encode_circuit(each) for each in hundred])
    answer = answer_of(adapt("aer"), payload, {"shots": SHOTS})
    executor = Sleepers(places, task_s, answer)
    circuits = (each for _ in range(tasks) for each in hundred)
    qpy_ms = timed(lambda: [qpy.dump(each, io.BytesIO()) for each in hundred])["cpu_s"] * 10
    with opened(executor=executor) as manager:
        split = {"shots": SHOTS, "max_experiments_per_job": 100}
        job_sets = []
        handed = timed(lambda: job_sets.append(manager.run(circuits, "aer", drive=False, **split)))
        before = _resident()
        driven = timed(job_sets[0].results)
    hand_over_ms, drive_ms = (each["cpu_s"] / (100 * tasks) * 1_000 for each in (handed, driven))
    return {
        "wall_s": driven["wall_s"],
        "busy": executor.busy_s / (places * driven["wall_s"]),
        "hand_over_cpu_ms_a_circuit": hand_over_ms,
        "of_it_qpy": qpy_ms,
        "driver_cpu_ms_a_circuit": drive_ms,
        "cpu_ms_a_circuit_beyond_qpy": hand_over_ms + drive_ms - qpy_ms,
        "grown_mb": (_resident() - before) / 2**20,
    }


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


# -- all together ---------------------------------------------------------------------------------


def step(*arguments: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--step", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def main(rounds: int) -> None:
    for arm, how in (("wide", "warm"), ("noisy", "warm"), ("wide", "cold"), ("small", "warm")):
        ratios = []
        for _ in range(rounds):
            plain, ours = step("direct", arm), step("managed", arm, how)
            ratios.append(plain["wall_s"] / ours["wall_s"])
        print(f"{arm:8} {how}: {statistics.median(ratios):.2f} times as fast as plain Aer", ratios)
    ratios = []
    for _ in range(rounds):
        plain, ours = step("direct", "small"), step("dask")
        ratios.append(ours["cpu_s"] / plain["cpu_s"])
    print(f"dask: {statistics.median(ratios):.2f} times the CPU time of plain Aer", ratios)
    one, many = step("sleeping", "1", "20"), step("sleeping", "16", "320")
    gain = (one["wall_s"] / one["jobs"]) / (many["wall_s"] / many["jobs"])
    print(f"sleeping 16 workers: {gain:.1f} times one")
    print("thousand", step("thousand", "1000", "10", "6000"))


def one_step(what: str, *arguments: str) -> dict[str, float]:
    if what == "direct":
        return direct(arguments[0])
    if what == "managed":
        return managed(arguments[0], warm=arguments[1] == "warm")
    if what == "dask":
        return on_dask()
    if what == "sleeping":
        return sleeping(int(arguments[0]), int(arguments[1]))
    return thousand(int(arguments[0]), float(arguments[1]), int(arguments[2]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(one_step(*sys.argv[2:])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
