# /// script
# dependencies = ["qiskit-machine-learning", "qiskit-aer"]
# ///
"""Qiskit Machine Learning."""

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorEstimator, StatevectorSampler

from qiskit_job_manager import ManagedEstimator, ManagedSampler

PACKAGES = ("qiskit-machine-learning",)


def circuit():
    made = QuantumCircuit(1)
    data, weight = Parameter("data"), Parameter("weight")
    made.ry(data, 0)
    made.ry(weight, 0)
    return made, [data], [weight]


def estimating(manager):
    """The forward pass of a network is the cosine of the angles."""
    from qiskit_machine_learning.neural_networks import EstimatorQNN

    made, data, weights = circuit()
    estimator = ManagedEstimator(StatevectorEstimator(), manager=manager)
    network = EstimatorQNN(
        circuit=made, input_params=data, weight_params=weights, estimator=estimator
    )
    found = network.forward(np.array([[0.3], [1.2]]), np.array([0.5])).ravel()
    assert np.allclose(found, np.cos([0.8, 1.7]), atol=0.06), found


def sampling(manager):
    """The probabilities of a network are those of the angles."""
    from qiskit_machine_learning.neural_networks import SamplerQNN

    made, data, weights = circuit()
    made.measure_all()
    sampler = ManagedSampler(StatevectorSampler(seed=7, default_shots=20_000), manager=manager)
    network = SamplerQNN(circuit=made, input_params=data, weight_params=weights, sampler=sampler)
    [found] = network.forward(np.array([[0.3]]), np.array([0.5]))
    assert np.allclose(found, [np.cos(0.4) ** 2, np.sin(0.4) ** 2], atol=0.02), found


uses = {
    "`EstimatorQNN` on a `ManagedEstimator`": estimating,
    "`SamplerQNN` on a `ManagedSampler`": sampling,
}
