"""Starts drivers quickly: this process has imported all that is slow, and forks for each driver.

It reads a line of JSON for each driver, and answers with the process id. A driver does one of:

    run      hand the job set over, or go on with it, and wait for its results
    attach   open the job set again by its name, and wait for its results
    threads  `run` in several threads at once, with one manager or with one each
    again    `run` in a process in which the generator failed several times before
    qjm      a command of the command line
    act      one of the acts of `rig.pairs`
    naive    what `rig.naive` does, against the cloud
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

SHOTS = 40
CLBITS = 4
LEASE_S = 2.0
PATIENCE_S = 100.0


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
    if said.get("signal_at"):
        signal_at(*said["signal_at"])
    record(Path(said["words"]).parent)
    DOES[said["do"]](said)


def hurry():
    """Poll the cloud and the store often, and make leases and waits for the server short."""
    from qiskit_job_manager.engine import lease, loop
    from qiskit_job_manager.lifecycle import decisions
    from qiskit_job_manager.stores import leases, postgresql

    shorter = LEASE_S / leases.TimedLeases.lease_s
    decisions._REMOTE_POLL_S = (0.02, 0.1)
    loop._LOOK_EVERY_S = 0.05
    lease.RENEW_EVERY_S *= shorter
    lease.SAFE_REST_S *= shorter
    leases._LEASE_US = int(1e6 * LEASE_S)
    leases.TimedLeases.lease_s = LEASE_S
    postgresql._SILENCE_S *= shorter
    postgresql._LEAST_SILENCE_S *= shorter
    postgresql._OF_CLIENT["tcp_user_timeout"] = f"{1000 * postgresql._SILENCE_S:.0f}"
    # As ever, the server gives a lock up before its client gives the server up.
    for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
        seconds = float(postgresql._OF_SERVER[name].removesuffix("s"))
        postgresql._OF_SERVER[name] = f"{1000 * seconds * shorter:.0f}ms"


def record(folder):
    """Record the calls of all stores of this process in a folder, for the checker of histories."""
    from rig.history import SUFFIX, Recorder

    from qiskit_job_manager.stores.sql_store import SqlStore

    Recorder(folder / f"{os.getpid()}{SUFFIX}").watch(SqlStore)


def signal_at(number, signal_number):
    """Send this process a signal at a boundary; see `rig.gate`."""
    from rig.gate import BACKEND_CALLS, SPOOL_CALLS, STORE_WRITES, Gate, gated

    from qiskit_job_manager.engine import Spool
    from qiskit_job_manager.stores.sql_store import SqlStore
    from qiskit_job_manager.testing.cloud_service import CloudAdapter

    def happen(count, name):
        if count == number:
            os.kill(os.getpid(), signal_number)

    gate = Gate(happen)
    handing_over = ("create_job_set", "add_blocks", "complete_job_set")
    for port, calls in (
        (SqlStore, (*STORE_WRITES, *handing_over)),
        (CloudAdapter, BACKEND_CALLS),
        (Spool, SPOOL_CALLS),
    ):
        for call in calls:
            setattr(port, call, gated(getattr(port, call), call, gate))


def run(said):
    from qiskit_job_manager import JobManager

    with JobManager(said["store"]) as manager:
        whole(manager, said)


def hand_over(manager, said, experiments):
    from qiskit_job_manager.model import RetryPolicy

    return manager.run(
        experiments,
        said["uri"],
        name=said["name"],
        shots=SHOTS,
        max_experiments_per_job=said["per_job"],
        retry=RetryPolicy(first_wait_s=0.02, longest_wait_s=0.2),
        if_exists="resume",
    )


def whole(manager, said):
    """Hand all over, and get all results."""
    experiments = circuits(said["name"], said["jobs"], said["per_job"])
    job_set = hand_over(manager, said, list(experiments) if said["as_list"] else experiments)
    job_set.results(timeout=PATIENCE_S)
    assert job_set.n_experiments == said["jobs"] * said["per_job"]


def attach(said):
    from qiskit_job_manager import JobManager

    with JobManager(said["store"]) as manager:
        manager.retrieve_job_set(said["name"]).results(timeout=PATIENCE_S)


def threads(said):
    from qiskit_job_manager import JobManager

    number = said["threads"]
    gate, errors = threading.Barrier(number), []

    def one(manager):
        gate.wait()
        try:
            whole(manager, said)
        except Exception as error:  # noqa: BLE001  # raised in the main thread
            errors.append(error)

    with contextlib.ExitStack() as stack:
        managers = [
            stack.enter_context(JobManager(said["store"]))
            for _ in range(number if said["own_managers"] else 1)
        ]
        started = [
            threading.Thread(target=one, args=(managers[i % len(managers)],)) for i in range(number)
        ]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()
    if errors:
        raise ExceptionGroup("threads failed", errors)


class HiccupError(Exception):
    """The generator fails."""


def again(said):
    from qiskit_job_manager import JobManager

    chance = random.Random(said["seed"])
    total = said["jobs"] * said["per_job"]

    def broken(stop):
        for i, circuit in enumerate(circuits(said["name"], said["jobs"], said["per_job"])):
            if i == stop:
                raise HiccupError
            time.sleep(chance.choice((0.0, 0.0, 0.02)))
            yield circuit

    with JobManager(said["store"]) as first, JobManager(said["store"]) as second:
        for stop in sorted(chance.sample(range(total), 3)):
            manager = first if not said["second"] else chance.choice((first, second))
            with contextlib.suppress(HiccupError):
                hand_over(manager, said, broken(stop))
            time.sleep(chance.choice((0.0, chance.uniform(0.0, 0.2))))
        whole(second if said["second"] else first, said)


def qjm(said):
    from qiskit_job_manager.cli import main as command

    sys.argv = ["qjm", "--store", said["store"], *said["arguments"]]
    try:
        command()
    except SystemExit as end:
        if end.code:
            raise


def act(said):
    from rig.pairs import ACTS

    from qiskit_job_manager import JobManager
    from qiskit_job_manager.errors import JobManagerError

    with JobManager(said["store"]) as manager:
        try:
            ACTS[said["act"]](manager, said["job_set_id"], said["uri"], Path(said["folder"]))
        except (JobManagerError, KeyboardInterrupt) as error:
            print(f"{type(error).__name__}: {error}")


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


DOES = {each.__name__: each for each in (run, attach, threads, again, qjm, act, naive)}


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
