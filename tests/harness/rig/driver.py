"""Starts drivers quickly: this process has imported all that is slow, and forks for each driver.

It reads a line of JSON for each driver, and answers with the process id. A driver does one of:

    run      hand the job set over, or go on with it, and wait for its results
    attach   open the job set again by its name, and wait for its results
    naive    what `rig.naive` does, against the cloud
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from pathlib import Path

SHOTS = 40
CLBITS = 4
LEASE_S = 2.0


def circuits(name, jobs, per_job):
    from qiskit import QuantumCircuit

    for i in range(jobs * per_job):
        circuit = QuantumCircuit(CLBITS, CLBITS, name=f"{name}-{i}")
        circuit.x(i % CLBITS)
        circuit.measure(range(CLBITS), range(CLBITS))
        yield circuit


def drive(said):
    hurry()
    if said.get("log"):
        logging.basicConfig(level=logging.DEBUG)
        logging.debug("everything is logged")
    if said.get("token"):
        os.environ["QJM_CLOUD_TOKEN"] = said["token"]
    if said.get("crash_at"):
        die_at(said["crash_at"])
    record(Path(said["words"]).parent)
    if said["do"] == "naive":
        naive(said)
    else:
        ours(said)


def hurry():
    """Poll the cloud and the store often, and make leases short."""
    from qiskit_job_manager.engine import loop
    from qiskit_job_manager.lifecycle import decisions
    from qiskit_job_manager.stores import leases

    decisions._REMOTE_POLL_S = (0.02, 0.1)
    loop._LOOK_EVERY_S = 0.05
    loop._RENEW_EVERY_S = LEASE_S / 5
    leases._LEASE_US = int(1e6 * LEASE_S)


def record(folder):
    """Record the calls of all stores of this process in a folder, for the checker of histories."""
    from rig.history import SUFFIX, Recorder

    from qiskit_job_manager.stores.sql_store import SqlStore

    Recorder(folder / f"{os.getpid()}{SUFFIX}").watch(SqlStore)


def die_at(number):
    """Die by SIGKILL at a boundary; see `rig.gate`."""
    from rig.gate import BACKEND_CALLS, SPOOL_CALLS, STORE_WRITES, Gate, gated

    from qiskit_job_manager.engine import Spool
    from qiskit_job_manager.stores.sql_store import SqlStore
    from qiskit_job_manager.testing.cloud_service import CloudAdapter

    def happen(count, name):
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    gate = Gate(happen)
    handing_over = ("create_job_set", "add_blocks", "complete_job_set")
    for port, calls in (
        (SqlStore, (*STORE_WRITES, *handing_over)),
        (CloudAdapter, BACKEND_CALLS),
        (Spool, SPOOL_CALLS),
    ):
        for call in calls:
            setattr(port, call, gated(getattr(port, call), call, gate))


def ours(said):
    from qiskit_job_manager import JobManager
    from qiskit_job_manager.model import RetryPolicy

    with JobManager(said["store"]) as manager:
        if said["do"] == "run":
            job_set = manager.run(
                circuits(said["name"], said["jobs"], said["per_job"]),
                said["uri"],
                name=said["name"],
                shots=SHOTS,
                max_experiments_per_job=said["per_job"],
                retry=RetryPolicy(first_wait_s=0.02, longest_wait_s=0.2),
                if_exists="resume",
            )
        else:
            job_set = manager.retrieve_job_set(said["name"])
        job_set.results(timeout=100)


def naive(said):
    from qiskit_job_manager.backends import open_backend
    from qiskit_job_manager.codec.circuits import encode_circuit, pack
    from qiskit_job_manager.codec.results import open_result
    from qiskit_job_manager.model import RemoteState
    from qiskit_job_manager.testing.ledger import digest

    backend, path, per_job = open_backend(said["uri"]), Path(said["store"]), said["per_job"]
    coded = [encode_circuit(c) for c in circuits(said["name"], said["jobs"], per_job)]
    payloads = [pack(coded[i : i + per_job]) for i in range(0, len(coded), per_job)]
    jobs = [{"digest": digest(p), "id": None, "counts": None} for p in payloads]
    if path.exists():
        jobs = json.loads(path.read_text())
    while any(job["counts"] is None for job in jobs):
        for number, (job, payload) in enumerate(zip(jobs, payloads, strict=True)):
            try:
                if job["id"] is None:
                    tag = f"{said['name']}-{number}"
                    job["id"] = backend.submit(payload, {"shots": SHOTS}, tag)
                if job["counts"] is None:
                    state = backend.statuses([job["id"]])[job["id"]].state
                    if state is RemoteState.DONE:
                        reader = open_result(backend.fetch(job["id"]))
                        job["counts"] = [reader.counts(i) for i in range(per_job)]
            except Exception:  # noqa: BLE001  # naive
                time.sleep(0.02)
        path.write_text(json.dumps(jobs))


def main():

    import qiskit_job_manager.backends.qiskit_backend
    import qiskit_job_manager.manager.hand_over
    import qiskit_job_manager.stores.open
    import qiskit_job_manager.testing.cloud_service  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave no zombies
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            said = json.loads(line)
            words = Path(said["words"]).open("a")  # noqa: SIM115  # for as long as the process lives
            os.dup2(words.fileno(), 1)
            os.dup2(words.fileno(), 2)
            code = 1
            try:
                drive(said)
                Path(said["finished"]).touch()
                code = 0
            except BaseException:  # noqa: BLE001  # the words of the dead go to a file
                import traceback

                traceback.print_exc()
            finally:
                words.flush()
                os._exit(code)
        print(pid, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
