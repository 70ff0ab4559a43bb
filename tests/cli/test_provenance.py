"""``qjm provenance``."""

from __future__ import annotations

import json

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2

from qiskit_job_manager.cli.app import app


@pytest.fixture
def job_set(manager, wait_until):
    circuit = QuantumCircuit(1, name="a\x1b[31mb")
    circuit.x(0)
    circuit.measure_all()
    made = manager.run(
        [circuit], GenericBackendV2(2, seed=1), name="sweep", shots=10, transpile=True
    )
    made.results(timeout=120)
    wait_until(lambda: made.provenance()["calibrations"])
    return made


@pytest.fixture
def qjm(store_path, capsys):
    def run(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app(["--store", str(store_path), *words], prog_name="qjm")
        return ended.value.code or 0, *capsys.readouterr()

    return run


def test_it_tells_what_the_job_set_ran_in_and_on(job_set, qjm):
    code, out, err = qjm("provenance", "sweep")
    assert (code, err) == (0, "")
    assert "sent by: Python 3." in out
    assert "qiskit 2." in out
    assert "calibration: of a time that the backend does not tell, seen from 20" in out
    assert json.loads(qjm("provenance", "sweep", "--json")[1]) == job_set.provenance()


def test_it_tells_what_an_experiment_ran_in_and_on(job_set, qjm):
    code, out, _ = qjm("provenance", "sweep", "0")
    assert code == 0
    assert "\x1b" not in out
    assert "attempt 1: " in out
    assert "calibration at the end: of a time" in out
    told = json.loads(qjm("provenance", "sweep", "0", "--json")[1])
    assert told == job_set.results().provenance(0)


def test_an_experiment_that_is_not_there_is_named(job_set, qjm):
    code, out, err = qjm("provenance", "sweep", "7")
    assert (code != 0, out) == (True, "")
    assert "has no experiment '7'" in err


def test_what_was_not_recorded_is_said(store_path, qjm):
    from qiskit_job_manager import JobManager

    circuit = QuantumCircuit(1, name="c")
    circuit.measure_all()
    with JobManager(store_path, provenance="off") as manager:
        manager.run([circuit], "aer", name="old", shots=10).results(timeout=60)
    out = qjm("provenance", "old")[1]
    assert out.count("nothing was recorded") == 2
    assert qjm("provenance", "old", "0")[1].count("nothing was recorded") == 3
