"""The service: real processes, that are told to stop, and killed."""

from __future__ import annotations

import json
import logging
import os
import signal
import time
from datetime import UTC, datetime

import pytest

from qiskit_job_manager import backends
from qiskit_job_manager.cli.commands.serve import TRY_AGAIN_S, Service
from qiskit_job_manager.cli.engine_log import DatedFormatter, JsonFormatter
from qiskit_job_manager.cli.signals import StopSignals
from qiskit_job_manager.errors import StoreBusyError
from qiskit_job_manager.manager import JobManager
from qiskit_job_manager.results import source_of
from qiskit_job_manager.testing import FakeClock
from qiskit_job_manager.testing.cloud_service import (
    CloudClient,
    Endpoint,
    Faults,
    Trouble,
    Way,
)

BASIC = ("--backend", "basic", "--shots", "10", "--max-experiments-per-job", "1", "--no-wait")


class Served:
    """A service in a process of its own, and what it logs."""

    def __init__(self, process) -> None:
        self.process = process

    def up_to(self, event: str) -> list[dict]:
        """Read the log up to an event."""
        seen = []
        for line in self.process.stderr:
            seen.append(json.loads(line))
            if seen[-1].get("event") == event:
                return seen
        raise AssertionError(f"it ended without {event!r}: {seen}")

    def until(self, event: str) -> dict:
        """Read the log up to an event, and return that."""
        return self.up_to(event)[-1]

    def stop(self, number=signal.SIGTERM) -> list[str]:
        """Have it stop in good order; return the events that it logged on the way."""
        self.process.send_signal(number)
        out, err = self.process.ended()
        assert (self.process.returncode, out) == (0, ""), err
        return [json.loads(line).get("event") for line in err.splitlines()]


@pytest.fixture
def serve(qjm_process):
    def serve() -> Served:
        served = Served(qjm_process("serve", "--poll", "0.1", "--json"))
        served.until("serving")
        return served

    return serve


def test_what_other_processes_leave_is_finished_until_told_to_stop(serve, qjm, folder, shown):
    assert qjm("run", folder, *BASIC, "--name", "before").code == 0
    served = serve()
    assert qjm("run", folder, *BASIC, "--name", "later").code == 0
    ended = {served.until("ended")["job_set_id"] for _ in range(2)}
    assert ended == {shown(name)["job_set_id"] for name in ("before", "later")}
    assert shown("later")["success"] is True
    assert served.stop() == ["stopping", "stopped"]


def test_ctrl_c_stops_it_in_good_order_too(serve):
    assert serve().stop(signal.SIGINT) == ["stopping", "stopped"]


def test_stopped_in_the_middle_it_gives_everything_back(serve, run_on, qjm, cloud):
    cloud.faults = Faults(jobs_at_once=0)
    assert run_on("set", "--no-wait").code == 0
    served = serve()
    served.until("driving")
    served.stop()
    cloud.faults = Faults()
    assert qjm("wait", "set").code == 0
    assert set(cloud.books().submissions_by_tag().values()) == {1}


def test_a_second_one_waits_its_turn_and_takes_over_from_one_that_is_killed(
    serve, run_on, cloud, shown
):
    cloud.faults = Faults(jobs_at_once=0)
    assert run_on("set", "--no-wait").code == 0
    first = serve()
    first.until("driving")
    second = serve()
    killed_at = datetime.now(UTC)
    first.process.kill()
    assert datetime.fromisoformat(second.until("driving")["at"]) > killed_at
    cloud.faults = Faults()
    second.until("ended")
    assert shown("set")["success"] is True
    assert second.stop() == ["stopping", "stopped"]
    assert set(cloud.books().submissions_by_payload().values()) == {1}


def test_what_needs_the_user_is_told_and_their_word_is_heeded(serve, run_on, qjm, cloud, shown):
    cloud.script(Endpoint.SUBMIT, Trouble(Way.RESET, after=True))
    assert run_on("doubtful", variant="blind").code == 3
    served = serve()
    needs = served.until("needs you")
    assert needs["level"] == "warning"
    for command in ("resubmit", "abandon"):
        assert f"qjm {command} {shown('doubtful')['job_set_id']}" in needs["message"]
    assert qjm("abandon", "doubtful").code == 0
    served.until("ended")
    assert served.stop() == ["stopping", "stopped"]


