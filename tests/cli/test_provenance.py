"""``qjm provenance``."""

from __future__ import annotations

import json

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2

from qiskit_job_manager.cli.app import app
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.manager import JobManager
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing import ScriptedBackend
from qiskit_job_manager.testing.cloud_service import Books, CloudProcess, Deed, Faults


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
    circuit = QuantumCircuit(1, name="c")
    circuit.measure_all()
    with JobManager(store_path, provenance="off") as manager:
        manager.run([circuit], "aer", name="old", shots=10).results(timeout=60)
    out = qjm("provenance", "old")[1]
    assert out.count("nothing was recorded") == 2
    assert qjm("provenance", "old", "0")[1].count("nothing was recorded") == 3


# -- drift -----------------------------------------------------------------------------------------


class Recalibrated(ScriptedBackend):
    """Its readout error is another one at each look."""

    errors = iter(())

    def calibration(self):
        error = {"name": "readout_error", "value": next(self.errors), "unit": ""}
        return {"qubits": [[error]], "gates": [{"gate": "x", "qubits": [0], "parameters": []}]}


@pytest.fixture
def drifted(store_path, short_polls):
    circuits = [QuantumCircuit(1, 1, name=name) for name in ("a\x1b[31mb", "untouched")]
    circuits[0].measure(0, 0)
    device = Recalibrated(SystemClock(), Capabilities())
    device.errors = iter([0.01, 0.01375, *[0.0175] * 99])
    with JobManager(store_path) as manager:
        manager.run(circuits, device, name="sweep", shots=10).results(timeout=60)
    with JobManager(store_path) as manager:
        yield manager.find("sweep").results_so_far()


def test_it_tells_which_experiments_drifted(drifted, qjm):
    code, out, err = qjm("provenance", "sweep", "--drift", "--threshold", "0.2")
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    header, first, second = out.splitlines()
    assert header.split()[:4] == ["INDEX", "NAME", "STRADDLED", "MOVED"]
    assert "  yes        yes      readout_error of measure on 0: 0.01 to 0.01" in first
    assert second.split()[:2] == ["1", "untouched"]
    assert second.split()[2:4] == ["unknown", "unknown"]


def test_drift_is_told_as_json_and_of_one_experiment(drifted, qjm):
    told = json.loads(qjm("provenance", "sweep", "--drift", "--json")[1])
    assert [each["name"] for each in told] == [each.name for each in drifted.drift()]
    assert (told[0]["straddled"], told[0]["qubits"]) == (True, [0])
    only = json.loads(qjm("provenance", "sweep", "1", "--drift", "--json")[1])
    assert only == told[1:]


def test_a_threshold_without_drift_is_refused(drifted, qjm):
    code, out, err = qjm("provenance", "sweep", "--threshold", "0.2")
    assert (code, out) == (2, "")
    assert "--threshold belongs to --drift" in err
    assert "a number from 0" in qjm("provenance", "sweep", "--drift", "--threshold", "nan")[2]


# -- what drifted, again ---------------------------------------------------------------------------


@pytest.fixture
def swept(store_path, tmp_path, on, recalibrate, short_polls):
    """A job set of four experiments, of which two drifted and one is not known."""
    with CloudProcess(tmp_path / "ledger", Faults()) as cloud:
        uri = f"cloud:http://{cloud.address}?variant=findable"
        with JobManager(store_path) as manager:
            given = [on(0), on(1, "a\x1b[31mb"), on(2), on(4)]
            assert manager.run(given, uri, "sweep", shots=10).results(timeout=60).success
        recalibrate("sweep")
        yield lambda: len(Books.read(tmp_path / "ledger").of(Deed.ACCEPTED))


def test_a_dry_run_tells_what_would_run_again_and_sends_nothing(swept, qjm):
    code, out, err = qjm("retry", "sweep", "--where", "drifted", "--dry-run")
    assert (code, err, swept()) == (0, "", 1)
    assert "\x1b" not in out
    lines = out.splitlines()
    assert lines[0] == "2 experiments to run again, in sweep (drifted)"
    assert lines[1].startswith("1 experiment left out, as the drift is not known; of the first:")
    assert [line.split()[0] for line in lines[2:5]] == ["INDEX", "1", "2"]
    assert "executions             20" in out
    told = json.loads(qjm("retry", "sweep", "--where", "moved", "--dry-run", "--json")[1])
    assert [each["experiment"] for each in told["experiments"]] == [1]
    assert (told["name"], told["n_unknown"], told["plan"]["n_experiments"]) == (
        "sweep (drifted)",
        1,
        1,
    )


def test_what_drifted_runs_again_once_and_after_a_yes_alone(swept, qjm):
    code, out, err = qjm("retry", "sweep", "--where", "drifted")
    assert (code, out, swept()) == (2, "", 1)
    assert "2 experiments of sweep run again on" in err
    assert "give --yes" in err
    code, out, err = qjm("retry", "sweep", "--where", "drifted", "--yes")
    assert (code, swept()) == (0, 2)
    assert out == "sweep (drifted): 2 circuits in 1 job: 1 done\n"
    code, out, err = qjm("retry", "sweep", "--where", "drifted")
    assert (code, swept()) == (0, 2)
    assert "0 experiments to run again, in sweep (drifted); 2 more ran again before" in err
    assert out == "sweep (drifted): 2 circuits in 1 job: 1 done\n"


def test_where_nothing_moved_so_far_nothing_runs(swept, qjm):
    words = ("retry", "sweep", "--where", "moved", "--threshold", "9")
    code, out, err = qjm(*words)
    assert (code, swept()) == (0, 1)
    assert "0 experiments to run again" in err
    assert out == "sweep: 4 circuits in 1 job: 1 done\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--threshold", "0.2"], "--threshold belongs to --where"),
        (["--dry-run"], "--dry-run belongs to --where"),
        (["--where", "moved", "--cancelled"], "give one"),
        (["--where", "drift"], "did you mean"),
        (["--where", "moved", "--threshold", "nan"], "a number from 0"),
    ],
)
def test_options_of_retry_that_do_not_fit_are_refused(swept, qjm, words, said):
    code, out, err = qjm("retry", "sweep", *words)
    assert (code != 0, out, swept()) == (True, "", 1)
    assert said.lower() in err.lower()
