"""Two things that users do to one job set at the same moment, while its jobs are in flight.

Each is done by a manager of its own on the same store, as two processes would, while a third one
drives; or both by threads of the manager that drives. The outcome must be: done once, or told.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
import traceback
from contextlib import closing, suppress

from qiskit import QuantumCircuit
from rig.server import Server
from rig.tally import Tally

from qiskit_job_manager import JobManager
from qiskit_job_manager.errors import JobManagerError
from qiskit_job_manager.testing.cloud_service import CloudService, Faults
from qiskit_job_manager.testing.samples import expected_counts

JOBS, CLBITS, SHOTS = 6, 3, 5
WITHIN_S = 90.0
CLOSED = 0.5
NAME = "pair"


def circuits():
    made = []
    for number in range(JOBS):
        circuit = QuantumCircuit(CLBITS, CLBITS, name=f"c{number}")
        circuit.measure(range(CLBITS), range(CLBITS))
        made.append(circuit)
    return made


def run(manager, uri):
    return manager.run(
        circuits(), uri, name=NAME, max_experiments_per_job=1, shots=SHOTS, if_exists="resume"
    )


def delete(job_set):
    """Delete a set, which must have ended for that."""
    job_set.cancel()
    job_set.wait(WITHIN_S)
    job_set.delete()


ACTS = {
    "run": lambda manager, _id, uri, _folder: run(manager, uri).wait(0.5),
    "resume": lambda manager, *_: manager.resume(),
    "wait": lambda manager, job_set_id, *_: manager.retrieve_job_set(job_set_id).wait(0.5),
    "retry": lambda manager, job_set_id, *_: manager.find(job_set_id).retry(),
    "retry cancelled": lambda manager, job_set_id, *_: manager.find(job_set_id).retry(
        cancelled=True
    ),
    "cancel": lambda manager, job_set_id, *_: manager.find(job_set_id).cancel(),
    "delete": lambda manager, job_set_id, *_: delete(manager.find(job_set_id)),
    "close": lambda manager, *_: (manager.resume(), manager.close()),
    "abandon": lambda manager, job_set_id, *_: manager.find(job_set_id).abandon(),
    "resubmit": lambda manager, job_set_id, *_: manager.find(job_set_id).resubmit(),
    "rename": lambda manager, job_set_id, *_: manager.find(job_set_id).update_name("renamed"),
    "tag": lambda manager, job_set_id, *_: manager.find(job_set_id).update_tags(["one"]),
    "export": lambda manager, job_set_id, _uri, folder: manager.find(job_set_id).export(
        folder / f"{threading.get_ident()}.zip"
    ),
    "read": lambda manager, job_set_id, *_: manager.find(job_set_id).results(timeout=0.2),
}
"""What users do, by name; each takes a manager, the id of the set, its backend, and a folder."""

PAIRS = list(itertools.combinations_with_replacement(ACTS, 2))
ENDS_JOBS = {"cancel", "delete", "abandon"}
SENDS_AGAIN = {"delete", "rename", "cancel", "abandon", "retry cancelled"}


def pair(folder, seed, server=None):
    """Do two things at once.

    The seed says which, whether by threads of the driving process or by two others, and whether
    the driver is closed just then.
    """
    of_driver, number = divmod(seed % (2 * len(PAIRS)), len(PAIRS))
    names = PAIRS[number]
    where = folder / f"pair-{seed}"
    where.mkdir()
    with closing(Server(server) if server else _Files(where)) as stores:
        return _Pair(where, names, f"pair {seed} ({' and '.join(names)})").play(
            stores.new_schema(),
            by_driver=bool(of_driver),
            ends=random.Random(seed).random() < CLOSED,
        )


class _Files:
    def __init__(self, folder):
        self._folder = folder

    def new_schema(self):
        return self._folder / "store.db"

    def close(self):
        """Keep the file: its folder is removed by others."""


class _Pair:
    def __init__(self, folder, names, title):
        self.folder, self.names, self.title = folder, names, title
        self.tally = Tally(cases=1, jobs=JOBS)
        self.told = []

    def play(self, store, *, by_driver, ends):
        faults = Faults(jobs_at_once=1)
        with CloudService(faults, ledger=self.folder / "ledger.jsonl") as cloud:
            uri = f"cloud:http://{cloud.address}?variant=findable"
            managers = [JobManager(store) for _ in range(3)]
            job_set = run(managers[0], uri)
            actors = 2 * managers[:1] if by_driver else managers[1:]
            threads = self._start(actors, job_set.job_set_id(), uri)
            if ends:
                managers[0].close()
            for thread in threads:
                thread.join(WITHIN_S)
                if thread.is_alive():
                    self._broken(f"{thread.name} did not end")
            cloud.faults = Faults()
            self._judge(store, cloud)
            for manager in managers:
                manager.close()
            self._judge_leases(store)
        return self.tally

    def _start(self, managers, job_set_id, uri):
        begin = threading.Barrier(3)

        def act(manager, name):
            begin.wait()
            try:
                ACTS[name](manager, job_set_id, uri, self.folder)
            except JobManagerError as error:
                self.told.append(f"{name}: {type(error).__name__}")
            except BaseException:  # noqa: BLE001  # whatever it is, it is judged
                self._broken(f"{name} raised {traceback.format_exc()[-800:]}")

        threads = [
            threading.Thread(target=act, args=each, name=each[1], daemon=True)
            for each in zip(managers, self.names, strict=True)
        ]
        for thread in threads:
            thread.start()
        begin.wait()
        return threads

    def _judge(self, store, cloud):
        with JobManager(store) as manager:
            found = manager.job_sets()
            if not found and "delete" not in self.names:
                self._broken("the set is gone")
            for each in found:
                job_set = manager.retrieve_job_set(each.job_set_id())
                if not job_set.wait(WITHIN_S):
                    self._broken(f"it did not end: {job_set.progress()}, {job_set.trouble()}")
                elif not ENDS_JOBS.intersection(self.names):
                    self._judge_results(job_set)
        sent = cloud.books().submissions_by_tag()
        if set(sent.values()) - {1}:
            self._broken(f"a tag was sent twice: {sent}")
        if len(sent) > JOBS and not SENDS_AGAIN.intersection(self.names):
            self._broken(f"{len(sent)} submissions for {JOBS} jobs")

    def _judge_results(self, job_set):
        results = job_set.results(timeout=WITHIN_S)
        for number in range(JOBS):
            counts = None
            with suppress(JobManagerError):
                counts = {hex(int(k, 2)): n for k, n in results.get_counts(number).items()}
            if counts != expected_counts(f"c{number}", CLBITS, SHOTS):
                self._broken(f"experiment {number} has {counts}: {job_set.error_messages()}")

    def _judge_leases(self, store):
        with JobManager(store) as manager:
            for each in manager.job_sets():
                until_s = time.monotonic() + WITHIN_S
                while other := each.other_driver():
                    if time.monotonic() > until_s:
                        self._broken(f"all managers are closed, and {other} drives")
                        break
                    time.sleep(0.05)

    def _broken(self, words):
        self.tally.violations.append(f"{self.title}: {words}; told: {self.told}")
