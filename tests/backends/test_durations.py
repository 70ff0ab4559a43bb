"""How long Aer will simulate a circuit, told beforehand, and held against what Aer does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_job_manager.backends.local.simulation_time import simulation_s, width

if TYPE_CHECKING:
    from collections.abc import Callable

FEW, MANY = 1_000, 1_000_000


def turned(n_qubits: int = 3) -> QuantumCircuit:
    circuit = QuantumCircuit(n_qubits, n_qubits)
    circuit.rx(0.3, range(n_qubits))
    circuit.cx(0, 1)
    return circuit


def measured() -> QuantumCircuit:
    circuit = turned()
    circuit.measure_all()
    return circuit


def measured_early() -> QuantumCircuit:
    circuit = turned()
    circuit.measure(0, 0)
    circuit.cx(1, 2)
    circuit.measure([1, 2], [1, 2])
    return circuit


def measured_between() -> QuantumCircuit:
    circuit = turned()
    circuit.measure(0, 0)
    circuit.cx(0, 1)
    circuit.measure(0, 1)
    return circuit


def with_reset() -> QuantumCircuit:
    circuit = turned()
    circuit.reset(0)
    circuit.measure([0, 1], [0, 1])
    return circuit


def with_condition() -> QuantumCircuit:
    circuit = turned()
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    return circuit


def with_loop(times: int = 3) -> QuantumCircuit:
    circuit = turned()
    with circuit.for_loop(range(times)):
        circuit.rx(0.1, 1)
    circuit.measure(1, 1)
    return circuit


ALL = [measured, measured_early, measured_between, with_reset, with_condition, with_loop]


@pytest.mark.parametrize("made", ALL)
def test_what_aer_simulates_shot_by_shot_takes_longer_with_each_shot(
    made: Callable[[], QuantumCircuit],
) -> None:
    circuit = made()
    result = AerSimulator().run(circuit, shots=50).result()
    drawn = result.results[0].metadata["measure_sampling"]
    per_shot_s = (simulation_s(circuit, MANY) - simulation_s(circuit, FEW)) / (MANY - FEW)
    assert (per_shot_s < 10e-6) is drawn


def test_a_loop_takes_as_long_as_its_turns() -> None:
    once, often = (simulation_s(with_loop(times), FEW) for times in (1, 1001))
    assert often > 10 * once


def test_a_loop_that_ends_by_what_is_measured_is_run_more_than_once() -> None:
    circuit = turned()
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.rx(1.0, 0)
        circuit.measure(0, 0)
    assert simulation_s(circuit, MANY) > simulation_s(with_condition(), MANY)


def test_it_doubles_with_each_qubit_of_a_state() -> None:
    narrow, wide = (simulation_s(turned(n), 1) for n in (24, 25))
    assert wide == pytest.approx(2 * narrow, rel=0.1)
    narrow, wide = (simulation_s(turned(n), 1, "density_matrix") for n in (12, 13))
    assert wide == pytest.approx(4 * narrow, rel=0.1)


def ghz(n_qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(n_qubits)
    circuit.h(0)
    for qubit in range(1, n_qubits):
        circuit.cx(0, qubit)
    circuit.measure_all()
    return circuit


def test_a_clifford_circuit_needs_no_state_unless_it_is_asked_for() -> None:
    assert simulation_s(ghz(30), FEW) < 0.1
    assert simulation_s(ghz(30), FEW, "statevector") > 1
    assert simulation_s(ghz(30), FEW, noisy=True) > 1


@pytest.mark.parametrize("method", ["matrix_product_state", "automatic", "unitary", "superop"])
def test_however_wide_a_circuit_is_there_is_a_figure(method: str) -> None:
    assert simulation_s(turned(1000), FEW, method) > 0


def test_noise_is_drawn_for_each_shot_or_needs_a_density_matrix() -> None:
    assert simulation_s(measured(), FEW, noisy=True) < 0.1
    assert simulation_s(turned(11), FEW, noisy=True) > 0.1 > simulation_s(turned(11), FEW)


def test_idle_qubits_do_not_count() -> None:
    circuit = QuantumCircuit(133, 1)
    circuit.rx(0.1, 17)
    circuit.barrier()
    circuit.measure(17, 0)
    assert width(circuit) == 1
    assert simulation_s(circuit, FEW) < 0.1
