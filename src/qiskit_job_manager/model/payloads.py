"""Bytes on their way in and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from qiskit_job_manager.model.plans import Block


@dataclass(frozen=True, slots=True)
class EncodedExperiment:
    """One experiment, encoded once; identity and payload come from the same bytes.

    Attributes:
        name: Name of the circuit.
        content_hash: SHA-256 of the experiment without its name, 32 bytes.
        data: The encoded circuit or PUB.
        circuits: Circuits after parameter broadcasting; 1 for a plain circuit.
        shots: Shots that a PUB asks for itself, or ``None``.
        precision: Precision that an estimator's PUB asks for itself, or ``None``.
    """

    name: str
    content_hash: bytes
    data: bytes
    circuits: int = 1
    shots: int | None = None
    precision: float | None = None


@dataclass(frozen=True, slots=True)
class RemoteFigures:
    """What a backend measured of a job; ``None`` where it does not say.

    Attributes:
        usage_s: Quantum seconds that are charged for it.
        created_at: When the backend took it, in UTC.
        started_at: When it began to run, in UTC.
        ended_at: When it ended, in UTC.
        session_id: The session or batch that it ran in.
    """

    usage_s: float | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class RawResult:
    """A result as the backend handed it over, not yet decoded.

    Attributes:
        format: Name and version of the encoding, such as ``"qiskit-result/1"``.
        data: The bytes.
        figures: What the backend measured of the job, if the result says so.
    """

    format: str
    data: bytes
    figures: RemoteFigures | None = None


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes as the store gave them back, checksum proved.

    Attributes:
        format: Name and version of the encoding.
        data: The bytes.
    """

    format: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ReusedResult:
    """Results that a job takes over, so that it is never sent.

    Attributes:
        result: The results of its experiments, each with a mark of its origin.
        origins: For each experiment the job set and the experiment that ran.
        tag: Tag of the job's only attempt, which was not sent.
        at: When the results were taken over, in UTC.
        cause: Where they come from, in words.
    """

    result: RawResult
    origins: tuple[str, ...]
    tag: str
    at: datetime
    cause: str


@dataclass(frozen=True, slots=True)
class EncodedBlock:
    """A block of the plan, ready to be stored.

    Attributes:
        block: The experiments' places, and the jobs that run them.
        experiments: Names and hashes of the experiments, in order.
        payload: The encoded experiments together.
        reused: The results of its one job, which is done from the start; ``None``: it is sent.
    """

    block: Block
    experiments: tuple[EncodedExperiment, ...]
    payload: Blob
    reused: ReusedResult | None = None
