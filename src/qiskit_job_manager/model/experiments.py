"""Experiments: as the planner weighs them, and as the store keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ExperimentKind(StrEnum):
    """What the experiments of a job set are, which depends on what runs them."""

    CIRCUIT = "circuit"
    SAMPLER_PUB = "sampler pub"
    ESTIMATOR_PUB = "estimator pub"


@dataclass(frozen=True, slots=True)
class ExperimentSize:
    """What planning needs to know of one experiment.

    Attributes:
        index: Position in the job set, from 0.
        name: Name of the circuit, for messages.
        circuits: Circuits after parameter broadcasting; 1 for a plain circuit.
        shots: Shots asked for, or ``None`` where the backend's own default holds.
        payload_bytes: Bytes of the encoded experiment.
        precision: Precision asked for, of an estimator's PUB, or ``None``.
        simulation_s: Seconds that it is expected to be simulated for; 0 where nothing is.
    """

    index: int
    name: str
    circuits: int
    shots: int | None
    payload_bytes: int
    precision: float | None = None
    simulation_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ExperimentRecord:
    """One experiment as the store keeps it.

    Attributes:
        index: Position in the job set, from 0.
        name: Name of the circuit; several experiments may share it.
        content_hash: SHA-256 of the circuit without its name, 32 bytes.
    """

    index: int
    name: str
    content_hash: bytes
