"""Bytes on their way in and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit_job_manager.model.plans import Block


@dataclass(frozen=True, slots=True)
class EncodedExperiment:
    """One experiment, encoded once; identity and payload come from the same bytes.

    Attributes:
        name: Name of the circuit.
        content_hash: SHA-256 of the circuit without its name, 32 bytes.
        data: The encoded circuit.
    """

    name: str
    content_hash: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class RawResult:
    """A result as the backend handed it over, not yet decoded.

    Attributes:
        format: Name and version of the encoding, such as ``"qiskit-result/1"``.
        data: The bytes.
    """

    format: str
    data: bytes


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
class EncodedBlock:
    """A block of the plan, ready to be stored.

    Attributes:
        block: The experiments' places, and the jobs that run them.
        experiments: Names and hashes of the experiments, in order.
        payload: The encoded experiments together.
    """

    block: Block
    experiments: tuple[EncodedExperiment, ...]
    payload: Blob
