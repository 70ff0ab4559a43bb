# /// script
# dependencies = ["qiskit-experiments", "qiskit-aer"]
# ///
"""Qiskit Experiments."""

from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qiskit_job_manager import ManagedBackend

PACKAGES = ("qiskit-experiments",)


def randomized_benchmarking(manager):
    """Find the error of each Clifford gate; the library submits several jobs by itself."""
    from qiskit_experiments.library import StandardRB

    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.02, 1), ["sx"])
    simulator = AerSimulator(noise_model=noise, basis_gates=["rz", "sx", "x"], seed_simulator=7)
    runs = ManagedBackend(simulator, manager=manager)
    experiment = StandardRB((0,), [1, 10, 30, 60, 100], num_samples=4, seed=7)
    data = experiment.run(backend=runs, shots=500).block_for_results()
    assert data.status().name == "DONE", data.errors()
    [found] = [r for r in data.analysis_results(dataframe=True).itertuples() if r.name == "alpha"]
    assert 0.96 < float(found.value.n) < 0.985, found.value


uses = {"randomized benchmarking on a `ManagedBackend`": randomized_benchmarking}
