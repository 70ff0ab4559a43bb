from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.random import random_circuit
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData, MeasLevel
from qiskit_aer import AerSimulator
from qiskit_aer.backends.compatibility import Statevector

from qiskit_job_manager.codec import qiskit_results as module
from qiskit_job_manager.codec.qiskit_results import QiskitResultReader
from qiskit_job_manager.codec.results import RESULT_FORMAT, Opaque, encode_result, open_result
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import Blob


def _experiment(counts=None, *, name="e", success=True, **kwargs):
    data = ExperimentResultData(counts=counts, **kwargs.pop("data", {}))
    return ExperimentResult(kwargs.pop("shots", 10), success, data, header={"name": name}, **kwargs)


def _result(*experiments, **kwargs):
    return Result(backend_name="b", job_id="j", success=True, results=list(experiments), **kwargs)


@pytest.fixture(scope="module")
def aer():
    return AerSimulator(max_parallel_threads=1, seed_simulator=7)


@pytest.fixture(scope="module")
def hundred(aer):
    """A hundred 5-qubit circuits of depth 20 with 1,024 shots, as one job gives them."""
    circuits = [
        random_circuit(5, 20, max_operands=2, measure=True, seed=seed) for seed in range(100)
    ]
    return aer.run(transpile(circuits, aer, optimization_level=0), shots=1024).result()


# -- what a simulator gives --------------------------------------------------------------------


def test_a_hundred_small_results_come_back_and_take_80_bytes_each(hundred, same_result):
    raw = encode_result(hundred)
    assert same_result(open_result(raw).result(), hundred)
    assert len(raw.data) <= 80 * 100


def test_four_thousand_outcomes_take_little_more_than_their_bits(same):
    # Outcomes in random order have 20 bits each; no order-keeping form can take less.
    draw = np.random.default_rng(5)
    outcomes = draw.choice(2**20, 4000, replace=False).tolist()
    counts = dict(zip(map(hex, outcomes), draw.geometric(0.97, 4000).tolist(), strict=True))
    raw = encode_result(_result(_experiment(counts)))
    assert same(open_result(raw).counts(0), counts)
    assert len(raw.data) < 1.1 * 4000 * 20 / 8


@pytest.mark.parametrize("in_order", [False, True])
def test_four_thousand_outcomes_take_less_than_compressed_arrow_columns(in_order):
    draw = np.random.default_rng(5)
    outcomes = draw.choice(2**20, 4000, replace=False).tolist()
    outcomes = sorted(outcomes) if in_order else outcomes
    shots = draw.geometric(0.97, 4000).tolist()
    raw = encode_result(_result(_experiment(dict(zip(map(hex, outcomes), shots, strict=True)))))
    # Columns of 64 bits shrink to less than narrow ones where the outcomes are in order.
    for types in ((pa.uint32(), pa.uint8()), (pa.int64(), pa.int64())):
        arrays = [pa.array(v, t) for v, t in zip((outcomes, shots), types, strict=True)]
        batch = pa.record_batch(arrays, ["outcome", "count"])
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=3))
        with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
            writer.write_batch(batch)
        assert len(raw.data) < 0.9 * sink.getvalue().size


def test_every_experiment_reads_alone_as_it_reads_together(hundred, same):
    reader = open_result(encode_result(hundred))
    for offset in (99, 0, 50):
        assert same(reader.experiment(offset), hundred.results[offset].to_dict())
        assert same(reader.counts(offset), hundred.results[offset].data.counts)
        assert same(reader.experiment_result(offset).to_dict(), hundred.results[offset].to_dict())


def test_what_qiskit_says_of_a_result_it_says_of_what_comes_back(aer):
    circuit = QuantumCircuit(3)
    circuit.h([0, 1, 2])
    circuit.save_statevector()
    circuit.measure_all()
    result = aer.run([circuit], shots=50, memory=True).result()
    back = open_result(encode_result(result)).result()
    assert back.get_counts() == result.get_counts()
    assert list(back.get_counts()) == list(result.get_counts())
    assert back.get_memory() == result.get_memory()
    assert back.get_statevector(decimals=3) == result.get_statevector(decimals=3)
    assert type(back.data()["statevector"]) is Statevector


def test_states_operators_and_saves_of_all_kinds_come_back(aer):
    state = QuantumCircuit(2)
    state.h(0)
    state.cx(0, 1)
    state.save_density_matrix(label="rho", pershot=True)
    state.save_probabilities_dict(label="p")
    state.save_probabilities(label="p_list")
    state.save_statevector_dict(label="ket")
    unitary = QuantumCircuit(2)
    unitary.h(0)
    unitary.save_unitary()
    unitary_simulator = AerSimulator(method="unitary", max_parallel_threads=1)
    for result in (
        aer.run(state, shots=2).result(),
        unitary_simulator.run(unitary).result(),
    ):
        back = open_result(encode_result(result)).result()
        wanted, got = result.data(), back.data()
        assert list(got) == list(wanted)
        for key, value in wanted.items():
            assert type(got[key]) is type(value)
            assert np.array_equal(got[key], value)


