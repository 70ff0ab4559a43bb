"""The formats of stored experiments: what is written, and what is read.

What a name means never changes; a new form of the bytes gets a new number.

| format | what a job holds |
| --- | --- |
| ``qpy-frames/1``, ``sampler-pubs/1``, ``estimator-pubs/1`` | circuits, or PUBs |
| ``qpy-frames/2``, ``sampler-pubs/2``, ``estimator-pubs/2`` | the same, with `circuit_notes` |
"""

from __future__ import annotations

from qiskit_job_manager.model import ExperimentKind

CIRCUITS_FORMAT = "qpy-frames/2"
SAMPLER_PUBS_FORMAT = "sampler-pubs/2"
ESTIMATOR_PUBS_FORMAT = "estimator-pubs/2"

WRITTEN_FORMATS = {
    ExperimentKind.CIRCUIT: CIRCUITS_FORMAT,
    ExperimentKind.SAMPLER_PUB: SAMPLER_PUBS_FORMAT,
    ExperimentKind.ESTIMATOR_PUB: ESTIMATOR_PUBS_FORMAT,
}
# What each format that can be read holds.
PAYLOAD_KINDS = {
    "qpy-frames/1": ExperimentKind.CIRCUIT,
    "sampler-pubs/1": ExperimentKind.SAMPLER_PUB,
    "estimator-pubs/1": ExperimentKind.ESTIMATOR_PUB,
    **{name: kind for kind, name in WRITTEN_FORMATS.items()},
}


def formats_of(kind: ExperimentKind) -> list[str]:
    """Return the formats of which experiments of a kind can be read."""
    return [name for name, held in PAYLOAD_KINDS.items() if held is kind]
