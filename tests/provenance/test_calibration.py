"""How backends are calibrated, in one form, whatever the backend."""

from __future__ import annotations

import pytest
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import InstructionProperties, QubitProperties, Target
from qiskit_aer import AerSimulator

from qiskit_job_manager import backends
from qiskit_job_manager.backends.calibration import calibration_of
from qiskit_job_manager.codec.snapshots import encode_snapshot, read_snapshot
from qiskit_job_manager.errors import BackendError

fake_provider = pytest.importorskip("qiskit_ibm_runtime.fake_provider")


def value_of(values, name):
    return next(each["value"] for each in values if each["name"] == name)


@pytest.mark.parametrize("device", ["FakeFez", "FakeMarrakesh"])
def test_a_device_of_156_qubits_takes_less_than_40_kb(device):
    backend = getattr(fake_provider, device)()
    snapshot = encode_snapshot(calibration_of(backend))
    assert len(snapshot.blob.data) <= 40_000
    read = read_snapshot(snapshot)
    properties = backend.properties()
    assert len(read["qubits"]) == 156
    assert value_of(read["qubits"][7], "T1") == pytest.approx(properties.t1(7) * 1e6)
    assert value_of(read["qubits"][7], "readout_error") == properties.readout_error(7)
    gate = next(each for each in read["gates"] if each["gate"] == "cz")
    assert value_of(gate["parameters"], "gate_error") == properties.gate_error("cz", gate["qubits"])
    assert read["last_update_date"].startswith("2025-02-2")


def test_a_backend_without_properties_has_its_target_in_the_same_form():
    backend = GenericBackendV2(5, seed=7)
    read = read_snapshot(encode_snapshot(calibration_of(backend)))
    assert read["source"] == "Target"
    assert value_of(read["qubits"][2], "T1") == backend.target.qubit_properties[2].t1
    gate = next(each for each in read["gates"] if each["gate"] == "cx")
    known = backend.target["cx"][tuple(gate["qubits"])]
    assert value_of(gate["parameters"], "gate_error") == known.error
    assert value_of(gate["parameters"], "gate_length") == known.duration


def test_what_is_not_calibrated_has_no_calibration():
    assert calibration_of(AerSimulator()) is None
    assert calibration_of(GenericBackendV2(3, noise_info=False)) is None
    assert backends.open_backend("aer").calibration() is None
    assert backends.open_backend("sampler:statevector").calibration() is None


def test_a_local_device_says_what_it_simulates(manager):
    adapter = manager._placed(backends.open_backend("fake:manila"))
    assert len(adapter.calibration()["qubits"]) == 5


class _Device:
    """A backend with a target of its own."""

    name = "device"

    def __init__(self, target):
        self.target = target


def test_a_target_of_too_many_gates_is_refused_and_not_walked_to_its_end():
    class Endless(dict):
        def items(self):
            return (((n,), None) for n in iter(int, 1))

    class Huge:
        operation_names = ("x",)
        qubit_properties = None
        dt = None

        def __getitem__(self, name):
            return Endless()

    with pytest.raises(BackendError, match="more than 100,000 gates"):
        calibration_of(_Device(Huge()))


def test_hostile_values_are_kept_as_texts():
    from qiskit.circuit.library import XGate

    target = Target(qubit_properties=[QubitProperties(t1=float("nan"), t2=float("inf"))])
    target.add_instruction(XGate(), {(0,): InstructionProperties(error=float("nan"))})
    read = read_snapshot(encode_snapshot(calibration_of(_Device(target))))
    assert value_of(read["qubits"][0], "T1") == "NaN"
    assert value_of(read["qubits"][0], "T2") == "Infinity"
    assert value_of(read["gates"][0]["parameters"], "gate_error") == "NaN"
