"""The text that IBM's service sent as a result: kept as it came, read by our own decoder.

``ibm-runtime-json/1`` is a container (see `containers`) of one block: the text, in UTF-8.

IBM's own decoder imports what a payload names, and is never used here. This one knows the types
below by name and no others; what it does not know stays the plain JSON that it is. What the
executor sends has no such types, and is read in `executor_results`.
"""

from __future__ import annotations

import base64
import io
import json
import reprlib
import zlib
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from qiskit_job_manager.codec.containers import Container, PackedBlock, pack
from qiskit_job_manager.codec.executor_results import ExecutorResultReader, is_executor_result
from qiskit_job_manager.codec.formats import IBM_JSON_FORMAT
from qiskit_job_manager.codec.primitive_reading import PrimitiveReader
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import RawResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit.primitives import PubResult

_LARGEST_ARRAY_BYTES = 1 << 30
_SHOWN = 60


def encode_runtime_text(text: str | bytes) -> RawResult:
    """Keep the text of a result as it came, be it a result or not."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
    return RawResult(format=IBM_JSON_FORMAT, data=pack(b"", [PackedBlock(1, [data])]))


def open_runtime_text(data: bytes) -> PrimitiveReader:
    """Open what `encode_runtime_text` kept.

    Raises:
        CodecError: The bytes are damaged, or the text is no result of a primitive.
    """
    _, text = Container(data).block(0)
    tree = _parsed(text)
    if is_executor_result(tree):
        return ExecutorResultReader(tree, text)
    return RuntimeTextReader(tree)


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        start = text[:_SHOWN].decode("utf-8", "replace")
        raise CodecError(
            f"What the service sent is no JSON, but begins {start!r}: {error}"
        ) from None


class RuntimeTextReader(PrimitiveReader):
    """Reads a result in the service's own JSON; PUBs are decoded as they are asked for."""

    def __init__(self, tree: Any) -> None:
        """Look at the outermost object.

        Raises:
            CodecError: It is no result of a primitive.
        """
        value = tree.get("__value__") if isinstance(tree, dict) else None
        if not isinstance(value, dict) or tree.get("__type__") != "PrimitiveResult":
            raise CodecError(
                f"What the service sent is no PrimitiveResult: {reprlib.repr(tree)[:_SHOWN]}"
            )
        pubs = value.get("pub_results")
        if not isinstance(pubs, list):
            raise CodecError("The PrimitiveResult that the service sent has no list of results")
        self._pubs, self._metadata = pubs, value.get("metadata")
        self.n_experiments = len(pubs)

    def metadata(self) -> dict[str, Any]:
        """Return the metadata that the PUBs have in common."""
        metadata = decode_tree(self._metadata)
        return metadata if isinstance(metadata, dict) else {}

    def pub_result(self, offset: int) -> PubResult:
        """Return the result of one PUB.

        Raises:
            CodecError: It cannot be read, or there is no such PUB.
        """
        from qiskit.primitives import PubResult

        self._check(offset)
        pub = decode_tree(self._pubs[offset])
        if not isinstance(pub, PubResult):
            raise CodecError(f"Experiment {offset} of a stored result is no result of a PUB")
        return pub


def decode_tree(tree: Any) -> Any:
    """Return what a parsed text of the service means; what is of no known type stays as it is.

    Raises:
        CodecError: Something is of a known type and damaged, or nested beyond all measure.
    """
    try:
        return _decoded(tree)
    except RecursionError:
        raise CodecError("What the service sent is nested too deeply") from None


def _decoded(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_decoded(each) for each in tree]
    if not isinstance(tree, dict):
        return tree
    kind = tree.get("__type__")
    inner = {key: _decoded(value) for key, value in tree.items()}
    build = _BUILDERS.get(kind) if isinstance(kind, str) else None
    if build is None:
        return inner
    try:
        return build(inner.get("__value__"))
    except (CodecError, RecursionError):
        raise
    except Exception as error:
        # Qiskit and NumPy raise whatever their parts raise, such as errors of Python's tokenizer.
        raise CodecError(f"A {kind} in the service's result is damaged: {error!r}") from error


def _array(value: Any) -> Any:
    if not isinstance(value, str):
        return np.array(value)
    if not value.startswith("eJ") and not value.startswith("eN") and len(value) < _SHOWN:
        return value  # names of extrapolators are sent under this type too
    data = _inflated(base64.b64decode(value, validate=True))
    _check_claim(data)
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def _inflated(data: bytes) -> bytes:
    try:
        inflater = zlib.decompressobj()
        text = inflater.decompress(data, _LARGEST_ARRAY_BYTES)
    except zlib.error as error:
        raise CodecError(f"An array in the service's result is damaged: {error}") from None
    if len(text) == _LARGEST_ARRAY_BYTES:
        raise CodecError(
            f"An array in the service's result takes more than {_LARGEST_ARRAY_BYTES:,} bytes"
        )
    if not inflater.eof:
        raise CodecError("An array in the service's result has no end")
    return text


def _check_claim(data: bytes) -> None:
    """Check that an array is as large as it says, before NumPy makes room for it."""
    file = io.BytesIO(data)
    plain = np.lib.format.read_magic(file) == (1, 0)
    header = np.lib.format.read_array_header_1_0 if plain else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    if not dtype.hasobject and prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise CodecError(f"An array in the service's result is not of the shape {shape} it claims")


def _bits(value: Any) -> Any:
    from qiskit.primitives import BitArray

    return BitArray(value["array"], value["num_bits"])


def _data_bin(value: Any) -> Any:
    from qiskit.primitives import DataBin

    return DataBin(shape=tuple(value["shape"] or ()), **value["fields"])


def _sampler_pub(value: Any) -> Any:
    from qiskit.primitives import SamplerPubResult

    return SamplerPubResult(*_parts_of_pub(value))


def _pub(value: Any) -> Any:
    from qiskit.primitives import PubResult

    return PubResult(*_parts_of_pub(value))


def _parts_of_pub(value: Any) -> tuple[Any, dict[str, Any]]:
    from qiskit.primitives import DataBin

    data, metadata = value["data"], value.get("metadata") or {}
    if not isinstance(data, DataBin) or not isinstance(metadata, dict):
        raise CodecError("A result of a PUB that the service sent has no data, or odd metadata")
    return data, metadata


def _moment(value: Any) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(value)


_BUILDERS: dict[str, Callable[[Any], Any]] = {
    "ndarray": _array,
    "BitArray": _bits,
    "DataBin": _data_bin,
    "SamplerPubResult": _sampler_pub,
    "EstimatorPubResult": _pub,
    "PubResult": _pub,
    "complex": lambda value: complex(*value),
    "datetime": _moment,
    "set": set,
}
