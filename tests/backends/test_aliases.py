"""Names that people type for backends."""

from __future__ import annotations

import pytest

from qiskit_job_manager import UnknownBackendError, open_backend
from qiskit_job_manager.backends.registry import fake_devices, meaning, offers


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("aer_simulator", "aer"),
        ("AerSimulator", "aer"),
        ("qasm_simulator", "aer"),
        ("aer_simulator?method=matrix_product_state", "aer?method=matrix_product_state"),
        ("statevector_simulator", "aer?method=statevector"),
        ("statevector_simulator?shots=5", "aer?method=statevector&shots=5"),
        ("BasicSimulator", "basic"),
        ("FakeTorino", "fake:torino"),
        ("FakeManilaV2", "fake:manila"),
        ("fake_torino", "fake:torino"),
        ("torino", "fake:torino"),
        ("StatevectorSampler", "sampler:statevector"),
        ("aer", "aer"),
        ("nothing-of-the-kind", "nothing-of-the-kind"),
    ],
)
def test_a_typed_name_means_a_backend(typed, meant):
    assert meaning(typed) == meant


@pytest.mark.parametrize(
    ("typed", "uri"),
    [("AerSimulator", "aer"), ("fake_manila", "fake:manila"), ("manila", "fake:manila")],
)
def test_what_is_opened_has_the_name_of_the_store(typed, uri):
    assert open_backend(typed).uri == uri


def test_a_real_device_is_offered_and_not_opened():
    assert offers("ibm_torino") == ["ibm:ibm_torino", "fake:torino"]
    assert offers("ibm_nowhere") == ["ibm:ibm_nowhere"]
    with pytest.raises(UnknownBackendError, match="'ibm:ibm_torino' or 'fake:torino'"):
        open_backend("ibm_torino")


@pytest.mark.parametrize("backend", ["aer", "fake:torino", "basic", "fake:manila"])
def test_our_own_tables_print_names_that_can_be_typed_back(backend):
    opened = open_backend(backend)
    assert open_backend(opened.name).uri == opened.uri


def test_the_fake_devices_are_those_of_the_client():
    from qiskit_ibm_runtime import fake_provider

    names = {getattr(each, "backend_name", None) for each in vars(fake_provider).values()}
    known = {name.removeprefix("fake_") for name in names if isinstance(name, str)}
    assert known <= set(fake_devices())
