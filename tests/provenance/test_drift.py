"""What became of the calibration between an experiment's sending and its end."""

from __future__ import annotations

import threading
from contextlib import closing
from copy import deepcopy
from datetime import UTC, datetime

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import CXGate, SXGate
from qiskit.circuit.library import Measure as MeasureOf
from qiskit.transpiler import InstructionProperties, QubitProperties, Target

from qiskit_job_manager import InvalidArgumentError, JobManager, Limits
from qiskit_job_manager.backends.calibration import calibration_of, of_properties
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.codec.snapshots import encode_snapshot
from qiskit_job_manager.model import Observation, ObservationKind
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.results.calibrated_values import used_by, values_of
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing import ScriptedBackend
from qiskit_job_manager.testing.samples import sampled

LONG_AGO = "2026-01-01T00:00:00+00:00"


def value(name, number, date=LONG_AGO, unit=""):
    return {"name": name, "value": number, "unit": unit, "date": date}


def properties():
    """Three qubits in a row, as IBM's client says it."""
    gates = [("sx", (q,), 1e-4) for q in range(3)] + [("cx", (0, 1), 8e-3), ("cx", (1, 2), 9e-3)]
    return of_properties(
        {
            "qubits": [
                [
                    value("T1", 100.0, unit="us"),
                    value("T2", 80.0, unit="us"),
                    value("readout_error", 0.02),
                ]
                for _ in range(3)
            ],
            "gates": [
                {"gate": gate, "qubits": list(on), "parameters": [value("gate_error", error)]}
                for gate, on, error in gates
            ],
        }
    )


def parameter(content, gate, *qubits):
    [found] = [e for e in content["gates"] if (e["gate"], e["qubits"]) == (gate, list(qubits))]
    return found["parameters"][0]


def pair(first, name):
    """Two neighbours on the device, entangled and measured, as the transpiler leaves it."""
    made = QuantumCircuit(3, 2, name=name)
    made.sx(first)
    made.cx(first, first + 1)
    made.barrier()
    made.measure([first, first + 1], [0, 1])
    return made


class Device(ScriptedBackend):
    """A device that is calibrated again while its jobs run, after it was looked at once."""

    def __init__(self, content, again=None, *, volatile=False, limits=None):
        can = Capabilities(volatile=volatile)
        super().__init__(SystemClock(), can, run=self._run, uri="scripted:", limits=limits)
        self.content = content
        self._again = again or (lambda _: None)
        self._looked = threading.Event()
        self._has_run = False

    def calibration(self):
        seen = self.content() if callable(self.content) else deepcopy(self.content)
        self._looked.set()
        return seen

    def _run(self, *given):
        assert self._looked.wait(60)
        if not self._has_run:
            self._has_run = True
            self._again(self.content)
        return sampled(*given)


@pytest.fixture
def drift(store_path, short_polls):
    """Run circuits on a device to the end, and return the drift."""

    def run(device, circuits=None, threshold=None, **how):
        given = circuits or [pair(0, "left"), pair(1, "right")]
        with JobManager(store_path) as manager:  # leaving it waits for the last look
            manager.run(given, device, name="sweep", shots=10, **how).results(timeout=60)
        with JobManager(store_path) as manager:
            results = manager.find("sweep").results_so_far()
            return results.drift() if threshold is None else results.drift(threshold)

    return run


def verdicts(rows):
    return [(each.straddled, each.moved) for each in rows]


def now():
    return datetime.now(UTC).isoformat()


def test_nothing_has_drifted_on_a_device_that_stays_as_it_is(drift):
    rows = drift(Device(properties()))
    assert verdicts(rows) == [(False, False)] * 2
    assert [(each.experiment, each.name, each.unknown) for each in rows] == [
        (0, "left", None),
        (1, "right", None),
    ]
    assert {each.quantity for each in rows} == {None}


def test_only_experiments_that_use_what_changed_are_marked(drift):
    def again(content):
        parameter(content, "cx", 1, 2).update(value=2.7e-2, date=now())

    left, right = drift(Device(properties(), again))
    assert (left.straddled, left.moved, left.quantity) == (False, False, None)
    assert (right.straddled, right.moved) == (True, True)
    assert (right.quantity, right.instruction, right.qubits) == ("gate_error", "cx", (1, 2))
    assert (right.before, right.after) == (9e-3, 2.7e-2)


def test_a_calibration_that_changed_little_is_straddled_and_not_moved(drift):
    def again(content):
        for qubit in content["qubits"][:2]:
            qubit[2].update(value=0.025, date=now())
        content["qubits"][0][0].update(value=60.0, date=now())

    left, right = drift(Device(properties(), again), threshold=0.7)
    assert (left.straddled, left.moved) == (True, False)
    assert (left.quantity, left.instruction, left.qubits) == ("T1", None, (0,))
    assert (left.before, left.after) == (pytest.approx(100e-6), pytest.approx(60e-6))
    assert (right.straddled, right.moved) == (True, False)
    assert (right.quantity, right.instruction) == ("readout_error", "measure")
    assert right.qubits == (1,)


