"""A real service is told once: of the end, a failure, what needs the user, the usage limit."""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import timedelta

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.manager import notification_services, notifier
from qiskit_job_manager.model.notices import NoticeKind
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing import ScriptedBackend


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Look often, and try again at once."""
    monkeypatch.setattr(notifier, "_LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(notification_services, "_PAUSES_S", (0.0, 0.0, 0.0))


def test_the_end_is_told_once_with_what_to_do(service, circuit, store_path):
    with JobManager(store_path, notify=service.url) as manager:
        job_set = manager.run([circuit] * 3, "basic", name="rb", shots=5)
        assert job_set.wait(60)
    [told] = service.told
    assert told["title"] == "qjm: rb has ended"
    assert told["type"] == "success"
    assert told["message"] == (
        f"3 experiments in 1 job: 1 done.\nRead them: qjm results {job_set.job_set_id()}"
    )
    with JobManager(store_path, notify=service.url) as manager:
        manager.resume()
        assert manager.retrieve_job_set("rb").wait(60)
        manager.run([circuit] * 3, "basic", name="rb", shots=5, if_exists="resume")
    assert len(service.told) == 1


def test_a_service_of_one_set_is_told_of_that_set_alone(service, circuit, store_path):
    with JobManager(store_path) as manager:
        manager.run([circuit], "basic", name="quiet", shots=5).wait(60)
        manager.run([circuit], "basic", name="told", shots=5, notify=[service.url]).wait(60)
    assert service.titles == ["qjm: told has ended"]


def test_what_ended_before_anybody_wanted_to_be_told_is_not_told(service, circuit, store_path):
    with JobManager(store_path) as manager:
        manager.run([circuit], "basic", name="old", shots=5).wait(60)
    with JobManager(store_path, notify=service.url) as manager:
        assert manager.retrieve_job_set("old").wait(60)
        manager.resume()
    assert service.told == []


def failing_backend():
    """A backend whose jobs fail until it is told that they may run."""
    from qiskit.providers.basic_provider import BasicSimulator

    class Failing(BasicSimulator):
        fails = True

        def run(self, run_input, **options):
            if self.fails:
                raise ValueError("the qubits are warm: token=abcdefgh12345678")
            return super().run(run_input, **options)

    return Failing()


def test_a_failure_is_told_and_again_only_when_it_was_mended_and_came_back(
    service, circuit, store_path, wait_until
):
    backend = failing_backend()
    with JobManager(store_path, notify=service.url) as manager:
        job_set = manager.run(
            [circuit], backend, name="warm", shots=5, refusals=(ValueError,), volatile=True
        )
        assert job_set.wait(60)
        wait_until(lambda: len(service.told) == 1)
        assert service.told[0]["title"] == "qjm: warm has ended"
        assert service.told[0]["type"] == "failure"
        assert "1 failed" in service.told[0]["message"]
        backend.fails = False
        job_set.retry()
        assert job_set.wait(60)
        wait_until(lambda: len(service.told) == 2)
    assert "1 done" in service.told[1]["message"]
    assert "abcdefgh12345678" not in json.dumps(service.told)


def test_the_end_of_a_retry_is_told_even_if_no_look_came_between(
    service, circuit, store_path, wait_until, monkeypatch
):
    backend = failing_backend()
    with JobManager(store_path, notify=service.url) as manager:
        job_set = manager.run(
            [circuit], backend, name="quick", shots=5, refusals=(ValueError,), volatile=True
        )
        assert job_set.wait(60)
        wait_until(lambda: len(service.told) == 1)
        held = threading.Event()
        look = manager._notifier._look
        monkeypatch.setattr(manager._notifier, "_look", lambda: held.wait(60) and look())
        backend.fails = False
        job_set.retry()
        assert job_set.wait(60)
        held.set()
        wait_until(lambda: len(service.told) == 2)
    assert "1 done" in service.told[1]["message"]


def test_jobs_that_the_usage_limit_holds_are_told_and_the_end_later(
    service, circuit, store_path, wait_until
):
    backend = ScriptedBackend(SystemClock(), usage_s=10.0)
    with JobManager(store_path, notify=service.url) as manager:
        job_set = manager.run(
            [circuit] * 2, backend, name="dear", max_experiments_per_job=1, max_usage_s=5.0
        )
        assert job_set.wait(60)
        wait_until(lambda: service.told)
    assert service.titles == ["qjm: dear has reached its usage limit"]
    assert "qjm resume" in service.told[0]["message"]


def test_jobs_in_doubt_are_told(service, circuit, store_path, wait_until):
    from qiskit.providers.basic_provider import BasicSimulator

    class Silent(BasicSimulator):
        def run(self, run_input, **options):
            raise TimeoutError("no answer")

        def retrieve_job(self, job_id):
            raise LookupError(job_id)

    with JobManager(store_path, notify=service.url) as manager:
        job_set = manager.run([circuit], Silent(), name="doubt", shots=5, volatile=False)
        assert job_set.wait(60)
        wait_until(lambda: service.told)
        assert service.titles == ["qjm: doubt needs you"]
        assert "1 job in doubt" in service.told[0]["message"]
        job_set.abandon()
        assert job_set.wait(60)
        wait_until(lambda: len(service.told) == 2)
    assert service.titles[1] == "qjm: doubt has ended"


def test_a_set_with_a_service_of_its_own_is_told_of_again_after_a_retry(
    service, circuit, store_path, wait_until
):
    backend = failing_backend()
    with JobManager(store_path) as manager:
        options = {"refusals": (ValueError,), "volatile": True, "notify": service.url}
        job_set = manager.run([circuit], backend, name="own", shots=5, **options)
        assert job_set.wait(60)
        wait_until(lambda: len(service.told) == 1)
        backend.fails = False
        job_set.retry()
        assert job_set.wait(60)
        wait_until(lambda: len(service.told) == 2)


@pytest.mark.parametrize("notify", ["nonsense://x", "mailto://", "no address", ["slack://short"]])
def test_a_wrong_address_is_refused_without_its_secret(circuit, store_path, notify, secret):
    given = [f"{each}{secret}" for each in ([notify] if isinstance(notify, str) else notify)]
    with pytest.raises(InvalidArgumentError, match="is none that Apprise") as caught:
        JobManager(store_path, notify=given)
    assert secret not in str(caught.value)
    assert not store_path.exists()
    with (
        JobManager(store_path) as manager,
        pytest.raises(InvalidArgumentError, match="is none that Apprise"),
    ):
        manager.run([circuit], "basic", name="none", notify=given)


def test_the_address_of_a_service_is_neither_stored_nor_logged(
    service, circuit, store_path, secret, caplog, monkeypatch
):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("QISKIT_JOB_MANAGER_NOTIFY", service.url)
    service.answers = "refuses"
    with JobManager(store_path) as manager:
        manager.run([circuit], "basic", name="one", shots=5).wait(60)
    service.answers = "takes"
    with JobManager(store_path) as manager:
        manager.run([circuit], "basic", name="two", shots=5).wait(60)
    assert service.titles == ["qjm: two has ended"]
    assert secret not in caplog.text
    [warning] = [each for each in caplog.records if "could not be sent" in each.getMessage()]
    assert "json://…" in warning.getMessage()
    for path in store_path.parent.rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes(), path


def test_a_service_that_refuses_is_told_once_and_tried_three_times(
    service, circuit, store_path, caplog, wait_until
):
    service.answers = "refuses"
    with JobManager(store_path, notify=service.url) as manager:
        for number, name in enumerate(("one", "two"), 1):
            assert manager.run([circuit], "basic", name=name, shots=5).wait(60)
            wait_until(lambda number=number: service.came == 3 * number)
    assert service.came == 6
    assert caplog.text.count("could not be sent") == 1


def test_a_service_that_hangs_holds_up_no_job_and_no_exit(
    service, circuit, store_path, monkeypatch, wait_until
):
    monkeypatch.setattr(notification_services, "_LAST_S", 0.2)
    service.answers = "hangs"
    with JobManager(store_path, notify=service.url) as manager:
        assert manager.run([circuit], "basic", name="first", shots=5).wait(60)
        wait_until(lambda: service.came == 1)
        # It hangs now, for as long as this test lasts; the next set runs and is read all the same.
        second = manager.run([circuit], "basic", name="second", shots=5)
        assert second.results(timeout=60).get_counts(0)
    assert not service.goes_on.is_set()
    assert service.came == 1


def test_a_service_that_hangs_does_not_keep_a_script_from_its_end(service, store_path):
    service.answers = "hangs"
    words = [sys.executable, "-c", DRIVER, str(store_path), service.url, "never"]
    outcome = subprocess.run(words, check=False, capture_output=True, text=True, timeout=120)
    assert (outcome.returncode, outcome.stdout) == (0, "ended\n")
    assert service.came == 1
    assert "it did not answer" in outcome.stderr


def test_what_others_named_is_plain_text_without_control_characters(service, circuit, store_path):
    name = "<b>x</b> <!channel> \u202e\x1b[31m " + "n" * 500
    with JobManager(store_path, notify=service.url) as manager:
        manager.run([circuit], "basic", name=name, shots=5).wait(60)
    [title] = service.titles
    assert "\\u202e\\x1b[31m" in title
    assert len(title) < 150


def test_services_that_read_html_get_the_text_of_it(monkeypatch):
    apprise = notification_services._apprise()
    telegram = apprise.Apprise.instantiate("tgram://123456789:abcdefg_hijklmnop/-100123/")
    sent = []
    monkeypatch.setattr(telegram, "send", lambda **values: sent.append(values) or True)
    message = notification_services.Message("<b>x</b> has ended", "1 < 2 <script>", "failure")
    assert notification_services._notify(telegram, message)
    assert "&lt;b&gt;x&lt;/b&gt; has ended" in sent[0]["body"]
    assert "1 &lt; 2 &lt;script&gt;" in sent[0]["body"]


# -- after a crash --------------------------------------------------------------------------------

DRIVER = """
import sys, time
from qiskit import QuantumCircuit
from qiskit_job_manager import JobManager
from qiskit_job_manager.manager.notifier import Notifier

