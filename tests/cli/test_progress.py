"""What is shown while a job set is waited for goes on, whether anything happens or not."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.cli import follow as watching
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.model import JobState, RemoteState, RemoteStatus
from qiskit_job_manager.model.progress import Activity, Pace, Progress
from qiskit_job_manager.testing import JobStory, ScriptedBackend
from qiskit_job_manager.views import phrases


@pytest.fixture
def shown(monkeypatch):
    """What would have been drawn."""
    seen = []

    @contextmanager
    def shown_progress(*_):
        yield seen.append

    monkeypatch.setattr(watching, "shown_progress", shown_progress)
    return seen


@pytest.fixture
def endless(tmp_path, measured_circuit):
    backend = ScriptedBackend(SystemClock())
    backend.tell(JobStory((RemoteStatus(RemoteState.RUNNING),)))
    with JobManager(tmp_path / "store.db") as manager:
        yield manager.run(measured_circuit, backend, shots=10)


@pytest.fixture
def measured_circuit():
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, name="one")
    circuit.measure_all()
    return circuit


def test_it_is_drawn_again_although_nothing_happens(endless, shown, monkeypatch):
    monkeypatch.setattr(watching, "_LOOK_EVERY_S", 0.01)
    watching.watch(endless, None, enough=lambda _: len(shown) > 20)
    assert len(shown) > 20
    assert shown[-1] == shown[-5]


def test_the_time_that_is_given_is_kept_and_what_there_is_is_shown(endless, shown):
    watching.watch(endless, 0.0)
    assert shown


def test_a_line_says_what_keeps_jobs_from_going_on():
    words = "asking for the status has failed 40 times since 03:12:00 UTC: no \x1b[31mevent loop"
    shown = phrases.line(
        Progress(1, 1, {JobState.ACTIVE: 1}, {JobState.ACTIVE: 1}, True, 0),
        Activity(1, 0, trouble=words),
        Pace(5.0),
    )
    assert "; trouble: asking for the status has failed 40 times since 03:12:00 UTC: no" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        ("5f" * 16, "another process"),
        (
            f"{'5f' * 16} 4711 lab1 2026-11-27T19:03:00Z",
            "process 4711 on lab1, which started at 2026-11-27T19:03:00Z",
        ),
    ],
)
def test_who_drives_is_told_also_of_a_driver_of_an_older_version(owner, words):
    assert phrases.driver(owner) == words