@pytest.mark.parametrize("method", ["matrix_product_state", "stabilizer"])
def test_other_forms_of_a_state_come_back(method):
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.save_state(label="s")
    result = AerSimulator(method=method, max_parallel_threads=1).run(circuit).result()
    wanted = result.data()["s"]
    got = open_result(encode_result(result)).result().data()["s"]
    assert type(got) is type(wanted)
    assert repr(got) == repr(wanted)


# -- whatever a provider gives ------------------------------------------------------------------

hex_keys = st.integers(0, 2**200).map(hex)
odd_keys = st.sampled_from(["0X1F", "0x01f", "0011", "00 11", "02", "", "up", "0xg"])
counts = st.dictionaries(hex_keys, st.integers(0, 10**6), max_size=6)
quasi = st.dictionaries(
    hex_keys | odd_keys | st.integers(), st.floats() | st.integers(), max_size=6
)
kerneled = st.lists(st.lists(st.tuples(st.floats(), st.floats()).map(list), max_size=2), max_size=3)
memory = (
    st.lists(hex_keys, max_size=6)
    | kerneled
    | hnp.arrays(np.complex128, hnp.array_shapes(max_dims=3, max_side=3))
)
data = st.fixed_dictionaries(
    {}, optional={"counts": counts | quasi, "memory": memory, "expectation_values": st.floats()}
)
headers = st.none() | st.fixed_dictionaries(
    {
        "name": st.text(max_size=4),
        "creg_sizes": st.lists(
            st.tuples(st.text(max_size=2), st.integers(1, 5)).map(list), max_size=3
        ),
    },
    optional={
        "metadata": st.dictionaries(st.text(max_size=3), st.integers() | st.tuples(st.booleans()))
    },
)
experiments = st.builds(
    lambda shots, success, data, **kwargs: ExperimentResult(
        shots, success, ExperimentResultData(**data), **kwargs
    ),
    st.integers(0, 2**70) | st.tuples(st.integers(0, 9), st.integers(10, 20)),
    st.booleans(),
    data,
    meas_level=st.sampled_from([0, 1, 2, *MeasLevel]),
    meas_return=st.sampled_from([None, "single", "avg"]),
    header=headers,
    status=st.none() | st.text(max_size=5),
    seed=st.none() | st.integers(0, 2**64),
    time_taken=st.floats(0, 10),
)
results = st.builds(
    Result,
    backend_name=st.text(max_size=4),
    job_id=st.text(max_size=4),
    success=st.none() | st.booleans(),
    status=st.none() | st.text(max_size=3),
    results=st.none() | st.lists(experiments, max_size=8),
    extra=st.none() | st.floats() | st.lists(st.binary(), max_size=2),
)


@settings(max_examples=150, deadline=None)
@given(results)
def test_any_result_comes_back_equal_in_values_types_and_order(same, same_result, result):
    reader = open_result(encode_result(result))
    assert same_result(reader.result(), result)
    assert reader.n_experiments == len(result.results or ())
    assert reader.success is result.success
    assert reader.status == result.status
    for offset, experiment in enumerate(result.results or ()):
        form = experiment.to_dict()
        assert same(reader.experiment(offset), form)
        assert same(reader.counts(offset), form["data"].get("counts"))


def test_no_results_and_an_empty_list_stay_apart():
    for none in (None, []):
        result = Result(backend_name="b", success=False, results=none, status="ERROR")
        reader = open_result(encode_result(result))
        assert reader.n_experiments == 0
        assert reader.success is False
        assert reader.result().results == none


def test_the_envelope_has_all_but_the_experiments(hundred, same):
    form = hundred.to_dict()
    del form["results"]
    envelope = open_result(encode_result(hundred)).envelope()
    assert sorted(envelope) == sorted(form)
    assert all(same(envelope[key], form[key]) for key in form)


def test_failed_experiments_are_named_with_their_reason_and_hide_no_sibling():
    result = _result(
        _experiment({"0x0": 10}),
        _experiment(success=False, status="ERROR: too deep"),
        _experiment(success=False),
        _experiment({"0x1": 10}),
    )
    reader = open_result(encode_result(result))
    assert reader.failures() == {1: "ERROR: too deep", 2: "the backend gave no reason"}
    assert reader.counts(1) is None
    assert reader.counts(3) == {"0x1": 10}