store, url, when = sys.argv[1:]
if when == "before it is begun":
    Notifier._tell = lambda *_, **__: time.sleep(600)
circuit = QuantumCircuit(1, name="one")
circuit.measure_all()
manager = JobManager(store, notify=url)
manager.run([circuit] * 2, "basic", name="killed", shots=5).wait(60)
print("ended", flush=True)
if when != "never":
    time.sleep(600)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    return str(tmp_path / "store.db")


def killed(store, service, when, wait_until):
    """Run a job set to its end in a process that is killed before it has told that."""
    words = [sys.executable, "-c", DRIVER, store, service.url, when]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ended\n"
        if when == "while it is told":
            wait_until(lambda: service.came)
        os.kill(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("when", ["before it is begun", "while it is told"])
def test_an_end_that_a_killed_process_did_not_tell_is_told_by_the_next(
    store, service, circuit, when, wait_until
):
    service.answers = "hangs"
    killed(store, service, when, wait_until)
    service.answers, service.came = "takes", 0
    with JobManager(store, notify=service.url):
        wait_until(lambda: service.told)
    [told] = service.told
    assert told["title"] == "qjm: killed has ended"
    assert ("You may have been told" in told["message"]) == (when == "while it is told")
    with JobManager(store, notify=service.url) as manager:
        manager.resume()
    assert len(service.told) == 1


def test_of_several_processes_one_tells(store, service, circuit, wait_until):
    code = (
        "import sys\n"
        "from qiskit_job_manager import JobManager\n"
        "with JobManager(sys.argv[1], notify=sys.argv[2]) as manager:\n"
        "    print('open', flush=True)\n"
        "    assert manager.retrieve_job_set('shared').wait(60)\n"
    )
    with JobManager(store) as manager:
        manager.run([circuit] * 20, "basic", name="shared", shots=5, drive=False)
    words = [sys.executable, "-c", code, store, service.url]
    started = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(3)]
    assert [each.communicate(timeout=120)[0] for each in started] == [b"open\n"] * 3
    assert [each.returncode for each in started] == [0, 0, 0]
    assert service.titles == ["qjm: shared has ended"]


