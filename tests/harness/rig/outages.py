"""PostgreSQL goes away, again and again, while `qjm run`, `qjm wait` and `qjm serve` work.

The server is one of its own, which is stopped in the midst of commits; its clients go through a
proxy.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from rig.driver import SHOTS, circuits
from rig.meetings import Crowd
from rig.processes import LAG_S, WITHIN_S, Case, Site
from rig.proxy import Proxy

from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.cloud_service import Faults

# Jobs take their time, so that something is written at all times.
SLOW = Faults(service_time_s=0.5, jobs_at_once=2, latency_s=0.005, listing_lag_s=LAG_S)
JOBS = 40


def programs():
    """Return the folder of PostgreSQL's programs, or ``None``."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    folders += [Path(each) for each in os.get_exec_path()]
    return next((each for each in folders[::-1] if (each / "initdb").exists()), None)


class Postgres:
    """A server of its own on loopback, which can be stopped like a machine that fails.

    Attributes:
        port: Where it listens.
    """

    def __init__(self):
        self._as = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        # Not in TMPDIR: the server's user must be able to get there.
        self._folder = Path(tempfile.mkdtemp(prefix="qjm-postgres-", dir="/tmp"))
        if self._as:
            shutil.chown(self._folder, "postgres")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        data = ("-D", self._folder / "data")
        self._do("initdb", *data, "-U", "qjm", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
        self.start()

    def start(self):
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c fsync=off"
        options += f" -c unix_socket_directories={self._folder}"
        log = ("-l", self._folder / "log")
        self._do("pg_ctl", "-D", self._folder / "data", "-w", *log, "-o", options, "start")

    def stop(self):
        """Stop it at once: what is not committed is gone, clients see their connections end."""
        self._do("pg_ctl", "-D", self._folder / "data", "-w", "-m", "immediate", "stop")

    def close(self):
        with contextlib.suppress(subprocess.CalledProcessError):  # it is stopped already
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _do(self, program, *arguments):
        command = [*self._as, str(programs() / program), *map(str, arguments)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


def restarts(folder, seed, times=10):
    """Restart the server, in the midst of whatever is being written."""
    return _outages(folder, seed, times, _restart)


def black_holes(folder, seed, times=5):
    """Let no byte through, for shorter or longer than clients wait for one."""
    return _outages(folder, seed, times, _swallow)


def _restart(postgres, _proxy, chance):
    postgres.stop()
    time.sleep(chance.choice((0.0, chance.uniform(0.0, 3.0))))
    postgres.start()


def _swallow(_postgres, proxy, chance):
    proxy.swallow()
    time.sleep(chance.choice((0.1, 1.0, chance.uniform(0.0, 4.0))))
    chance.choice((proxy.forward, proxy.accept, proxy.cut))()


def _outages(folder, seed, times, outage):
    chance = random.Random(f"{seed} outages")
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(contextlib.closing(Postgres()))
        proxy = stack.enter_context(contextlib.closing(Proxy(postgres.port)))
        url = f"postgresql+psycopg://qjm@127.0.0.1:{proxy.port}/postgres"
        site = stack.enter_context(Site(folder, server=url, faults=SLOW))
        case = Case(site, f"away-{seed}", jobs=JOBS, per_job=1, may_double=True)
        crowd = Crowd(case)
        run, serve = _commands(case, crowd)
        for _ in range(times):
            if not run.lives(within_s=chance.uniform(0.0, 2.0)):
                break
            outage(postgres, proxy, chance)
            case.tally.outages += 1
        run.lives(within_s=WITHIN_S)
        serve.send(signal.SIGTERM)
        crowd.must_end_well()
        return case.judge()


def _commands(case, crowd):
    """Start the three commands on one job set."""
    from qiskit import qpy

    file = case.folder / "circuits.qpy"
    with file.open("wb") as target:
        qpy.dump(list(circuits(case.name, case.jobs, case.per_job)), target)
    options = ["--backend", case.site.uri, "--name", case.name, "--shots", str(SHOTS)]
    each_alone = ["--max-experiments-per-job", "1"]
    run = crowd.start("qjm", arguments=["run", str(file), *options, *each_alone])
    until_s = time.monotonic() + WITHIN_S
    with contextlib.closing(open_store(case.store)) as store:
        while store.job_set_named(case.name) is None:
            assert time.monotonic() < until_s, "qjm run makes no job set"
            run.lives(within_s=0.02)
    wait = crowd.start("qjm", arguments=["wait", case.name])
    serve = crowd.start("qjm", arguments=["serve", "--poll", "0.1"])
    for each in (wait, serve):  # a command that cannot open the store at all soon says so
        while not crowd.says_something(each) and each.lives(within_s=0.02):
            assert time.monotonic() < until_s, "a command does not open the store"
    return run, serve
