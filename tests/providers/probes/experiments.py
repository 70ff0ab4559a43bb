# /// script
# dependencies = ["qiskit-experiments", "qiskit-aer"]
# ///
"""Qiskit Experiments."""

from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qiskit_job_manager import ManagedBackend

PACKAGES = ("qiskit-experiments",)


def randomized_benchmarking(manager):
    """Find what the library finds without the manager; it submits several jobs by itself."""
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.02, 1), ["sx"])
    simulator = AerSimulator(noise_model=noise, basis_gates=["rz", "sx", "x"], seed_simulator=7)
    alone, managed = _alpha(simulator), _alpha(ManagedBackend(simulator, manager=manager))
    assert abs(alone.n - managed.n) < 3 * (alone.s**2 + managed.s**2) ** 0.5, (alone, managed)


def _alpha(backend):
    from qiskit_experiments.library import StandardRB

    experiment = StandardRB((0,), [1, 10, 30, 60, 100], num_samples=4, seed=7)
    data = experiment.run(backend=backend, shots=500).block_for_results()
    assert data.status().name == "DONE", data.errors()
    [found] = [r for r in data.analysis_results(dataframe=True).itertuples() if r.name == "alpha"]
    return found.value


uses = {"randomized benchmarking on a `ManagedBackend`": randomized_benchmarking}
