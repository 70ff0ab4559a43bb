"""Results of IBM's executor, made by the client's own local machinery and read as its own are."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

from qiskit_job_manager.codec import executor_results
from qiskit_job_manager.codec.ibm_json import encode_runtime_text
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.errors import CodecError

pytest.importorskip("qiskit_ibm_runtime")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the client about its own parts
    from ibm_quantum_schemas.common.tensor import CompressedTensorModel
    from ibm_quantum_schemas.executor.version_2_0 import QuantumProgramResultModel
    from qiskit_aer import AerSimulator
    from qiskit_ibm_runtime import RuntimeDecoder
    from qiskit_ibm_runtime.decoders.defaults import DEFAULT_DECODERS
    from qiskit_ibm_runtime.executor_estimator import Estimator
    from qiskit_ibm_runtime.executor_estimator.prepare import prepare as prepare_estimator
    from qiskit_ibm_runtime.executor_sampler import Sampler
    from qiskit_ibm_runtime.executor_sampler.prepare import prepare as prepare_sampler
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2
    from qiskit_ibm_runtime.fake_provider.executor.run_quantum_program import run_quantum_program
    from qiskit_ibm_runtime.options_models.simulator import SimulatorOptions
    from qiskit_ibm_runtime.quantum_program.converters.converters_2_0 import passthrough_data_to_2_0

SHOTS = 64

# Of so few shots, the client makes no errors that it could weigh its fit by.
pytestmark = pytest.mark.filterwarnings("ignore:No positive, finite standard errors")


def answer(program):
    """What the service sends when it has run a program, which Aer runs here."""
    for item in program.items:
        if hasattr(item, "samplex"):
            item.samplex.finalize()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = run_quantum_program(
            AerSimulator(max_parallel_threads=1), program, SimulatorOptions(seed_simulator=4)
        )
    items = [
        {
            "results": {
                name: CompressedTensorModel.from_numpy(bits) for name, bits in each.items()
            },
            "metadata": {},
        }
        for each in result
    ]
    said = {
        "data": items,
        "metadata": {"chunk_timing": []},
        "passthrough_data": passthrough_data_to_2_0(program.passthrough_data),
        "semantic_role": program._semantic_role,
    }
    return QuantumProgramResultModel.model_validate(said).model_dump_json()


@pytest.fixture(scope="module")
def device():
    return FakeManilaV2()


@pytest.fixture(scope="module")
def swept(device):
    angle = Parameter("angle")
    circuit = QuantumCircuit(2, name="swept", metadata={"kind": "sweep"})
    circuit.ry(angle, 0)
    circuit.cx(0, 1)
    return transpile(circuit, device, optimization_level=0)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "twirled"])
def sampled(request, device, swept):
    sampler = Sampler(mode=device)
    sampler.options.twirling.enable_gates = request.param
    sampler.options.twirling.enable_measure = request.param
    circuit = swept.copy()
    circuit.measure_all()
    pubs = [(circuit, [0.0, np.pi, 0.3]), (circuit, 0.2)]
    program, _ = prepare_sampler(pubs, sampler.options, SHOTS, add_tags=False, backend=device)
    program._semantic_role = "sampler_v2"
    return answer(program)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "extrapolated"])
def estimated(request, device, swept):
    estimator = Estimator(mode=device)
    estimator.options.resilience.zne_mitigation = request.param
    observables = [
        SparsePauliOp(["ZZ"]).apply_layout(swept.layout),
        SparsePauliOp(["XX", "ZI"], [0.5, 2]).apply_layout(swept.layout),
    ]
    pubs = [(swept, [[each] for each in observables], [0.1, 0.2, 0.3])]
    program, _ = prepare_estimator(pubs, estimator.options, 0.25, add_tags=False, backend=device)
    program._semantic_role = "estimator_v2"
    return answer(program)


def as_the_client_reads_it(text):
    found = text
    for decoder in DEFAULT_DECODERS["executor"]:
        if decoder.is_applicable(found):
            found = decoder.decode(found)
    return found


def opened(text):
    return open_result(encode_runtime_text(text))


def assert_same(ours, theirs):
    assert type(ours) is type(theirs)
    assert ours.data.shape == theirs.data.shape
    fields = [dict(each.data.items()) for each in (ours, theirs)]
    np.testing.assert_equal(*fields)
    np.testing.assert_equal(ours.metadata, theirs.metadata)


def test_a_samplers_results_are_the_clients(sampled):
    reader, wanted = opened(sampled), as_the_client_reads_it(sampled)
    assert reader.n_experiments == len(wanted) == 2
    for pair in zip(reader.result(), wanted, strict=True):
        assert_same(*pair)
    assert reader.metadata().keys() == wanted.metadata.keys()
    assert reader.metadata()["shots"] == SHOTS
    assert reader.each("shots") == [wanted[0].data.meas.num_shots] * 2
    bits = wanted[1].data.meas
    assert reader.counts(1) == {hex(n): count for n, count in bits.get_int_counts().items()}
    assert reader.experiment(0)["data"]["counts"].shape == (3,)
    assert set(reader.experiment(0)["data"]["counts"][0]) == {"0x0"}
    assert reader.pub_result(0).metadata["circuit_metadata"] == {"kind": "sweep"}


def test_an_estimators_results_are_the_clients(estimated):
    reader, wanted = opened(estimated), as_the_client_reads_it(estimated)
    assert reader.n_experiments == len(wanted) == 1
    assert_same(reader.pub_result(0), wanted[0])
    assert reader.experiment(0)["data"]["evs"].shape == (2, 3)
    assert "stds" in reader.experiment(0)["data"]
    assert reader.counts(0) is None


def test_what_is_read_is_fresh_each_time(estimated):
    reader = opened(estimated)
    wanted = reader.pub_result(0).data.evs.copy()
    reader.pub_result(0).data.evs[...] = 7
    reader.metadata().clear()
    assert np.array_equal(reader.pub_result(0).data.evs, wanted)
    assert reader.metadata()


def test_the_clients_own_decoder_of_types_is_not_used(sampled, monkeypatch):
    """That one imports the modules that a payload names."""

    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(RuntimeDecoder, "object_hook", refuse)
    tree = json.loads(sampled)
    tree["passthrough_data"]["odd"] = {
        "__type__": "settings",
        "__module__": "antigravity",
        "__class__": "x",
        "__value__": {},
    }
    assert opened(json.dumps(tree)).pub_result(0).data.meas.num_shots == SHOTS
    assert "antigravity" not in sys.modules


def _changed(text, path, value):
    tree = json.loads(text)
    inner = tree
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(tree)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("schema_version",), "v99.0", r"schema 'v99.0'.*v2\.0; a newer one may read it"),
        (("schema_version",), ["v2.0"], "schema"),
        (("semantic_role",), None, "role None"),
        (("semantic_role",), "noise_learner_v3", "role 'noise_learner_v3'"),
        (("data",), {}, "no list"),
        (("data", 0, "results"), {}, "cannot read the executor's result"),
        (("data", 0, "results", "meas", "data"), "AAAA", "cannot read the executor's result"),
        (("data", 0, "results", "meas", "shape"), [10**9, 64, 2], "cannot read the executor's"),
        (("passthrough_data",), None, "cannot read the executor's result"),
        (("passthrough_data", "post_processor", "version"), "v9", "cannot read the executor's"),
    ],
)
def test_what_cannot_be_read_is_refused(sampled, path, value, words):
    with pytest.raises(CodecError, match=words):
        opened(_changed(sampled, path, value)).pub_result(0)


@pytest.mark.parametrize("count", [None, -1, 2, "1", True])
def test_a_number_of_pubs_that_is_none_is_refused(estimated, count):
    path = ("passthrough_data", "post_processor", "num_pubs")
    with pytest.raises(CodecError, match=r"which is no number|Expected 2"):
        opened(_changed(estimated, path, count)).pub_result(0)


@pytest.mark.parametrize("depth", [100, 400, 900])
def test_what_is_nested_beyond_measure_is_refused(sampled, depth):
    nest = json.loads("[" * depth + "]" * depth)
    reader = opened(_changed(sampled, ("passthrough_data", "post_processor", "options"), nest))
    try:
        assert reader.metadata()["options"] == nest
    except CodecError:
        assert depth > 100


@pytest.mark.parametrize("where", [("data", 0, "results", "meas"), ("passthrough_data", "bomb")])
@pytest.mark.parametrize("dtype", ["u8", "bool"])
def test_a_bomb_is_not_inflated(sampled, monkeypatch, where, dtype):
    monkeypatch.setattr(executor_results, "_MOST_BYTES", 10**6)
    fits = 900_000 if dtype == "u8" else 110_000
    for size, words in ((fits, None), (2 * fits, "more than 1,000,000 bytes")):
        data = base64.b64encode(zlib.compress(bytes(size))).decode()
        tensor = {"data": data, "shape": [size], "dtype": dtype}
        text = _changed(sampled, where, tensor)
        if words is None:
            executor_results._check_tensors(json.loads(text))
        else:
            with pytest.raises(CodecError, match=words):
                opened(text).pub_result(0)


def test_without_the_client_the_text_stays_and_the_rest_is_said(sampled, tmp_path):
    blob = encode_runtime_text(sampled)
    path = tmp_path / "result"
    path.write_bytes(blob.data)
    script = f"""
import sys
sys.modules["qiskit_ibm_runtime"] = None
from pathlib import Path
from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.errors import CodecError
from qiskit_job_manager.model import Blob
reader = open_result(Blob({blob.format!r}, Path({str(path)!r}).read_bytes()))
assert reader.n_experiments == 2
try:
    reader.pub_result(0)
except CodecError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert 'pip install "qiskit-job-manager[ibm]"' in done.stdout
