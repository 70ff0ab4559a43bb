"""Backends by name, and names of backends."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_job_manager.backends import adapt, open_backend, registry
from qiskit_job_manager.backends.registry import query_of, scalars_in
from qiskit_job_manager.errors import InvalidArgumentError, UnknownBackendError

# -- opening ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("aer", "aer_simulator"),
        ("aer?method=stabilizer", "aer_simulator_stabilizer"),
        ("basic", "basic_simulator"),
        ("fake:torino", "fake_torino"),
        ("fake:FAKE_Manila", "fake_manila"),
    ],
)
def test_a_name_opens_its_backend(uri, name):
    backend = open_backend(uri)
    assert backend.name == name
    assert backend.capabilities.volatile


def test_options_in_a_name_reach_the_simulator():
    backend = open_backend("aer?max_parallel_threads=1&fusion_enable=false&method=statevector")
    options = backend.qiskit_backend.options
    assert (options.max_parallel_threads, options.fusion_enable) == (1, False)
    assert options.method == "statevector"


@pytest.mark.parametrize("uri", ["", "aerr", "ibm-fez", "qiskit_aer.AerSimulator", "os:system"])
def test_an_unknown_kind_is_refused_with_the_known_ones(uri):
    with pytest.raises(UnknownBackendError, match=r"aer, basic, .*fake"):
        open_backend(uri)


def test_a_slip_of_the_pen_is_recognised():
    with pytest.raises(UnknownBackendError, match="Did you mean 'basic'"):
        open_backend("basics")


def test_an_unknown_fake_is_refused_with_close_ones():
    with pytest.raises(UnknownBackendError, match="fake:torino"):
        open_backend("fake:torin")


@pytest.mark.parametrize("uri", ["fake", "fake:", "fake:zzzzzz"])
def test_an_unknown_fake_without_close_ones_is_refused_with_all(uri):
    with pytest.raises(UnknownBackendError, match=r"known are: .*fake:torino"):
        open_backend(uri)


@pytest.mark.parametrize(
    ("uri", "named"),
    [
        ("aer?no_such_option=1", "no_such_option"),
        ("aer?method", "'aer\\?method'"),
        ("aer?method=[1]", r"\[1\]"),
        ("aer?method=warp", "warp"),
        ("basic:1", "basic:1"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(uri, named):
    with pytest.raises(InvalidArgumentError, match=named):
        open_backend(uri)


@pytest.mark.parametrize(
    ("uri", "module", "extra"),
    [("aer", "qiskit_aer", "aer"), ("fake:torino", "qiskit_ibm_runtime", "ibm")],
)
def test_a_missing_extra_is_named_with_the_way_to_install_it(monkeypatch, uri, module, extra):
    real_import = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == module:
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UnknownBackendError) as caught:
        open_backend(uri)
    assert f'pip install "qiskit-job-manager[{extra}]"' in str(caught.value)


def test_an_entry_point_of_others_opens_from_when_it_is_installed(tmp_path, monkeypatch):
    """What follows the kind is handed to the opener as it is, or ``None``."""
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnknownBackendError, match="no backend called 'echo'"):
        open_backend("echo")
    info = tmp_path / "echo-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: echo\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\necho = builtins:repr\n")
    assert open_backend("echo") == "None"
    assert open_backend("echo:a:b?c") == "'a:b?c'"
    assert open_backend("echo?a=b") == "'?a=b'"


# -- adapting ---------------------------------------------------------------------------------


def test_an_adapter_is_taken_as_it_is():
    backend = open_backend("basic")
    assert adapt(backend) is backend


def test_a_name_is_opened():
    assert adapt("fake:manila").uri == "fake:manila"


class OldBackend:
    version = 1

    def run(self):
        raise AssertionError


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (None, "None"),
        (AerSimulator, r"class AerSimulator, not an object"),
        (OldBackend(), "BackendV1"),
        (SimpleNamespace(run=None), "primitives"),
        (object(), "object"),
        (3, "int"),
        (["aer"], "list"),
    ],
)
def test_what_is_no_backend_is_refused_with_what_would_be_right(thing, words):
    with pytest.raises(InvalidArgumentError, match=words) as caught:
        adapt(thing)
    assert "BackendV2" in str(caught.value)
    assert "'aer'" in str(caught.value)


def test_a_job_in_place_of_its_backend_is_recognised(providers):
    job = providers["PlainJob"](None, "1", None)
    with pytest.raises(InvalidArgumentError, match=r"a job \(PlainJob\)"):
        adapt(job)


def test_a_backend_whose_run_only_raises_is_refused_where_run_is_needed():
    from qiskit_ibm_runtime import IBMBackend

    from qiskit_job_manager.backends.qiskit_backend import QiskitBackend

    backend = object.__new__(IBMBackend)
    object.__setattr__(backend, "name", "ibm_fez")
    with pytest.raises(InvalidArgumentError, match=r"'ibm_fez'.*from_backend"):
        QiskitBackend(backend)


def test_importing_it_does_not_import_a_simulator():
    code = (
        "import sys, qiskit_job_manager.cli, qiskit_job_manager.backends as b\n"
        "print('qiskit' in sys.modules, 'qiskit_aer' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


# -- volatile or not --------------------------------------------------------------------------


@pytest.mark.parametrize("make", [AerSimulator, BasicSimulator, FakeManilaV2])
def test_what_runs_here_is_volatile(make):
    assert adapt(make()).capabilities.volatile


def test_a_generic_backend_is_volatile():
    assert adapt(GenericBackendV2(2, seed=1)).capabilities.volatile


def test_a_provider_is_not_volatile_unless_the_user_says_so(providers):
    assert not adapt(providers["Provider"]()).capabilities.volatile
    assert adapt(providers["Provider"](), volatile=True).capabilities.volatile
    assert not adapt(AerSimulator(), volatile=False).capabilities.volatile


def test_a_provider_that_only_looks_like_a_simulator_is_not_volatile():
    class SendsElsewhere(GenericBackendV2):
        def run(self, run_input, **options):
            raise AssertionError

    assert not adapt(SendsElsewhere(2, seed=1)).capabilities.volatile
    assert adapt(SendsElsewhere(2, seed=1)).uri is None


# -- names of objects -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"method": "statevector"},
        {"max_parallel_threads": 1, "fusion_enable": False, "zero_threshold": 1e-12},
        {"seed_simulator": 7, "shots": 10},
        {"n_qubits": 7},
    ],
)
def test_a_simulator_opens_again_with_its_options(options):
    simulator = AerSimulator(**options)
    backend = adapt(simulator)
    if "n_qubits" in options:
        assert backend.uri is None  # not among its options, and so not seen there
        return
    again = open_backend(backend.uri)
    assert again.qiskit_backend.options == simulator.options
    assert again.qiskit_backend.name == simulator.name
    assert again.uri == backend.uri == adapt(again.qiskit_backend).uri


def test_options_set_later_are_in_the_name():
    simulator = AerSimulator()
    simulator.set_options(method="matrix_product_state")
    assert adapt(simulator).uri == "aer?method=matrix_product_state"


def test_what_a_name_cannot_say_has_none():
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["x"])
    basic = BasicSimulator()
    basic.set_options(shots=3)
    used = FakeManilaV2()
    used.set_options(noise_model=noise)

    class Mine(AerSimulator):
        pass

    nameless = [
        AerSimulator(noise_model=noise),
        AerSimulator.from_backend(FakeManilaV2()),
        AerSimulator(coupling_map=[[0, 1]]),
        Mine(),
        GenericBackendV2(2, seed=1),
        basic,
        used,
    ]
    assert [adapt(backend).uri for backend in nameless] == [None] * len(nameless)


def test_simple_objects_have_their_names():
    assert adapt(AerSimulator()).uri == "aer"
    assert adapt(BasicSimulator()).uri == "basic"
    assert adapt(FakeManilaV2()).uri == "fake:manila"


scalars = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.sampled_from(["1", "true", '"x"', "a&b=c", "null", "[]", "1e3", "NaN"]),
)


@given(st.dictionaries(st.text(min_size=1), scalars, min_size=1))
@settings(max_examples=100, deadline=None)
def test_options_come_back_from_a_name_with_their_types(options):
    read = scalars_in(query_of(options))
    assert read == options
    assert {k: type(v) for k, v in read.items()} == {k: type(v) for k, v in options.items()}
    assert json.dumps(read, sort_keys=True) == json.dumps(options, sort_keys=True)
