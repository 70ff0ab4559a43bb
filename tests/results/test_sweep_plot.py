"""Plots of sweeps, drawn while they fill up."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import pytest
from matplotlib import pyplot as plt
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

from qiskit_job_manager import InvalidArgumentError, JobManager


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    with JobManager(tmp_path_factory.mktemp("sweep") / "store.db") as manager:
        yield manager


@pytest.fixture(scope="module")
def rabi(manager):
    circuits = []
    for step in range(5):
        angle = pi * step / 4
        circuit = QuantumCircuit(1, 1, name=f"rabi_{step}", metadata={"angle": angle, "who": "me"})
        circuit.rx(angle, 0)
        circuit.measure(0, 0)
        circuits.append(circuit)
    return manager.run(circuits, "aer", name="rabi", shots=400, seed_simulator=1)


def line_of(figure):
    (container,) = figure.axes[0].containers
    plt.close(figure)
    return container.lines[0].get_xydata(), container.lines[2][0].get_segments()


def test_the_probability_of_an_outcome_is_plotted_over_a_key_of_the_metadata(rabi):
    results = rabi.results(timeout=60)
    points, bars = line_of(results.plot_sweep("1", x="angle"))
    shares = [results.get_counts(n).get("1", 0) / 400 for n in range(5)]
    assert points == pytest.approx(np.array([(pi * n / 4, shares[n]) for n in range(5)]))
    error = sqrt(shares[2] * (1 - shares[2]) / 400)
    assert bars[2][:, 1] == pytest.approx([shares[2] - error, shares[2] + error])


def test_places_are_given_or_counted(rabi):
    results = rabi.results(timeout=60)
    given, _ = line_of(results.plot_sweep("0", x=[10, 20, 30, 40, 50]))
    counted, _ = line_of(results.plot_sweep("0"))
    assert list(given[:, 0]) == [10, 20, 30, 40, 50]
    assert list(counted[:, 0]) == [0, 1, 2, 3, 4]


def test_experiments_without_a_result_are_left_out(manager, rabi):
    circuits = [rabi.circuit(n) for n in range(3)]
    waiting = manager.run(circuits, "aer", name="waiting", drive=False)
    figure = waiting.results_so_far().plot_sweep("1")
    assert len(figure.axes[0].containers) == 0
    plt.close(figure)


def test_expectation_values_of_a_swept_pub_are_plotted(manager):
    angle = Parameter("angle")
    circuit = QuantumCircuit(1)
    circuit.rx(angle, 0)
    pub = (circuit, SparsePauliOp("Z"), [[0.0], [pi / 2], [pi]])
    results = manager.run([pub], "estimator:statevector", name="pub").results(timeout=60)
    points, _ = line_of(results.plot_sweep(None, x=[0.0, 90.0, 180.0]))
    assert points == pytest.approx(np.array([(0, 1), (90, 0), (180, -1)]), abs=1e-9)
    with pytest.raises(InvalidArgumentError, match="y=None plots"):
        results.plot_sweep("1")


@pytest.mark.parametrize(
    ("y", "x", "words"),
    [
        ("1", "nothing", "no metadata 'nothing'"),
        ("1", "who", "no metadata 'who'"),
        ("1", [1, 2], "no number at place 2"),
        (None, None, "y is an outcome"),
    ],
)
def test_what_cannot_be_plotted_is_refused_with_what_would_be_right(rabi, y, x, words):
    with pytest.raises(InvalidArgumentError, match=words):
        rabi.results(timeout=60).plot_sweep(y, x)


def test_several_histograms_share_a_plot_with_their_names(rabi):
    figure = rabi.results(timeout=60).plot_histogram([0, "rabi_4"])
    legend = figure.axes[0].get_legend() or figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["rabi_0", "rabi_4"]
    plt.close(figure)
