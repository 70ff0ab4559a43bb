"""Metadata comes back as it was given, or is refused by key."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from qiskit import QuantumCircuit

from qiskit_job_manager.codec.circuits import encode_circuit, load_circuit
from qiskit_job_manager.codec.experiments import pack_experiments
from qiskit_job_manager.codec.pubs import encode_sampler_pub, unpack_sampler_pubs
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import ExperimentKind

_KEPT = [  # qiskit-ibm-provider#582, qiskit-ibm-runtime#984
    {},
    {"a": [1, None, {"b": 0.5}]},
    {"xval": np.int64(5)},
    {"xval": np.float32(0.1), "flag": np.bool_(True), "z": np.complex64(1j)},
    {"array": np.arange(6, dtype=np.int16).reshape(2, 3), "empty": np.zeros((0, 2))},
    {"physical_qubits": (0, 1), "nested": {"deep": [(1, (2, {"k": (3,)}))]}},
    {3: "key", (0, 1): "pair", None: 1, 2.5: "half", True: "yes"},
    {"complex": 1 + 2j, "bytes": b"\0\xff", "set": {1, 2}, "frozen": frozenset({"a"})},
    {
        "at": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        "day": date(2026, 1, 2),
        "id": UUID(int=7),
    },
    {"big": 2**200, "not a number": float("nan"), "inf": float("-inf"), "-0": -0.0},
    {"text": "ü\ud800", "": ""},
    {"none": None},
]


def _circuit(metadata):
    circuit = QuantumCircuit(1, 1, name="point", metadata=metadata)
    circuit.rx(0.5, 0)
    circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize("metadata", _KEPT, ids=str)
def test_metadata_comes_back_as_it_was_given(metadata, same):
    proven, read_back = _circuit(metadata), _circuit(metadata)
    read_back.delay(1, 0, unit="us")
    for circuit in (proven, read_back):
        back = load_circuit(encode_circuit(circuit).data, 0).metadata
        assert same(back, metadata)
    encoded = encode_sampler_pub((proven, None, 10))
    [pub] = unpack_sampler_pubs(pack_experiments([encoded], ExperimentKind.SAMPLER_PUB))
    assert same(pub.circuit.metadata, metadata)


@pytest.mark.parametrize(
    ("metadata", "key"),
    [
        ({"fine": 1, "bad": object()}, "'bad'"),
        ({"where": Path("here")}, "'where'"),
        ({"deep": [{"x": (lambda: 1,)}]}, "'deep'"),
        ({"objects": np.array([object()])}, "'objects'"),
        ({"circuit": QuantumCircuit(1)}, "'circuit'"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_key(metadata, key):
    with pytest.raises(CodecError, match=f"metadata {key}.*cannot be stored"):
        encode_circuit(_circuit(metadata))


def test_metadata_in_itself_is_refused():
    metadata = {"again": []}
    metadata["again"].append(metadata)
    with pytest.raises(CodecError, match="metadata 'again'"):
        encode_circuit(_circuit(metadata))


def test_metadata_is_no_part_of_the_content():
    hashes = {encode_circuit(_circuit(metadata)).content_hash for metadata in _KEPT}
    assert len(hashes) == 1


def test_metadata_inside_definitions_does_not_matter():
    inner = QuantumCircuit(1, name="inner", metadata={"a": object()})
    inner.x(0)
    circuit = QuantumCircuit(1, 1)
    circuit.append(inner.to_gate(), [0])
    with circuit.if_test((0, 1)):
        circuit.append(inner.to_gate(), [0])
    assert load_circuit(encode_circuit(circuit).data, 0).data[0].operation.name == "inner"
