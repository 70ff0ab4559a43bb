"""Two things that users do to one job set at the same moment, while its jobs are in flight.

In a pair each is done by a manager of its own on the same store, while a third one drives; or both
by threads of the manager that drives. In a crossing each is done by a process of its own beside the
script, and one of the three is killed, interrupted, or stands still. The outcome must be: done
once, or told.
"""

from __future__ import annotations

import functools
import itertools
import random
import signal
import tempfile
import threading
import time
import traceback
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from qiskit import QuantumCircuit
from rig.driver import LEASE_S
from rig.history import read_histories
from rig.history_checker import violations
from rig.server import Server
from rig.tally import Tally

from qiskit_job_manager import JobManager
from qiskit_job_manager.checkup import Verdict, all_findings
from qiskit_job_manager.cli.commands.serve import Service
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import JobManagerError
from qiskit_job_manager.exchange.archives import Archive
from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.cloud_service import CloudService, Faults
from qiskit_job_manager.testing.samples import expected_counts

JOBS, CLBITS, SHOTS = 6, 3, 5
WITHIN_S = 90.0
CLOSED = 0.5
NAME, OTHER_NAME, GROUP = "pair", "renamed", "group"
EXPORTED = "exported.qjmz"


def circuits(count=JOBS):
    made = []
    for number in range(count):
        circuit = QuantumCircuit(CLBITS, CLBITS, name=f"c{number}")
        circuit.measure(range(CLBITS), range(CLBITS))
        made.append(circuit)
    return made


def run(manager, uri, count=JOBS, **how):
    given = {"name": NAME, "if_exists": "resume", **how}
    return manager.run(circuits(count), uri, max_experiments_per_job=1, shots=SHOTS, **given)


def delete(job_set):
    """Delete a set, which must have ended for that."""
    job_set.cancel()
    job_set.wait(WITHIN_S)
    job_set.delete()


@functools.cache
def exported():
    """Return an archive of a job set of the same circuits that ran in another store."""
    with (
        tempfile.TemporaryDirectory() as folder,
        CloudService() as cloud,
        JobManager(Path(folder) / "store.db") as manager,
    ):
        uri = f"cloud:http://{cloud.address}?variant=findable"
        job_set = manager.run(circuits(), uri, name="imported", shots=SHOTS)
        job_set.results(timeout=WITHIN_S)
        return job_set.export(Path(folder) / "file").read_bytes()


def take_in(manager, folder, name=None):
    manager.import_job_set(folder / EXPORTED, name)


def export(manager, job_set_id, folder):
    """Export a set as it is; what was written must be whole."""
    path = folder / f"export-{threading.get_native_id()}"
    with manager.find(job_set_id).export(path, overwrite=True).open("rb") as file:
        archive = Archive(file)
        jobs = [each.job for each in archive.jobs()]
        assert sum(1 for _ in archive.experiments()) == sum(job.stop - job.start for job in jobs)
        results = {description.job_index for description, _ in archive.results()}
        assert {job.index for job in jobs if job.state is JobState.DONE} <= results


def serve(manager):
    """Do what ``qjm serve`` does, for a moment."""
    service = Service(manager, SystemClock(), str)
    until_s = time.monotonic() + 0.5
    while time.monotonic() < until_s:
        service.look_again()
        time.sleep(0.05)


def examine(manager):
    for found in all_findings(manager.store_url):
        assert found.verdict is not Verdict.BROKEN, found


def run_group(manager, uri):
    """Place the circuits on two clouds, which are one under two names."""
    both = [uri, f"{uri}&bulk_status=false"]
    how = {"name": GROUP, "max_experiments_per_job": 1, "shots": SHOTS, "if_exists": "resume"}
    manager.run(circuits(), both, place="spread", **how).wait(0.5)


def delete_group(manager):
    group = manager.find_group(GROUP)
    group.cancel()
    group.wait(WITHIN_S)
    group.delete()


def allow(job_set):
    job_set.allow_usage(1e-6)
    job_set.allow_usage(None)


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
    "rename": lambda manager, job_set_id, *_: manager.find(job_set_id).update_name(OTHER_NAME),
    "tag": lambda manager, job_set_id, *_: manager.find(job_set_id).update_tags(["one"]),
    "export": lambda manager, job_set_id, _uri, folder: export(manager, job_set_id, folder),
    "read": lambda manager, job_set_id, *_: manager.find(job_set_id).results(timeout=0.2),
    "extend": lambda manager, _id, uri, _: run(manager, uri, JOBS + 2, if_exists="extend").wait(
        0.5
    ),
    "reuse": lambda manager, job_set_id, uri, _: run(
        manager, uri, name="reusing", reuse=job_set_id, reuse_random=True
    ).wait(0.5),
    "note": lambda manager, job_set_id, *_: manager.find(job_set_id).update_note("one"),
    "allow": lambda manager, job_set_id, *_: allow(manager.find(job_set_id)),
    "import": lambda manager, _id, _uri, folder: take_in(manager, folder),
    "import renamed": lambda manager, _id, _uri, folder: take_in(manager, folder, OTHER_NAME),
    "serve": lambda manager, *_: serve(manager),
    "doctor": lambda manager, *_: examine(manager),
    "group": lambda manager, _id, uri, _: run_group(manager, uri),
    "group of that name": lambda manager, job_set_id, *_: manager.find(job_set_id).update_name(
        GROUP
    ),
    "delete group": lambda manager, *_: delete_group(manager),
}
"""What users do, by name; each takes a manager, the id of the set, its backend, and a folder."""

