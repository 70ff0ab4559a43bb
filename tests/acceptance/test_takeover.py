"""One driver at a time: a waiting process takes over, and a stopped one does no harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.model import JobState
from qiskit_job_manager.testing.cloud_service import CloudService, Faults

DRIVER = textwrap.dedent(
    """
    import sys
    from qiskit import QuantumCircuit
    from qiskit_job_manager import JobManager

    def circuits():
        for i in range(12):
            circuit = QuantumCircuit(3, 3, name=f"c{i}")
            circuit.measure(range(3), range(3))
            yield circuit

    with JobManager(sys.argv[1]) as manager:
        job_set = manager.run(
            circuits(), sys.argv[2], name="sweep", max_experiments_per_job=2, shots=20,
            if_exists="resume",
        )
        print("driving", flush=True)
        assert job_set.results(timeout=100).success
        print("all read", flush=True)
    """
)


@pytest.fixture
def cloud(tmp_path):
    with CloudService(Faults(jobs_at_once=0), ledger=tmp_path / "ledger") as cloud:
        yield cloud


@pytest.fixture
def start(tmp_path, cloud):
    started = []

    def start():
        uri = f"cloud:http://{cloud.address}?variant=findable"
        arguments = [sys.executable, "-c", DRIVER, str(tmp_path / "store.db"), uri]
        process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def states(path):
    with JobManager(path) as manager:
        found = manager.job_sets(name="sweep")
        return dict(found[0].progress().jobs) if found else {}


def all_active(path):
    return path.exists() and states(path) == {JobState.ACTIVE: 6}


def test_who_waits_takes_over_when_the_driver_dies(tmp_path, cloud, start, wait_until):
    path = tmp_path / "store.db"
    first = start()
    wait_until(lambda: all_active(path), first)
    second = start()
    assert second.stdout.readline() == "driving\n"
    os.kill(first.pid, signal.SIGKILL)
    cloud.faults = Faults()
    out, err = second.communicate(timeout=100)
    assert (second.returncode, out) == (0, "all read\n"), err
    assert set(cloud.books().submissions_by_tag().values()) == {1}
    assert len(cloud.books().submissions_by_tag()) == 6


def test_a_driver_that_was_stopped_for_a_while_does_no_harm(tmp_path, cloud, start, wait_until):
    path = tmp_path / "store.db"
    first = start()
    wait_until(lambda: all_active(path), first)
    os.kill(first.pid, signal.SIGSTOP)
    second = start()
    assert second.stdout.readline() == "driving\n"
    cloud.faults = Faults()
    os.kill(first.pid, signal.SIGCONT)
    for process in (first, second):
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
        assert out.endswith("all read\n")
    assert set(cloud.books().submissions_by_tag().values()) == {1}
    assert len(cloud.books().submissions_by_tag()) == 6
