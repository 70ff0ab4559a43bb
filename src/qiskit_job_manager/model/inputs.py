"""Types of what users hand over: circuits, PUBs, backends, and how they name an experiment.

Most are protocols, as Qiskit has no type information: a type checker would take its classes for
anything, and an integer for a circuit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, SupportsIndex, TypeAlias


class CircuitLike(Protocol):
    """A `qiskit.QuantumCircuit`."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def num_clbits(self) -> int:
        """How many classical bits it has."""


class PubLike(Protocol):
    """A `SamplerPub` or an `EstimatorPub` of `qiskit.primitives`."""

    @property
    def circuit(self) -> CircuitLike:
        """Its circuit."""

    @property
    def parameter_values(self) -> Any:
        """The values of the circuit's parameters."""


class RunsCircuits(Protocol):
    """A Qiskit `BackendV2`, or a V2 primitive (`BaseSamplerV2` or `BaseEstimatorV2`)."""

    @property
    def run(self) -> Callable[..., Any]:
        """Runs circuits or PUBs."""


ExperimentLike: TypeAlias = CircuitLike | PubLike | tuple[Any, ...]
"""A circuit, or a PUB in any form that Qiskit takes, such as ``(circuit, values)``."""

ExperimentsLike: TypeAlias = Iterable[ExperimentLike] | CircuitLike | PubLike
"""Circuits or PUBs in a list or any other iterable, or a single circuit."""

ExperimentKey: TypeAlias = SupportsIndex | str | ExperimentLike
"""An experiment of a job set, by its index, its name, or what was handed over."""
