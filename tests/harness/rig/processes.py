"""The harnesses that kill and stop real processes, against a cloud in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rig.driver import CLBITS, SHOTS
from rig.history import read_histories
from rig.history_checker import violations
from rig.server import Server
from rig.tally import Tally

from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.cloud_service import (
    Books,
    CloudProcess,
    Deed,
    Endpoint,
    Faults,
    Odds,
    Trouble,
    Way,
)
from qiskit_job_manager.testing.ledger import digest
from qiskit_job_manager.testing.samples import expected_counts

LAG_S = 0.1
WITHIN_S = 120.0


class Driver:
    """A process, by a handle that never means another one."""

    def __init__(self, pid):
        self.pid = pid
        self._handle = None
        with contextlib.suppress(ProcessLookupError):  # dead already
            self._handle = os.pidfd_open(pid)

    def lives(self, within_s=0.0):
        """Return whether it lives, after waiting for its end for a time."""
        if self._handle is None:
            return False
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return not poll.poll(within_s * 1000)

    def send(self, number):
        if not self.lives():
            return False
        signal.pidfd_send_signal(self._handle, number)
        return True

    def kill(self):
        """Kill it, and return whether it lived."""
        lived = self.send(signal.SIGKILL)
        self.lives(within_s=10.0)
        return lived

    def close(self):
        if self._handle is not None:
            os.close(self._handle)


class Zygote:
    """Starts drivers; see `rig.driver`.

    Args:
        folder: Their data folder.
    """

    def __init__(self, folder):
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("driver.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_DATA_HOME": str(folder)},  # spools of a server's stores
        )
        self._lock = threading.Lock()

    def start(self, **said):
        with self._lock:
            self._process.stdin.write(json.dumps(said) + "\n")
            self._process.stdin.flush()
            return Driver(int(self._process.stdout.readline()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.kill()  # it has nothing to put in order
        self._process.wait()


def troubled(*, reads_once):
    """Return how the cloud behaves: some calls of each kind fail, before or after their work."""
    ways = [Trouble(Way.RESET), Trouble(Way.RESET, after=True), Trouble(Way.STATUS, True, 503)]
    ways.append(Trouble(Way.STATUS, status=429, retry_after_s=0.0))
    odds = [Odds(Endpoint.SUBMIT, 0.04, way) for way in ways]
    odds += [Odds(e, 0.05, ways[0]) for e in (Endpoint.FIND, Endpoint.STATUS)]
    if reads_once:  # so that there is a middle of a download in which to kill
        odds.append(Odds(Endpoint.RESULT, 0.7, Trouble(Way.DRIP)))
    return Faults(
        drip_s=0.0002,
        latency_s=0.005,
        service_time_s=0.02,
        listing_lag_s=LAG_S,
        reads_once=reads_once,
        odds=tuple(odds),
    )


class Site:
    """One cloud with many cases, each with a store of its own.

    Args:
        folder: Where.
        reads_once: Whether results can be read once.
        server: URL of a PostgreSQL server for the stores; ``None``: they are SQLite files.
        faults: How the cloud behaves; by default some calls of each kind fail.
    """

    def __init__(self, folder, *, reads_once=False, server=None, faults=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.reads_once = reads_once
        self._server_url = server
        self._faults = faults or troubled(reads_once=reads_once)

    def __enter__(self):
        self._stack = contextlib.ExitStack()
        self.ledger = self.folder / "ledger.jsonl"
        self.cloud = self._stack.enter_context(CloudProcess(self.ledger, self._faults))
        self.zygote = self._stack.enter_context(Zygote(self.folder))
        self._server = None
        if self._server_url is not None:
            self._server = self._stack.enter_context(contextlib.closing(Server(self._server_url)))
        open_store(self.folder / "first.db").close()  # imports what opening needs
        # A request on its way when its driver dies may be accepted a little later.
        options = f"listing_lag_s={3 * LAG_S}" + ("&reads_once=true" if self.reads_once else "")
        self.uri = f"cloud:http://{self.cloud.address}?{options}"
        return self

    def __exit__(self, *_):
        self._stack.close()

    def file_of(self, store):
        """Return the file that a store is, or ``None``."""
        return None if self._server is not None else Path(store)

    def new_store(self, folder):
        """Return where a new case has its store."""
        return str(folder / "store.db") if self._server is None else self._server.new_schema()


class Case:
    """One job set, driven by processes that die.

    Args:
        site: Where.
        name: Of the job set.
        jobs: How many.
        per_job: Experiments in each.
        may_double: Whether a job may be paid for twice, if that is reported.
        as_list: Whether the circuits are handed over as a list, rather than as a generator.
    """

    def __init__(self, site, name, *, jobs=4, per_job=2, may_double=False, as_list=False):
        self.site = site
        self.name = name
        self.jobs, self.per_job = jobs, per_job
        self.may_double = may_double
        self.as_list = as_list
        self.folder = site.folder / name
        self.folder.mkdir()
        self.store = site.new_store(self.folder)
        self.file = site.file_of(self.store)
        self.progress = self.folder / "progress.json"  # of the naive loop
        self.finished = self.folder / "finished"
        self.tally = Tally(cases=1)
        self._drivers = []

    def start(self, do="run", **more):
        said = {
            "do": do,
            "store": self.store if do != "naive" else str(self.progress),
            "uri": self.site.uri,
            "name": self.name,
            "jobs": self.jobs,
            "per_job": self.per_job,
            "as_list": self.as_list,
            "words": str(self.folder / "words"),
            "finished": str(self.finished),
        }
        driver = self.site.zygote.start(**said | more)
        self._drivers.append(driver)
        return driver

    def kill(self, driver):
        self.tally.driver_kills += driver.kill()
        self.open_anew()

    def kill_fetch_processes(self):
        """Kill the fetch processes of this case, known by its folder."""
        for pid in fetch_processes_in(self.folder):
            fetcher = Driver(pid)
            self.tally.fetch_kills += fetcher.kill()
            fetcher.close()

    def wait_for_download(self, driver, within_s=5.0):
        """Wait until the driver downloads a result that can be read once."""
        until_s = time.monotonic() + within_s
        while driver.lives(within_s=0.01) and time.monotonic() < until_s:
            if any(self.folder.rglob("*.part")):
                return

    @property
    def has_store(self):
        """Whether there is one; a file is one when its first page is written."""
        if self.file is None:
            return True
        return self.file.exists() and self.file.read_bytes()[:6] == b"SQLite"

    def open_anew(self):
        """Open the store after a kill, and record how long that took."""
        if self.has_store:
            begun_s = time.perf_counter()
            open_store(self.store).close()
            self.tally.slowest_open_s = max(
                self.tally.slowest_open_s, time.perf_counter() - begun_s
            )

    def wait_for_lease(self):
        """Wait until the lease of a dead driver is over; before, nobody else may hand over."""
        if self.file is not None:
            return
        with contextlib.closing(open_store(self.store)) as store:
            record = store.job_set_named(self.name)
            until_s = time.monotonic() + WITHIN_S
            while record is not None and store.driver(record.key) is not None:
                assert time.monotonic() < until_s, "a dead driver keeps its lease"
                time.sleep(0.05)

    def end(self, do="run", **more):
        """Drive the job set to its end, and judge it."""
        driver = self.start(do, **more)
        if driver.lives(WITHIN_S):
            self.tally.violations.append(f"{self.name}: it did not end within {WITHIN_S:g} s")
            driver.kill()
        elif not self.finished.exists():
            words = (self.folder / "words").read_text()[-500:]
            self.tally.violations.append(f"{self.name}: the driver failed: {words}")
        return self.judge(do)

    def judge(self, do="run"):
        for driver in self._drivers:
            driver.kill()
            driver.close()
        paid = defaultdict(list)
        for entry in Books.read(self.site.ledger).of(Deed.ACCEPTED):
            paid[entry.payload_digest].append(entry.job_id)
        judged = self._judge_naive(paid) if do == "naive" else self._judge(paid)
        self.tally.violations += [f"{self.name}: {words}" for words in judged]
        return self.tally

    def _judge_naive(self, paid):
        for job in json.loads(self.progress.read_text()):
            if len(paid[job["digest"]]) != 1:
                yield f"doubled: paid {len(paid[job['digest']])} times"

    def _judge(self, paid):
        calls = read_histories(self.folder)
        yield from violations(calls) if calls else ["no call of the store was recorded"]
        yield from self._judge_file()
        store = open_store(self.store)
        try:
            record = store.job_set_named(self.name)
            jobs = [] if record is None else store.jobs(record.key)
            if len(jobs) != self.jobs:
                yield f"{len(jobs)} jobs instead of {self.jobs}"
            for job in jobs:
                self.tally.jobs += 1
                yield from self._judge_job(store, job, paid)
        finally:
            store.close()

    def _judge_file(self):
        if self.file is None:
            return
        with contextlib.closing(sqlite3.connect(self.file)) as connection:
            found = connection.execute("PRAGMA integrity_check").fetchall()
        if found != [("ok",)]:
            yield f"the store is damaged: {found}"

    def _judge_job(self, store, job, paid):
        remote_ids = paid[digest(store.payload(job.key))]
        if self.may_double and len(remote_ids) > 1:
            yield from self._judge_duplicates(store, job, remote_ids)
        elif len(remote_ids) != 1:
            yield f"job {job.index} was paid {len(remote_ids)} times"
        if job.state is JobState.LOST and self.site.reads_once and job.error:
            self.tally.losses += 1
            return
        if job.state is not JobState.DONE:
            yield f"job {job.index} ended as {job.state}: {job.error}"
            return
        reader = open_result(store.result(job.key))
        for offset in range(self.per_job):
            name = f"{self.name}-{job.start + offset}"
            if reader.counts(offset) != expected_counts(name, CLBITS, SHOTS):
                yield f"wrong result of {name}: {reader.counts(offset)}"

    def _judge_duplicates(self, store, job, remote_ids):
        """Every remote id is that of an attempt, or the story of the job says it.

        Of one whose answer was lost it says that there may be one: the next driver searches for it.
        """
        events = list(store.events(store.job_set_named(self.name).key, job.index))
        story = " ".join(event.cause or "" for event in events)
        known = {attempt.remote_id for attempt in store.attempts(job.key)}
        unknown = [each for each in remote_ids if each not in known and each not in story]
        perhaps = sum(event.event == "perhaps accepted late" for event in events)
        for remote_id in unknown[perhaps:]:
            yield f"job {job.index} was paid for twice, and {remote_id} is not reported"
        self.tally.duplicates += len(remote_ids) - 1


def fetch_processes_in(folder):
    """Return the ids of the fetch processes that serve a store in this folder."""
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                line = (path / "cmdline").read_bytes()
                if b"qiskit_job_manager.fetch_process" in line and os.fsencode(folder) in line:
                    yield int(path.name)


# -- the harnesses -------------------------------------------------------------------------------


def together(cases):
    """Run cases, a few at a time as they mostly wait, and add up what they found."""
    tally = Tally()
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda case: case(), cases):
            tally += found
    return tally


def killed_at_boundary(site, name, boundary, do="run"):
    """Kill the driver by SIGKILL at one boundary of the port calls, then go on."""
    case = Case(site, name, as_list=bool(boundary % 2))
    driver = case.start(do, signal_at=[boundary, signal.SIGKILL])
    if driver.lives(WITHIN_S):
        driver.kill()
    if not case.finished.exists():
        case.tally.driver_kills += 1
        case.open_anew()
    case.finished.unlink(missing_ok=True)
    case.wait_for_lease()
    return case.end(do)


def killed_at_random(site, name, seed, victims="driver", kills=4, do="run"):
    """Kill drivers, fetch processes or both at random times, then go on to the end."""
    chance = random.Random(f"{seed} {victims}")
    case = Case(site, name, jobs=2 if site.reads_once else 4, as_list=bool(seed % 2))
    for _ in range(kills):
        driver = case.start(do)
        if site.reads_once:
            case.wait_for_download(driver)
        driver.lives(within_s=chance.uniform(0.0, 0.3 if site.reads_once else 0.5))
        if victims in ("fetcher", "both"):
            case.kill_fetch_processes()
        if victims in ("driver", "both"):
            case.kill(driver)
        elif driver.lives(within_s=chance.uniform(0.0, 0.5)):
            driver.kill()
        if case.finished.exists():
            break
        case.wait_for_lease()
    case.finished.unlink(missing_ok=True)
    return case.end(do)


def rivals(site, name, seed, processes=2, troubles=6):
    """Drive one job set with several processes; kill some, stop and resume some."""
    chance = random.Random(f"{seed} rivals {processes}")
    case = Case(site, name, jobs=8)
    drivers = [case.start() for _ in range(1)]
    until_s = time.monotonic() + WITHIN_S
    while not is_handed_over(case) and time.monotonic() < until_s:
        drivers[0].lives(within_s=0.01)
    drivers += [case.start("attach") for _ in range(processes - 1)]
    for _ in range(troubles):
        place = chance.randrange(processes)
        drivers[place].lives(within_s=chance.uniform(0.0, 0.15))
        if chance.random() < 0.5:
            case.kill(drivers[place])
            drivers[place] = case.start("attach")
        elif drivers[place].send(signal.SIGSTOP):
            case.tally.stops += 1
            drivers[place - 1].lives(within_s=chance.uniform(0.0, 0.3))
            drivers[place].send(signal.SIGCONT)
    for driver in drivers:
        if driver.lives(WITHIN_S):
            case.tally.violations.append(f"{name}: a rival did not end within {WITHIN_S:g} s")
    return case.end("attach")


def is_handed_over(case):
    if not case.has_store:
        return False
    store = open_store(case.store)
    try:
        record = store.job_set_named(case.name)
        return record is not None and record.complete
    finally:
        store.close()
