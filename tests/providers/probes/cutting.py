# /// script
# dependencies = ["qiskit-addon-cutting", "qiskit-aer"]
# ///
"""Qiskit's circuit cutting."""

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import PauliList, Statevector
from qiskit_aer.primitives import SamplerV2

from qiskit_job_manager import ManagedSampler

PACKAGES = ("qiskit-addon-cutting",)


def cut(manager):
    """Cut a Bell pair in two, run the parts through a managed sampler, and put them together."""
    from qiskit_addon_cutting import (
        generate_cutting_experiments,
        partition_problem,
        reconstruct_expectation_values,
    )

    circuit = QuantumCircuit(2)
    circuit.ry(0.4, [0, 1])
    circuit.cx(0, 1)
    circuit.ry(0.4, [0, 1])
    observables = PauliList(["ZI", "IZ", "ZZ"])
    parts = partition_problem(circuit=circuit, partition_labels="AB", observables=observables)
    experiments, weights = generate_cutting_experiments(
        circuits=parts.subcircuits, observables=parts.subobservables, num_samples=np.inf
    )
    sampler = ManagedSampler(SamplerV2(seed=7), manager=manager)
    results = {
        label: sampler.run(circuits, shots=2**13).result(60)
        for label, circuits in experiments.items()
    }
    found = reconstruct_expectation_values(results, weights, parts.subobservables)
    exact = [Statevector(circuit).expectation_value(each).real for each in observables]
    assert np.allclose(found, exact, atol=0.15), (found, exact)


uses = {"gate cutting on a `ManagedSampler`": cut}