@pytest.mark.parametrize(
    ("error", "moved"), [(8e-3 * 1.49, False), (8e-3 * 1.51, True), (8e-3 / 1.51, True), (0, True)]
)
def test_the_larger_error_is_compared_with_the_smaller_one(drift, error, moved):
    def again(content):
        parameter(content, "cx", 0, 1).update(value=error, date=now())

    [row] = drift(Device(properties(), again), [pair(0, "left")])
    assert (row.straddled, row.moved, row.after) == (True, moved, error)


def test_a_value_that_was_calibrated_again_and_stayed_the_same_is_straddled(drift):
    def again(content):
        parameter(content, "sx", 0).update(date=now())

    left, right = drift(Device(properties(), again))
    assert (left.straddled, left.moved, left.quantity) == (True, False, None)
    assert (right.straddled, right.moved) == (False, False)


def test_a_calibration_between_the_first_look_and_the_sending_does_not_count(drift):
    def again(content):
        parameter(content, "cx", 0, 1).update(value=0.5, date="2026-01-02T00:00:00+00:00")

    [row] = drift(Device(properties(), again), [pair(0, "left")])
    assert (row.straddled, row.moved, row.unknown) == (False, False, None)


def test_a_calibration_after_the_end_does_not_count(drift):
    looks = []

    def content():
        seen = properties()
        if looks:
            parameter(seen, "cx", 0, 1).update(value=0.5, date=now())
        looks.append(seen)
        return seen

    rows = drift(Device(content), [pair(0, "left")])
    assert len(looks) > 1
    assert verdicts(rows) == [(False, False)]


@pytest.mark.parametrize("lost", [float("nan"), float("inf"), -1.0, None, "0.1", True])
def test_an_error_that_is_no_number_any_more_is_not_known(drift, lost):
    def again(content):
        parameter(content, "cx", 1, 2).update(value=lost, date=LONG_AGO)

    left, right = drift(Device(properties(), again))
    assert (left.straddled, left.moved, left.unknown) == (False, False, None)
    assert (right.straddled, right.moved) == (None, None)
    assert right.unknown.endswith("not tell both before and after: gate_error of cx on 1, 2")


def test_what_has_moved_has_moved_whatever_else_is_not_known(drift):
    def again(content):
        parameter(content, "cx", 1, 2).update(value=1.0, date=now())
        del content["qubits"][2]

    left, right = drift(Device(properties(), again))
    assert (left.moved, left.unknown) == (False, None)
    assert (right.straddled, right.moved, right.after) == (True, True, 1.0)
    assert "readout_error of 2; T1 of 2; T2 of 2" in right.unknown


def test_gates_and_qubits_that_the_device_does_not_tell_of_are_named(drift):
    stranger = QuantumCircuit(5, 1, name="stranger")
    stranger.h(0)
    stranger.cx(1, 3)
    stranger.measure(4, 0)
    [row] = drift(Device(properties()), [stranger])
    assert (row.straddled, row.moved) == (None, None)
    assert row.unknown.endswith("h on 0; cx on 1, 3; readout of 4")


def test_targets_without_dates_are_compared_by_their_values(drift):
    class Mine:
        """What `calibration_of` asks a `BackendV2` for."""

        name = "mine"

        def __init__(self, error):
            cx = {(0, 1): InstructionProperties(error=error)}
            each = {(q,): InstructionProperties(error=1e-3) for q in range(2)}
            self.target = Target(qubit_properties=[QubitProperties(t1=1e-4)] * 2)
            self.target.add_instruction(CXGate(), cx)
            self.target.add_instruction(SXGate(), each)
            self.target.add_instruction(MeasureOf(), each)

    def again(_):
        device.content = calibration_of(Mine(4e-2))

    device = Device(calibration_of(Mine(1e-2)), again)
    alone = QuantumCircuit(2, 1, name="alone")
    alone.sx(0)
    alone.measure(0, 0)
    entangled, alone_row = drift(device, [pair(0, "entangled"), alone])
    assert (entangled.straddled, entangled.moved, entangled.after) == (True, True, 4e-2)
    assert (alone_row.straddled, alone_row.moved, alone_row.unknown) == (False, False, None)


def test_shares_of_the_shots_are_looked_at_as_one(drift):
    def again(content):
        parameter(content, "cx", 0, 1).update(value=0.1, date=now())

    device = Device(properties(), again, limits=Limits(shots_per_experiment=5))
    [row] = drift(device, [pair(0, "left")])
    assert len(device.ledger.accepted) == 2
    assert (row.straddled, row.moved) == (True, True)