# -- the store ------------------------------------------------------------------------------------


def test_a_notice_is_begun_once_and_goes_with_its_set(store, circuit):
    with JobManager(store) as manager:
        one = manager.run([circuit], "basic", name="one", shots=5)
        assert one.wait(60)
        opened = open_store(store)
        key = opened.job_set(one.job_set_id()).key
        notices, now = opened.notices, one.created_at
        assert notices.untold() == []
        notices.want(key, "a", now)
        notices.want(key, "b", now)
        assert notices.untold() == [one.job_set_id()]
        assert notices.begin(key, NoticeKind.ENDED, "a", now)
        assert not notices.begin(key, NoticeKind.ENDED, "b", now)
        left = notices.known(key)[NoticeKind.ENDED]
        assert notices.take_over(key, left, "c", now)
        assert not notices.take_over(key, left, "d", now)
        assert not notices.end(key, NoticeKind.ENDED, "a", now)
        assert notices.end(key, NoticeKind.ENDED, "c", now)
        assert notices.untold() == []
        notices.forget(key, [NoticeKind.ENDED], begun_before=now)
        assert notices.known(key).keys() == {NoticeKind.ENDED}
        notices.forget(key, [NoticeKind.ENDED], begun_before=now + timedelta(seconds=1))
        assert notices.known(key) == {}
        one.delete()
        assert not notices.begin(key, NoticeKind.ENDED, "a", now)
        assert not notices.is_wanted(key)
        opened.close()


# -- the command line -----------------------------------------------------------------------------


def test_run_and_serve_tell_by_their_option(service, tmp_path, wait_until):
    from typer.testing import CliRunner

    from qiskit_job_manager.cli.app import app

    path = tmp_path / "store.db"
    qasm = tmp_path / "one.qasm"
    qasm.write_text('OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; measure q -> c;')
    words = ["--store", str(path), "run", str(qasm), "--backend", "basic", "--notify", service.url]
    assert CliRunner().invoke(app, [*words, "--name", "by run"]).exit_code == 0
    assert service.titles == ["qjm: by run has ended"]
    assert CliRunner().invoke(app, [*words, "--name", "by serve", "--no-wait"]).exit_code == 0
    serve = [sys.executable, "-m", "qiskit_job_manager", "--store", str(path), "serve"]
    with subprocess.Popen([*serve, "--poll", "0.1", "--notify", service.url]) as process:
        wait_until(lambda: len(service.told) == 2)
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert service.titles[1] == "qjm: by serve has ended"
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM notice").fetchone() == (4,)
    database.close()
