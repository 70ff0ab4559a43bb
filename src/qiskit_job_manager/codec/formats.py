"""The formats of what is stored: what is written, and what is read.

What a name means never changes; a new form of the bytes gets a new number.

| format | what a job holds |
| --- | --- |
| ``qpy-frames/1``, ``sampler-pubs/1``, ``estimator-pubs/1`` | circuits, or PUBs |
| ``qpy-frames/2``, ``sampler-pubs/2``, ``estimator-pubs/2`` | the same, with `circuit_notes` |

| format | what a backend gave |
| --- | --- |
| ``qiskit-result/1`` | a `qiskit.result.Result` (`qiskit_results`) |
| ``primitive-result/1`` | a `qiskit.primitives.PrimitiveResult` (`primitive_results`) |
| ``ibm-runtime-json/1`` | the text that IBM's service sent (`ibm_json`) |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from qiskit_job_manager.model import ExperimentKind

if TYPE_CHECKING:
    from qiskit.result.models import ExperimentResult


# -- experiments -----------------------------------------------------------------------------------

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


# -- results ---------------------------------------------------------------------------------------

RESULT_FORMAT = "qiskit-result/1"
PRIMITIVE_FORMAT = "primitive-result/1"
IBM_JSON_FORMAT = "ibm-runtime-json/1"
RESULT_FORMATS = (RESULT_FORMAT, PRIMITIVE_FORMAT, IBM_JSON_FORMAT)


class ResultReader(Protocol):
    """Reads one stored result. Safe to use from several threads; whatever it returns is fresh.

    A method that reads an experiment raises `CodecError` when there is none at that offset, or
    when its bytes are damaged.

    Attributes:
        n_experiments: Number of experiments in the result, which need not be what was asked for.
        success: What the backend said of the whole, or ``None`` if it said nothing.
        status: What the backend calls the state of the whole, or ``None``.
    """

    n_experiments: int
    success: bool | None
    status: str | None

    def failures(self) -> dict[int, str]:
        """Return the reason for each experiment that failed, by its offset."""

    def each(self, *path: str) -> list[Any]:
        """Return what is at a path of keys in every experiment, ``None`` where there is nothing.

        The paths are those of ``ExperimentResult.to_dict()``.
        """

    def counts(self, offset: int) -> dict[str, int] | None:
        """Return the counts of one experiment by hexadecimal outcome, or ``None``."""

    def readout(self, offset: int) -> ExperimentResult | None:
        """Return one experiment with only what `qiskit.result.Result.get_counts` looks at.

        Returns:
            The experiment, or ``None`` if it did not succeed or has no counts.
        """

    def experiment(self, offset: int) -> dict[str, Any]:
        """Return one experiment as ``ExperimentResult.to_dict()`` gives it."""

    def experiment_result(self, offset: int) -> ExperimentResult:
        """Return one experiment as Qiskit's object."""

    def result(self) -> Any:
        """Return the whole as the object that the backend gave: a result of Qiskit's."""
