"""How QPY files are laid out, as far as one of several circuits is made of files of one.

Since version 16 a file is a header of 20 bytes, with the number of circuits in those from 10 to 17;
for each circuit the place in the file where it begins, 8 bytes; and the circuits, each in itself
what it would be alone. Source: the format's description in the documentation of ``qiskit.qpy``.
"""

from __future__ import annotations

import io
import json
import re
import warnings
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit import QuantumCircuit

HEADER_BYTES = 20
PLACE_BYTES = 8
VERSION_AT = 6
LONGEST_NAME_BYTES = 2**16 - 1  # of names and labels; QPY writes longer ones wrongly
KNOWN_VERSIONS = (16, 17, 18)

_COUNT = slice(10, 18)


class _NoMetadata(json.JSONEncoder):
    """Writes an empty object in the place of all metadata."""

    def encode(self, o: Any) -> str:  # noqa: ARG002  # as the base class names it
        return "{}"


def dump_qpy(circuit: QuantumCircuit, *, metadata: bool = True) -> bytes:
    """Return the QPY file of one circuit.

    Args:
        circuit: The circuit.
        metadata: Whether its metadata is in the file.

    Raises:
        Exception: QPY cannot write it, and raises what it will.
    """
    from qiskit import qpy

    file = io.BytesIO()
    qpy.dump(circuit, file, metadata_serializer=None if metadata else _NoMetadata)
    return file.getvalue()


def load_qpy(data: bytes) -> QuantumCircuit:
    """Return the circuit of a QPY file of one circuit.

    Raises:
        Exception: QPY cannot read it, and raises what it will.
    """
    circuit: QuantumCircuit
    [circuit] = load_all_of_qpy(data)
    return circuit


def load_all_of_qpy(data: bytes) -> list[QuantumCircuit]:
    """Return the circuits of a QPY file, in order.

    Raises:
        Exception: QPY cannot read one of them, and raises what it will.
    """
    from qiskit import qpy

    _ignore_unused_parameters()
    return list(qpy.load(io.BytesIO(data)))


def _ignore_unused_parameters() -> None:
    """Ignore Qiskit's warning that a circuit does not use all parameters of a vector.

    Qiskit before 2.5 gives it at each such circuit, as only the used ones are in the file. To catch
    warnings is not safe with several threads; a filter for one module is. It is set once, as after
    each new filter Python shows all other warnings again.
    """
    message, module = "The ParameterVector", r"qiskit\.qpy\."
    ignored = ("ignore", re.compile(message, re.IGNORECASE), UserWarning, re.compile(module), 0)
    if ignored not in warnings.filters:
        warnings.filterwarnings("ignore", message, UserWarning, module)


def joined(files: Sequence[bytes]) -> bytes | None:
    """Put circuits into one file, in order; return ``None`` where that is not known to be right.

    Args:
        files: QPY files of one circuit each.
    """
    header = bytearray(files[0][:HEADER_BYTES])
    first = HEADER_BYTES + PLACE_BYTES
    start = bytes(header) + _number(first)
    if (
        len(start) < first
        or header[VERSION_AT] not in KNOWN_VERSIONS
        or header[_COUNT] != _number(1)
        or not all(each.startswith(start) for each in files)
    ):
        return None
    header[_COUNT] = _number(len(files))
    circuits = [each[first:] for each in files]
    begins = HEADER_BYTES + PLACE_BYTES * len(files)
    places = accumulate(map(len, circuits[:-1]), initial=begins)
    return b"".join([header, *map(_number, places), *circuits])


def _number(value: int) -> bytes:
    return value.to_bytes(PLACE_BYTES, "big")
