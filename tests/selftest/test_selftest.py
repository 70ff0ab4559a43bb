"""The self-test holds on good ground, notices bad ground, and leaves nothing behind."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.model import JobState
from qiskit_job_manager.selftest import Ground, Verdict, backends, checks, drivers, machine
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.stores.locks import KernelLock
from qiskit_job_manager.testing.cloud_service import CloudClient


def selftest(store, *options):
    words = [sys.executable, "-m", "qiskit_job_manager", "--store", str(store), "selftest"]
    done = subprocess.run([*words, *options], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def ground(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    return Ground(folder, str(folder / "store.db"), is_server=False)


@pytest.fixture
def circuit():
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, name="one")
    circuit.measure_all()
    return circuit


def test_all_holds_on_good_ground_and_the_store_is_not_touched(store_path, circuit):
    with JobManager(store_path) as manager:
        manager.run([circuit], "basic", name="mine", drive=False)
    before = hashlib.sha256(store_path.read_bytes()).digest()
    files = sorted(store_path.parent.iterdir())
    code, out, err = selftest(store_path, "--json", "--backend", "fake:torino")
    found = json.loads(out)
    verdicts = {each["what"]: each["verdict"] for each in found["checks"]}
    assert (code, err) == (0, "")
    assert found["holds"]
    assert set(verdicts.values()) == {"holds"}
    assert {"locks", "clock", "take-over", "full disk", "kills", "simulations"} <= verdicts.keys()
    assert hashlib.sha256(store_path.read_bytes()).digest() == before
    assert sorted(store_path.parent.iterdir()) == files


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are found in /proc")
@pytest.mark.parametrize("is_listening", [False, True])
def test_a_signal_ends_it_and_leaves_nothing(tmp_path, wait_until, is_listening):
    folder = tmp_path / "home"
    words = [sys.executable, "-m", "qiskit_job_manager", "--store", str(folder / "store.db")]

    def clouds():
        return [path for path in Path("/proc").glob("[0-9]*/cmdline") if is_cloud(path, folder)]

    with subprocess.Popen([*words, "selftest"], stdout=subprocess.PIPE) as process:
        wait_until(clouds)
        if is_listening:
            wait_until(lambda: list(folder.glob(".qjm-selftest-*/circuits")))
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    assert process.returncode == 130
    assert list(folder.iterdir()) == []
    wait_until(lambda: not clouds())


def is_cloud(path, folder):
    try:
        said = path.read_bytes()
    except OSError:  # it has ended meanwhile
        return False
    return b"ledger.jsonl" in said and str(folder).encode() in said


# -- bad ground: none can be had here, so calls of the kernel are replaced -------------------------


def test_a_file_system_without_locks_is_broken(ground, monkeypatch):
    def refuses(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuses)
    [check] = machine.locks(ground)
    assert check.verdict is Verdict.BROKEN
    assert "File locks do not work" in check.words


def test_locks_that_keep_nobody_out_are_broken(ground, monkeypatch):
    monkeypatch.setattr(KernelLock, "is_held", staticmethod(lambda _: False))
    [check] = machine.locks(ground)
    assert check.verdict is Verdict.BROKEN
    assert "two processes got the same lock" in check.words


def test_locks_that_outlive_their_process_are_broken(ground, monkeypatch):
    monkeypatch.setattr(machine, "_WITHIN_S", 0.1)
    monkeypatch.setattr(KernelLock, "is_held", staticmethod(lambda _: True))
    [check] = machine.locks(ground)
    assert check.verdict is Verdict.BROKEN
    assert "not free" in check.words


def test_a_clock_that_is_far_off_is_told(ground, monkeypatch):
    monkeypatch.setattr(machine, "_file_time", lambda _: 0.0)
    found = list(machine.clocks(ground, None))
    assert [each.verdict for each in found] == [Verdict.HOLDS, Verdict.LIMITED]


def test_a_job_that_is_paid_for_twice_and_a_wrong_result_are_noticed(ground, monkeypatch):
    def pay_again(trial):
        with trial.run() as driver:
            driver.process.wait()
        store = open_store(ground.store)
        [record] = store.job_sets(limit=1)
        [job] = store.jobs(record.key, states=[JobState.DONE], limit=1)
        CloudClient(trial.cloud.address).submit(store.payload(job.key), {"shots": 20}, "again")
        store.close()
        return iter(())

    monkeypatch.setattr(drivers, "_killed", lambda _: iter(()))
    monkeypatch.setattr(drivers, "_starved", pay_again)
    monkeypatch.setattr(drivers, "_is_right", lambda _, number: number != 3)
    [check] = drivers.driven(ground)
    assert check.verdict is Verdict.BROKEN
    assert "1 jobs were paid for twice, 1 results are missing or wrong" in check.words


def test_a_place_where_nothing_can_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("no folder")
    code, out, _ = selftest(tmp_path / "file" / "store.db")
    assert code == 1
    assert "no folder can be made where the store is" in " ".join(out.split())


@pytest.mark.parametrize(
    ("name", "verdict", "words"),
    [
        ("cloud:http://127.0.0.1:9?variant=idempotent", Verdict.HOLDS, "idempotent"),
        ("cloud:http://127.0.0.1:9?variant=findable", Verdict.HOLDS, "findable"),
        ("cloud:http://127.0.0.1:9?variant=blind", Verdict.LIMITED, "blind"),
        ("basic", Verdict.HOLDS, "volatile"),
        ("nonsense", Verdict.BROKEN, "nonsense"),
    ],
)
def test_what_a_backend_is_shows_without_a_submission(name, verdict, words):
    first, *others = backends.known_of(name)
    assert first.verdict is verdict
    assert words in first.words
    costs = {each.what: each.words for each in others}
    assert "cannot hold it" in costs.get("its cost", "") or name in ("basic", "nonsense")


# -- PostgreSQL -----------------------------------------------------------------------------------


def test_a_server_gets_a_schema_of_its_own_which_is_gone_afterwards(
    postgresql_url, monkeypatch, execute
):
    from sqlalchemy import create_engine, text

    monkeypatch.setattr(drivers, "_KILL_AFTER", (1, 3))
    monkeypatch.setattr(drivers, "_killed", lambda _: iter(()))  # a lease ends after a minute
    verdicts = {each.what: each.verdict for each in checks(postgresql_url)}
    assert verdicts.pop("locks") is Verdict.NOT_TRIED
    assert verdicts.pop("full disk") is Verdict.NOT_TRIED
    assert set(verdicts.values()) == {Verdict.HOLDS}
    assert {"place", "times", "kills", "simulations"} <= verdicts.keys()
    engine = create_engine(postgresql_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        left = connection.execute(
            text("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'qjm_selftest_%'")
        ).scalar()
    engine.dispose()
    assert left == 0


def test_a_server_that_cannot_be_reached_is_told_without_its_password():
    found = list(checks("postgresql://ann:s3cretpassword@127.0.0.1:9/none"))
    assert [each.verdict for each in found] == [Verdict.BROKEN]
    assert "no schema can be made" in found[0].words
    assert "s3cretpassword" not in found[0].words
