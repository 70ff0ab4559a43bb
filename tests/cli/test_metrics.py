"""Metrics: served by a real process, read as a Prometheus server reads them."""

from __future__ import annotations

import json
import signal
import socket
import sys
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from qiskit_job_manager import JobManager
from qiskit_job_manager.cli.commands.serve import served_metrics
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing import ScriptedBackend
from qiskit_job_manager.testing.scripts import Call, LoseAnswer

BASIC = ("--backend", "basic", "--shots", "10", "--max-experiments-per-job", "1", "--no-wait")


def read(address):
    """Every sample by its name and labels."""
    with urlopen(address, timeout=60) as answer:
        text = answer.read().decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def until(process, event):
    for line in process.stderr:
        said = json.loads(line)
        if said.get("event") == event:
            return said
    raise AssertionError(f"it ended without {event!r}")


def test_a_service_counts_what_happens_and_serves_it_on_loopback(qjm_process, qjm, folder):
    process = qjm_process("serve", "--poll", "0.1", "--json", "--metrics-port", "0")
    address = until(process, "metrics")["address"]
    assert address.startswith("http://127.0.0.1:")
    assert read(address)["qjm_unfinished_job_sets",] == 0
    assert qjm("run", folder, *BASIC, "--name", "counted").code == 0
    until(process, "ended")
    samples = read(address)
    assert samples["qjm_store_up",] == 1
    assert samples["qjm_unfinished_job_sets",] == 0
    assert samples["qjm_job_events_total", "understood"] == 4
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


@pytest.fixture
def manager(tmp_path):
    with JobManager(tmp_path / "store.db") as manager:
        yield manager


def test_gauges_tell_jobs_by_backend_and_state_and_what_needs_the_user(manager, bell):
    from qiskit import QuantumCircuit

    remote = ScriptedBackend(SystemClock(), Capabilities())
    remote.script(Call.SUBMIT, LoseAnswer(), LoseAnswer())
    circuits = [QuantumCircuit.from_qasm_str(bell) for _ in range(2)]
    assert manager.run(circuits, remote, max_experiments_per_job=1).wait(60)
    with served_metrics(manager, "127.0.0.1", 0) as address:
        samples = read(address)
    assert samples["qjm_jobs", "in doubt", "scripted"] == 2
    assert samples["qjm_jobs_needing_user",] == 2
    assert samples["qjm_unfinished_job_sets",] == 1


def test_without_a_store_that_is_all_that_is_told(manager):
    with served_metrics(manager, "127.0.0.1", 0) as address:
        manager.close()
        assert read(address) == {("qjm_store_up",): 0, ("qjm_job_events_missed_total",): 0} | {
            key: value for key, value in read(address).items() if key[0].endswith("_created")
        }


def test_a_port_in_use_is_named(manager):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(InvalidArgumentError, match=f"port {port}"),
            served_metrics(manager, "127.0.0.1", port),
        ):
            pass


def test_the_command_names_a_port_in_use_without_a_traceback(qjm):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = qjm("serve", "--metrics-port", taken.getsockname()[1])
    assert told.code != 0
    assert "metrics cannot be served" in told.err
    assert "Traceback" not in told.err


def test_without_prometheus_client_the_extra_is_named(manager, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with (
        pytest.raises(InvalidArgumentError, match=r"qiskit-job-manager\[metrics\]"),
        served_metrics(manager, "127.0.0.1", 0),
    ):
        pass
