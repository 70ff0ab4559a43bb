"""A stored result, whatever form it has: opened by its format, read one experiment at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.codec.formats import (
    IBM_JSON_FORMAT,
    PRIMITIVE_FORMAT,
    RESULT_FORMAT,
    RESULT_FORMATS,
    ResultReader,
)
from qiskit_job_manager.codec.qiskit_results import QiskitResultReader, encode_result
from qiskit_job_manager.codec.values import Opaque
from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from qiskit_job_manager.model import Blob, RawResult

__all__ = [
    "PRIMITIVE_FORMAT",
    "RESULT_FORMAT",
    "Opaque",
    "ResultReader",
    "encode_result",
    "open_result",
]


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
    raise CodecError(
        f"A result of format {blob.format!r} cannot be read; known are {RESULT_FORMATS}"
    )