def test_gone_credentials_are_told_once_and_a_login_goes_on(serve, run_on, cloud, shown):
    cloud.faults = Faults(jobs_at_once=0)
    assert run_on("set", "--no-wait").code == 0
    cloud.expire()
    cloud.faults = Faults()
    served = serve()
    needed = served.until("login needed")
    assert "log in" in needed["message"]
    assert shown("set")["jobs_by_state"] == {"active": 4}
    CloudClient(cloud.address).log_in()
    between = served.up_to("ended")
    assert [each["event"] for each in between] == ["logged in", "ended"]
    assert shown("set")["success"] is True
    served.stop()


def test_a_store_that_cannot_be_opened_ends_it_with_one_message(qjm, tmp_path):
    (tmp_path / "no.db").write_text("this is no database, and long enough to be one" * 100)
    outcome = qjm("--store", tmp_path / "no.db", "serve")
    assert outcome.code == 1
    assert len(outcome.err.splitlines()) == 1


# -- at each look ----------------------------------------------------------------------------------


class Stepped:
    """A service with its clock, and its manager."""

    def __init__(self, manager) -> None:
        self.manager = manager
        self.clock = FakeClock()
        self._service = Service(manager, self.clock, lambda job_set: "commands")

    def __call__(self) -> None:
        self._service.look_again()


@pytest.fixture
def look(store):
    """A service that is stepped by hand: it looks once when called."""
    with JobManager(store) as manager:
        yield Stepped(manager)


def told(caplog, event):
    return [r.getMessage() for r in caplog.records if getattr(r, "event", None) == event]


@pytest.fixture
def stranger(qjm, folder, monkeypatch):
    """A set whose backend cannot be opened, and how often that was tried."""
    tried = []

    def refuse(uri):
        tried.append(uri)
        raise ModuleNotFoundError("No module named 'vendor'")

    assert qjm("run", folder, *BASIC, "--name", "stranger").code == 0
    monkeypatch.setattr(backends, "open_backend", refuse)
    return tried


def test_a_set_that_cannot_go_on_is_told_of_once_and_tried_again_after_a_while(
    stranger, look, caplog
):
    for _ in range(5):
        look()
    assert len(stranger) == 1
    (message,) = told(caplog, "cannot go on")
    assert "No module named 'vendor'" in message
    look.clock.advance(TRY_AGAIN_S)
    look()
    assert len(stranger) == 2
    assert len(told(caplog, "cannot go on")) == 1


def test_a_set_goes_on_once_its_backend_is_back(stranger, look, caplog, monkeypatch, shown):
    look()
    monkeypatch.undo()
    look.clock.advance(TRY_AGAIN_S)
    look()
    assert look.manager.find("stranger").wait()
    with caplog.at_level(logging.INFO):
        look()
    assert told(caplog, "ended") == ["'stranger' has ended: 4 done"]


def test_a_set_that_was_deleted_is_forgotten(stranger, look, caplog):
    look()
    source = source_of(look.manager.find("stranger"))
    source.store.delete_job_set(source.store.claim(source.record.key, "deletion"))
    with caplog.at_level(logging.INFO):
        look()
    assert told(caplog, "ended") == []


def test_a_store_that_is_busy_is_told_of_once_and_looked_at_again(look, caplog, monkeypatch):
    def refuse():
        raise StoreBusyError("held by another process")

    with monkeypatch.context() as patched:
        patched.setattr(look.manager, "unfinished", refuse)
        look()
        look()
        assert told(caplog, "store trouble") == ["held by another process"]
    look()
    assert len(told(caplog, "store trouble")) == 1


# -- its parts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_ends_the_wait_and_the_next_does_what_it_did(number):
    before = signal.getsignal(number)
    with StopSignals() as stop:
        assert not stop.wait(0)
        os.kill(os.getpid(), number)
        assert stop.wait(60)
        assert stop.wait(0)
        assert signal.getsignal(number) == before
    assert signal.getsignal(number) == before


def record(message, **said):
    made = logging.LogRecord("qjm", logging.WARNING, __file__, 1, message, None, None)
    made.__dict__.update(said)
    return made


def test_a_log_cannot_address_the_terminal():
    attack = "\x1b]0;owned\x07\u202e\nsecond"
    for formatter in (DatedFormatter(), JsonFormatter()):
        line = formatter.format(record(attack))
        assert not set(line) & set("\x1b\x07\u202e")
    assert "\n" not in JsonFormatter().format(record(attack))


def test_a_json_line_says_what_is_known():
    before = time.time()
    said = json.loads(
        JsonFormatter().format(record("it is so", event="ended", job_set_id="0" * 32))
    )
    assert datetime.fromisoformat(said.pop("at")).timestamp() >= before - 1
    assert said == {
        "level": "warning",
        "event": "ended",
        "job_set_id": "0" * 32,
        "message": "it is so",
    }