def test_blocks_are_cut_by_number_and_by_weight(same_result):
    many = _result(*(_experiment({hex(i): i}, name=f"n{i}") for i in range(300)))
    heavy = _result(*(_experiment({hex(i): 1 for i in range(9000)}) for _ in range(9)))
    for result in (many, heavy):
        raw = encode_result(result)
        reader = open_result(raw)
        assert reader._container.n_blocks == 3
        assert same_result(reader.result(), result)
        assert reader.counts(reader.n_experiments - 1) == result.results[-1].data.counts


class _Odd:
    """Something that no codec knows."""


def test_an_unknown_object_becomes_opaque_and_hides_nothing():
    odd = _experiment({"0x0": 1}, data={"extra": _Odd()})
    reader = open_result(encode_result(_result(odd, _experiment({"0x1": 2}), thing=_Odd())))
    assert reader.counts(0) == {"0x0": 1}
    assert type(reader.experiment_result(0).data.extra) is Opaque
    assert reader.envelope()["thing"].type_name.endswith("_Odd")
    assert reader.experiment_result(1).data.counts == {"0x1": 2}


def test_things_that_are_no_experiments_are_kept_as_far_as_can_be():
    bare = ExperimentResult(5, True, {"counts": {"0x3": 5}})
    reader = open_result(encode_result(_result(bare, {"data": {"counts": {"0x1": 1}}}, 17)))
    assert reader.experiment(0)["data"] == {"counts": {"0x3": 5}}
    assert reader.counts(1) == {"0x1": 1}
    assert reader.experiment(2) == {"odd": 17}
    with pytest.raises(CodecError, match=r"Experiment 2 .* plain form"):
        reader.experiment_result(2)
    assert reader.experiment_result(0).data.counts == {"0x3": 5}


def test_a_defect_of_the_columns_loses_nothing(monkeypatch, same_result):
    def defect(values):
        raise ZeroDivisionError

    result = _result(_experiment({"0x0": 10}, name="a"), _experiment({"0x1": 3}, name="b"))
    monkeypatch.setattr(module, "write_column", defect)
    reader = open_result(encode_result(result))
    assert same_result(reader.result(), result)
    assert reader.counts(1) == {"0x1": 3}


def test_what_is_returned_is_fresh(hundred):
    reader = open_result(encode_result(hundred))
    for read in (lambda: reader.experiment(4)["header"], lambda: reader.counts(4), reader.failures):
        before = dict(read())
        read()["changed"] = 1
        assert read() == before


# -- reading what was stored ---------------------------------------------------------------------


def test_counts_are_read_without_qiskit(tmp_path):
    path = tmp_path / "result"
    result = _result(_experiment({"0x1": 3}), _experiment(success=False, status="bad"))
    path.write_bytes(encode_result(result).data)
    # The errors alone would import it: see `qiskit_job_manager.errors`.
    script = f"""
import sys, types
sys.modules["qiskit_job_manager.cli"] = types.ModuleType("cli")
from pathlib import Path
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.model import Blob
reader = open_result(Blob({RESULT_FORMAT!r}, Path({str(path)!r}).read_bytes()))
assert reader.counts(0) == {{"0x1": 3}}
assert reader.failures() == {{1: "bad"}}
assert "qiskit" not in sys.modules, "imported"
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_another_format_is_refused_by_name():
    with pytest.raises(CodecError, match="qiskit-result/99"):
        open_result(Blob("qiskit-result/99", b""))


@pytest.mark.parametrize("offset", [-1, 1, 10**9])
def test_an_experiment_that_is_not_there_is_refused(offset):
    reader = open_result(encode_result(_result(_experiment({"0x0": 1}))))
    with pytest.raises(CodecError, match=f"no item {offset}"):
        reader.counts(offset)


def _read_all(data: bytes):
    reader = QiskitResultReader(data)
    return reader.result().to_dict(), reader.failures()


def test_every_cut_of_the_bytes_is_refused():
    data = encode_result(_result(_experiment({"0x0": 1}), _experiment({"0x1": 2}))).data
    for end in range(len(data)):
        with pytest.raises(CodecError):
            _read_all(data[:end])
    with pytest.raises(CodecError):
        _read_all(data + b"\0")


def test_no_changed_byte_changes_what_is_read():
    data = encode_result(_result(_experiment({"0x0": 1}), _experiment({"0x1": 2}))).data
    whole, refused = _read_all(data), 0
    for place in range(len(data)):
        for change in (0x01, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[place] ^= change
            try:
                assert _read_all(bytes(damaged)) == whole
            except CodecError:
                refused += 1
    # Some bits in the head of a zstd frame mean nothing to its reader.
    assert refused > 0.98 * 3 * len(data)
