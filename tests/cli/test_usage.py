"""What a job set used, what was measured of its jobs, and what its limit holds back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from qiskit import QuantumCircuit

from qiskit_job_manager import JobManager, backends
from qiskit_job_manager.cli.commands.serve import Service
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.model import RemoteFigures
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing import FakeClock, ScriptedBackend

NOON = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
FIGURES = RemoteFigures(1.25, NOON, NOON + timedelta(minutes=1), NOON + timedelta(minutes=3), "b-7")


@pytest.fixture
def costly(monkeypatch):
    """A backend that any process opens, on which a circuit is estimated to use two seconds."""
    backend = ScriptedBackend(SystemClock(), Capabilities(), uri="costly", usage_s=2.0)
    monkeypatch.setattr(backends, "open_backend", lambda _uri: backend)
    return backend


@pytest.fixture
def run_set(store, costly, often):
    """Runs three circuits, one a job, as far as the limit lets them."""

    def run_set(**limit):
        circuit = QuantumCircuit(1, 1)
        circuit.measure(0, 0)
        with JobManager(store) as manager:
            made = manager.run([circuit] * 3, costly, "sweep", 1, shots=10, **limit)
            assert made.wait()
        return made.job_set_id()

    return run_set


def test_show_tells_of_each_job_what_the_backend_measured(qjm, run_set, costly, shown):
    fetch, told = costly.fetch, iter([FIGURES, RemoteFigures(usage_s=0.5), None])
    costly.fetch = lambda remote_id: replace(fetch(remote_id), figures=next(told))
    run_set()
    jobs = sorted((job["measured"] for job in shown("sweep")["job_list"]), key=str)
    nothing = dict.fromkeys(("session_id", "created_at", "started_at", "ended_at"))
    assert jobs == [
        None,
        {"usage_s": 0.5, **nothing},
        {
            "usage_s": 1.25,
            "session_id": "b-7",
            "created_at": "2026-03-29T12:00:00+00:00",
            "started_at": "2026-03-29T12:01:00+00:00",
            "ended_at": "2026-03-29T12:03:00+00:00",
        },
    ]
    assert shown("sweep")["usage"] == {"measured_s": 1.75, "estimated_s": 2.0, "allowed_s": None}
    text = qjm("show", "sweep").out
    assert "Usage        1.75 quantum seconds measured, 2 estimated of what" in text
    (header,) = (line for line in text.splitlines() if line.startswith("JOB "))
    assert header.split()[-5:] == ["USAGE", "BEGAN", "RAN", "SESSION", "STATE"]
    (whole,) = (line for line in text.splitlines() if "b-7" in line)
    began = f"{FIGURES.started_at.astimezone():%Y-%m-%d %H:%M:%S}"
    assert f"1.25 s  {began}  2 min  b-7      done" in " ".join(whole.split(" "))


def test_what_no_backend_measured_takes_no_room(qjm, run_set):
    run_set()
    text = qjm("show", "sweep").out
    assert "SESSION" not in text
    assert "Usage        0 quantum seconds measured, 6 estimated of what" in text


def test_what_the_limit_holds_back_is_told_and_goes_on_when_more_is_allowed(
    qjm, run_set, costly, shown
):
    job_set_id = run_set(max_usage_s=3.0)
    assert (shown("sweep")["held"], shown("sweep")["usage"]["allowed_s"]) == (2, 3.0)
    text = qjm("show", "sweep").out
    assert "sweep needs you: 2 jobs are not sent, as more than 3 quantum seconds would be" in text
    assert f"  qjm resume {job_set_id} --max-usage SECONDS\n" in text
    assert "at most 3 allowed" in text
    assert f"qjm resume {job_set_id} --max-usage" in qjm("doctor").out

    more = qjm("resume", "sweep", "--max-usage", "4")
    assert (more.code, more.out) == (3, "sweep: 3 circuits in 3 jobs: 2 done, 1 planned\n")
    assert "1 job is not sent" in more.err
    all_of_it = qjm("resume", "sweep", "--max-usage", "none")
    assert (all_of_it.code, all_of_it.out) == (0, "sweep: 3 circuits in 3 jobs: 3 done\n")
    assert len(costly.ledger.accepted) == 3


@pytest.mark.parametrize("wrong", ["0", "-1", "nan", "much", ""])
def test_a_limit_that_is_none_changes_nothing(qjm, run_set, shown, wrong):
    run_set(max_usage_s=3.0)
    refused = qjm("resume", "sweep", f"--max-usage={wrong}")
    assert (refused.code, refused.out) == (2, "")
    assert "--max-usage" in refused.err
    assert shown("sweep")["usage"]["allowed_s"] == 3.0


def test_no_limit_is_changed_of_sets_that_are_not_named(qjm, run_set, shown):
    run_set(max_usage_s=3.0)
    assert qjm("resume", "--max-usage", "none").code == 2
    assert shown("sweep")["usage"]["allowed_s"] == 3.0


def test_the_service_tells_once_what_the_limit_holds_back(store, run_set, caplog):
    job_set_id = run_set(max_usage_s=3.0)
    with JobManager(store) as manager:
        service = Service(manager, FakeClock(), lambda job_set: "")
        for _ in range(3):
            service.look_again()
    (said,) = [each for each in caplog.records if getattr(each, "event", None) == "needs you"]
    assert f"qjm resume {job_set_id} --max-usage SECONDS" in said.getMessage()
