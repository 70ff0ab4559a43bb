"""A stored result, whatever form it has: opened by its format, read one experiment at a time.

| format | what a backend handed over |
| --- | --- |
| ``qiskit-result/1`` | a `qiskit.result.Result` (`qiskit_results`) |
| ``primitive-result/1`` | a `qiskit.primitives.PrimitiveResult` (`primitive_results`) |
| ``ibm-runtime-json/1`` | the text that IBM's service sent (`ibm_json`) |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from qiskit_job_manager.codec.qiskit_results import (
    RESULT_FORMAT,
    QiskitResultReader,
    encode_result,
)
from qiskit_job_manager.codec.values import Opaque
from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from qiskit.result.models import ExperimentResult

    from qiskit_job_manager.model import Blob, RawResult

__all__ = ["RESULT_FORMAT", "Opaque", "ResultReader", "encode_result", "open_result"]

PRIMITIVE_FORMAT = "primitive-result/1"
IBM_JSON_FORMAT = "ibm-runtime-json/1"
_KNOWN = (RESULT_FORMAT, PRIMITIVE_FORMAT, IBM_JSON_FORMAT)


class ResultReader(Protocol):
    """Reads one stored result. Safe to use from several threads; whatever it returns is fresh.

    A method that reads an experiment raises `CodecError` when there is none at that offset, or
    when its bytes are damaged.

    Attributes:
        n_experiments: Number of experiments in the result, which need not be what was asked for.
        success: What the backend said of the whole, or ``None`` if it said nothing.
        status: The backend's word on the whole, or ``None``.
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


def open_result(blob: Blob | RawResult) -> ResultReader:
    """Open a stored result, without reading any experiment.

    Raises:
        CodecError: The bytes are damaged, or of another format.
    """
    if blob.format == RESULT_FORMAT:
        return QiskitResultReader(blob.data)
    if blob.format == PRIMITIVE_FORMAT:
        from qiskit_job_manager.codec.primitive_results import PrimitiveResultReader

        return PrimitiveResultReader(blob.data)
    if blob.format == IBM_JSON_FORMAT:
        from qiskit_job_manager.codec.ibm_json import open_runtime_text

        return open_runtime_text(blob.data)
    raise CodecError(f"A result of format {blob.format!r} cannot be read; known are {_KNOWN}")