def test_an_error_that_moved_and_came_back_has_moved(drift, store_path, wait_until):
    def again(content):
        meanwhile = deepcopy(content)
        parameter(meanwhile, "cx", 0, 1)["value"] = 3e-2
        snapshot, at = encode_snapshot(meanwhile), datetime.now(UTC)
        seen = Observation(ObservationKind.CALIBRATION, at, at, snapshot.sha256)
        with closing(open_store(store_path)) as store:
            [record] = store.job_sets(limit=2)
            kinds = lambda: [each.kind for each in store.observations(record.key)]  # noqa: E731
            wait_until(lambda: ObservationKind.CALIBRATION in kinds())  # the first look
            store.observe(record.key, seen, snapshot)

    content = properties()
    parameter(content, "cx", 0, 1)["date"] = None
    [row] = drift(Device(content, again), [pair(0, "left")])
    assert (row.straddled, row.moved) == (True, True)
    assert (row.before, row.after) == (8e-3, 3e-2)


# -- what is not known -----------------------------------------------------------------------------


def reasons(rows):
    assert verdicts(rows) == [(None, None)] * len(rows)
    return {each.unknown for each in rows}


def test_simulators_say_that_nothing_was_recorded(manager):
    made = manager.run([pair(0, "a")], "aer", shots=10).results(timeout=60)
    assert reasons(made.drift()) == {"no calibration of its backend was recorded"}


def test_a_backend_without_calibration_says_so(drift):
    assert reasons(drift(Device(lambda: None))) == {"no calibration of its backend was recorded"}


def test_jobs_that_end_with_the_process_say_that_it_was_looked_at_once(drift):
    [reason] = reasons(drift(Device(properties(), volatile=True)))
    assert "looked at only once" in reason


def test_a_look_that_failed_is_said(drift):
    looks = []

    def content():
        looks.append(1)
        if len(looks) > 1:
            raise OSError("the fridge is open")
        return properties()

    [reason] = reasons(drift(Device(content)))
    assert reason == "the calibration could not be had after its end: the fridge is open"


def test_experiments_without_a_result_say_so(manager):
    made = manager.run([pair(0, "a")], Device(properties()), shots=10, drive=False)
    assert reasons(made.results_so_far().drift()) == {"it has no result: job 0 has not ended"}


def test_results_that_were_taken_over_ran_elsewhere(drift, store_path):
    device = Device(properties())
    drift(device, seed_simulator=7)
    with JobManager(store_path) as manager:
        again = manager.run(
            [pair(0, "left"), pair(1, "right")], device, shots=10, seed_simulator=7, reuse=True
        )
        [reason] = reasons(again.results(timeout=60).drift())
    assert reason == "its result was taken over from another job set, where it ran"


@pytest.mark.parametrize("threshold", [-0.1, float("nan"), True, "0.5", None])
def test_a_threshold_is_a_number_from_zero(manager, threshold):
    made = manager.run([pair(0, "a")], "aer", shots=10).results(timeout=60)
    with pytest.raises(InvalidArgumentError, match=r"threshold is .*a number from 0"):
        made.drift(threshold)


# -- as a table ------------------------------------------------------------------------------------


def test_it_is_a_data_frame_too(drift):
    pytest.importorskip("pandas")

    def again(content):
        parameter(content, "cx", 1, 2).update(value=2.7e-2, date=now())

    rows = drift(Device(properties(), again))
    assert repr(rows) == "<DriftTable of 2 experiments: 1 moved, 1 straddled, 0 not fully known>"
    frame = rows.to_dataframe()
    assert list(frame.index) == [0, 1]
    assert list(frame[frame["moved"]]["name"]) == ["right"]
    assert frame.loc[1, "qubits"] == (1, 2)


# -- reading ---------------------------------------------------------------------------------------


def test_blocks_of_control_flow_use_the_qubits_of_the_device():
    circuit = QuantumCircuit(4, 1)
    circuit.measure(3, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.cx(3, 2)
    used = used_by(circuit, measures_all=False)
    assert list(used.gates) == [("cx", (3, 2))]
    assert list(used.measured) == [3]
    assert set(used.qubits) == {2, 3}


def test_an_estimator_measures_all_that_it_uses():
    circuit = QuantumCircuit(3)
    circuit.sx(1)
    assert list(used_by(circuit, measures_all=True).measured) == [1]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"qubits": None, "gates": 7},
        {"qubits": [None, 3, [None, {"name": ["T1"]}]], "gates": [None, "x"]},
        {"gates": [{"gate": ["x"], "qubits": [[1], None], "parameters": {"name": "gate_error"}}]},
        {"gates": [{"parameters": [{"name": "length"}, 4]}]},
    ],
)
def test_calibrations_of_another_form_tell_nothing(content):
    assert values_of(content).values == {}
