"""A store that is away for seconds ends no command: each goes on by itself, and nothing is doubled.

PostgreSQL is cut off, or does not answer, behind a proxy on loopback; a SQLite file is held by
another program for longer than any single call waits.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import threading

import pytest

from qiskit_job_manager import patience
from qiskit_job_manager.stores import sqlite
from qiskit_job_manager.testing.cloud_service import Faults

AWAY_S = 3.0


@pytest.fixture
def proxy(postgresql_url, proxy_to, monkeypatch):
    """The store of the command line is on a server behind this proxy."""
    proxy = proxy_to(postgresql_url)
    monkeypatch.setenv("QISKIT_JOB_MANAGER_STORE", proxy.url.replace("+psycopg", ""))
    return proxy


@pytest.fixture
def started(qjm_process, cloud, folder, wait_until):
    """Start a command that drives four jobs, and return it when the cloud has them all."""
    backend = f"cloud:http://{cloud.address}?variant=findable"
    run = ("run", folder, "--backend", backend, "--name", "s", "--shots", 10)
    run = (*run, "--max-experiments-per-job", 1, "--timeout", 300)

    def start(command):
        cloud.faults = Faults(jobs_at_once=0)
        if command == "run":
            process = qjm_process(*run)
        else:
            assert qjm_process(*run, "--no-wait").wait(300) == 0
            words = {"wait": ("wait", "s", "--timeout", 300), "serve": ("serve", "--json")}
            process = qjm_process(*words[command])
        wait_until(lambda: len(cloud.books().submissions_by_tag()) == 4, 300)
        return process

    return start


def away(proxy, how):
    {"cut off": proxy.refuse, "silent": proxy.swallow}[how]()
    threading.Event().wait(AWAY_S)  # the outage itself
    {"cut off": proxy.accept, "silent": proxy.forward}[how]()


@pytest.mark.service
@pytest.mark.parametrize("how", ["cut off", "silent"])
@pytest.mark.parametrize("command", ["run", "wait", "serve"])
def test_a_database_that_is_away_for_seconds_ends_no_command(
    proxy, started, cloud, qjm, wait_until, command, how
):
    process = started(command)
    away(proxy, how)
    cloud.faults = Faults()
    if command == "serve":
        wait_until(lambda: json.loads(qjm("show", "s", "--json").out)["ended"], 300)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, (out, err)
    assert "Traceback" not in err
    assert json.loads(qjm("show", "s", "--json").out)["success"]
    assert set(cloud.books().submissions_by_tag().values()) == {1}
    assert len(cloud.books().submissions_by_tag()) == 4


@pytest.fixture
def impatient(monkeypatch):
    """Each call gives up at once, as after 20 s of a file that is held for 45 s."""
    monkeypatch.setattr(sqlite, "_BUSY_TIMEOUT_S", 0.01)
    monkeypatch.setattr(patience, "DEFAULT_S", 0.1)


class Shell:
    """Another program that holds the file of a store."""

    def __init__(self, path):
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("BEGIN EXCLUSIVE")

    def let_go(self):
        self._connection.execute("ROLLBACK")
        self._connection.close()


@pytest.mark.usefixtures("impatient")
def test_a_file_that_another_holds_for_long_ends_no_wait_and_is_not_called_broken(
    store, qjm, folder
):
    run = ("run", folder, "--backend", "basic", "--name", "s", "--shots", 10)
    assert qjm(*run, "--no-wait").code == 0
    shell = Shell(store)
    told = qjm("doctor")
    assert told.code == 5
    assert "another process holds it" in told.out
    assert "restore it from a backup" not in told.out
    timer = threading.Timer(1.5, shell.let_go)
    timer.start()
    assert qjm("wait", "s", "--timeout", 300).code == 0
    timer.join()


@pytest.mark.usefixtures("impatient")
def test_a_file_that_is_held_in_the_middle_of_a_run_is_waited_for(store, qjm, folder, monkeypatch):
    from qiskit_job_manager.cli.commands import run

    timers = []

    def finish(*arguments, **options):
        timers.append(threading.Timer(1.5, Shell(store).let_go))
        timers[0].start()
        return finished(*arguments, **options)

    finished = run.finish
    monkeypatch.setattr(run, "finish", finish)
    words = ("--backend", "basic", "--name", "s", "--shots", 10, "--timeout", 300)
    assert qjm("run", folder, *words).code == 0
    timers[0].join()