PAIRS = list(itertools.combinations_with_replacement(ACTS, 2))
ENDS_JOBS = {"cancel", "delete", "abandon", "delete group"}
SENDS_AGAIN = {"delete", "rename", "cancel", "abandon", "retry cancelled", "group of that name"}
SENDS_MORE = {"extend", "reuse", "group"}


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


def crossing(site, name, seed):
    """Do two things in processes beside a script, one of which does not live on as it should.

    Args:
        site: Where; its cloud is not used.
        name: Of the case.
        seed: Says which two, and what happens to which process.
    """
    names = PAIRS[seed % len(PAIRS)]
    where = site.folder / name
    where.mkdir()
    found = _Crossing(where, names, f"crossing {seed} ({' and '.join(names)})")
    return found.play(site, random.Random(f"{seed} crossing"))


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
        if any("import" in name for name in names):
            (folder / EXPORTED).write_bytes(exported())

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
            self._judge(store, cloud, job_set.job_set_id())
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

    def _judge(self, store, cloud, job_set_id, *, may_double=False):
        with JobManager(store) as manager:
            found = manager.job_sets()
            if "delete" not in self.names and job_set_id not in {e.job_set_id() for e in found}:
                self._broken("the set is gone")
            if {e.name() for e in found} & {e.name() for e in manager.groups()}:
                self._broken("a group and a job set have one name")
            for each in found:
                job_set = manager.retrieve_job_set(each.job_set_id())
                if not job_set.wait(WITHIN_S):
                    self._broken(f"it did not end: {job_set.progress()}, {job_set.trouble()}")
                elif not ENDS_JOBS.intersection(self.names):
                    self._judge_results(job_set)
        sent = cloud.books().submissions_by_tag()
        if set(sent.values()) - {1} and not may_double:
            self._broken(f"a tag was sent twice: {sent}")
        if len(sent) > JOBS and not (SENDS_AGAIN | SENDS_MORE).intersection(self.names):
            self._broken(f"{len(sent)} submissions for {JOBS} jobs")

    def _judge_results(self, job_set):
        results = job_set.results(timeout=WITHIN_S)
        for each in job_set:
            counts = None
            with suppress(JobManagerError):
                counts = {hex(int(k, 2)): n for k, n in results.get_counts(each.index).items()}
            if counts != expected_counts(each.name, CLBITS, SHOTS):
                self._broken(f"experiment {each.index} has {counts}: {job_set.error_messages()}")

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


class _Crossing(_Pair):
    def play(self, site, chance):
        store = site.new_store(self.folder)
        faults = Faults(jobs_at_once=1, service_time_s=0.03)
        with (
            CloudService(faults, ledger=self.folder / "ledger.jsonl") as cloud,
            ExitStack() as stack,
        ):
            uri = f"cloud:http://{cloud.address}?variant=findable"

            def start(act, job_set_id=""):
                words = self.folder / f"words-{len(words_of)}"
                what = {"act": act, "store": str(store), "uri": uri, "job_set_id": job_set_id}
                files = {"words": str(words), "finished": f"{words}-finished"}
                driver = site.zygote.start(do="act", folder=str(self.folder), **what, **files)
                words_of[stack.enter_context(closing(driver))] = words
                return driver

            words_of = {}
            script = start("run")
            job_set_id = self._wait_for_set(store, script)
            if job_set_id is None:
                return self.tally
            started = [script, *(start(each, job_set_id) for each in self.names)]
            fated = chance.choice(started)
            fated.lives(chance.uniform(0.0, 0.6))
            self._meet_fate(fated, chance.choice((None, *_FATES)))
            for number, driver in enumerate(started):
                self._must_end_well(driver, words_of[driver], ("run", *self.names)[number])
            cloud.faults = Faults()
            self._go_on(store, uri, job_set_id)
            may_double = self.tally.stops > 0 and site.file_of(store) is None
            self._judge(store, cloud, job_set_id, may_double=may_double)
            self._judge_leases(store)
        for words in violations(read_histories(self.folder)):
            self._broken(words)
        return self.tally

    def _go_on(self, store, uri, job_set_id):
        """Run the script again if its hand-over was cut off, under the name that the set has."""
        with closing(open_store(store)) as looking:
            found = looking.job_set(job_set_id)
        if found is not None and not found.complete:
            with JobManager(store) as manager:
                run(manager, uri, name=found.name)

    def _wait_for_set(self, store, script):
        """Return the id of the set that the script has made."""
        until_s = time.monotonic() + WITHIN_S
        with closing(open_store(store)) as looking:
            while (found := looking.job_set_named(NAME)) is None:
                if time.monotonic() > until_s or not script.lives(within_s=0.01):
                    self._broken("the script made no set")
                    return None
            return found.job_set_id

    def _meet_fate(self, driver, number):
        if number is None or not driver.send(number):
            return
        self.tally.driver_kills += number == signal.SIGKILL
        if number == signal.SIGSTOP:
            self.tally.stops += 1
            driver.lives(1.5 * LEASE_S)
            driver.send(signal.SIGCONT)

    def _must_end_well(self, driver, words, act):
        if driver.lives(WITHIN_S):
            self._broken(f"{act} did not end")
            driver.kill()
        said = words.read_text() if words.exists() else ""
        self.told.append(f"{act}: {said[-300:]}")
        if "Traceback" in said and "KeyboardInterrupt" not in said:
            self._broken(f"{act} raised {said[-1500:]}")


_FATES = (signal.SIGKILL, signal.SIGSTOP, signal.SIGINT)
