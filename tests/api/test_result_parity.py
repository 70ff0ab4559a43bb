"""`ManagedResults` gives exactly what `qiskit.result.Result` gives for the same data."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.exceptions import QiskitError


def registers():
    first, second = ClassicalRegister(2, "first"), ClassicalRegister(3, "second")
    circuit = QuantumCircuit(QuantumRegister(5, "q"), first, second, name="registers")
    circuit.h(range(5))
    circuit.measure(range(5), [*first, *second])
    return circuit


def statevector():
    circuit = QuantumCircuit(3, name="statevector")
    circuit.h(0)
    circuit.t(0)
    circuit.cx(0, 2)
    circuit.save_statevector()
    return circuit


def unitary():
    circuit = QuantumCircuit(2, name="unitary")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.save_unitary()
    return circuit


def same(ours, theirs):
    if isinstance(theirs, np.ndarray):
        return ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    return type(ours) is type(theirs) and ours == theirs


@pytest.fixture
def both(manager):
    """Runs circuits with a fixed seed through us and directly."""
    import qiskit_aer.library  # noqa: F401  # save_statevector and save_unitary
    from qiskit_aer import AerSimulator

    def run(circuits, method="automatic", **options):
        backend = AerSimulator(method=method, max_parallel_threads=1)
        options = {"seed_simulator": 11, "shots": 200, **options}
        ours = manager.run(circuits, backend, **options).results(timeout=60)
        return ours, backend.run(circuits, **options).result()

    return run


def test_counts_and_memory_over_several_registers(both):
    ours, theirs = both([registers()], memory=True)
    assert same(ours.get_counts(0), theirs.get_counts(0))
    assert same(ours.get_counts("registers"), theirs.get_counts("registers"))
    assert list(ours.get_counts(0)) == list(theirs.get_counts(0))
    assert same(ours.get_memory(0), theirs.get_memory(0))
    assert ours.data(0) == theirs.data(0)


@pytest.mark.parametrize("decimals", [None, 0, 3])
def test_statevectors(both, decimals):
    ours, theirs = both([statevector()], method="statevector")
    mine = ours.get_statevector("statevector", decimals)
    assert same(mine, theirs.get_statevector(0, decimals))
    assert same(ours.get_counts(0), theirs.get_counts(0))


@pytest.mark.parametrize("decimals", [None, 0, 3])
def test_unitaries(both, decimals):
    ours, theirs = both([unitary()], method="unitary")
    mine = ours.get_unitary("unitary", decimals=decimals)
    assert same(mine, theirs.get_unitary(0, decimals=decimals))


def test_what_is_not_there_is_refused_with_qiskits_own_error(both):
    ours, theirs = both([registers()])
    for method in ("get_memory", "get_statevector", "get_unitary"):
        with pytest.raises(QiskitError) as expected:
            getattr(theirs, method)(0)
        with pytest.raises(type(expected.value)) as given:
            getattr(ours, method)(0)
        assert str(given.value) == str(expected.value)


def test_a_combined_result_reads_as_the_original(both):
    circuits = [registers(), registers()]
    circuits[1].name = "second"
    ours, theirs = both(circuits)
    combined = ours.combine_results()
    assert [r.to_dict()["data"] for r in combined.results] == [
        r.to_dict()["data"] for r in theirs.results
    ]
    assert same(combined.get_counts("second"), theirs.get_counts("second"))
    assert combined.success is True


def test_the_methods_are_those_of_result():
    from qiskit.result import Result

    from qiskit_job_manager import ManagedResults

    for name in ("data", "get_counts", "get_memory", "get_statevector", "get_unitary"):
        assert hasattr(Result, name)
        assert hasattr(ManagedResults, name)


def test_a_backend_that_drops_names_does_no_harm(manager):
    """Results are found by position: what the backend calls them does not matter."""
    from qiskit.providers.basic_provider import BasicSimulator

    class Nameless(BasicSimulator):
        def run(self, run_input, **options):
            for circuit in run_input:
                circuit.name = "same-for-all"
            return super().run(run_input, **options)

    made = []
    for i in range(4):
        circuit = QuantumCircuit(2, 2, name=f"own-{i}")
        if i & 1:
            circuit.x(0)
        if i & 2:
            circuit.x(1)
        circuit.measure([0, 1], [0, 1])
        made.append(circuit)
    results = manager.run(made, Nameless(), volatile=True, shots=5).results(timeout=60)
    assert [results.get_counts(f"own-{i}") for i in range(4)] == [{f"{i:02b}": 5} for i in range(4)]


def test_a_data_frame_has_one_row_an_experiment(both):
    pandas = pytest.importorskip("pandas")
    ours, theirs = both([registers(), registers()])
    frame = ours.to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["name"]) == ["registers", "registers"]
    assert frame["counts"][1] == theirs.get_counts(1)
    assert list(frame["shots"]) == [200, 200]
    assert frame["error"].isna().all()
