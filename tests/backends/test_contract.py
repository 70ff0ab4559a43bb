"""Every adapter passes the same contract, on real simulators and over odd providers."""

from __future__ import annotations

import pytest
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_job_manager.backends import adapt, open_backend
from qiskit_job_manager.testing.backend_contract import BackendContract


class TestAer(BackendContract):
    @pytest.fixture
    def backend(self):
        return adapt(AerSimulator(max_parallel_threads=1))


class TestAerByName(BackendContract):
    @pytest.fixture
    def backend(self):
        return open_backend("aer?method=statevector&max_parallel_threads=1")


class TestBasicSimulator(BackendContract):
    @pytest.fixture
    def backend(self):
        return adapt(BasicSimulator())


class TestFake(BackendContract):
    @pytest.fixture
    def backend(self):
        fake = FakeManilaV2()
        fake.set_options(max_parallel_threads=1)
        return adapt(fake)


class TestGeneric(BackendContract):
    @pytest.fixture
    def backend(self):
        generic = GenericBackendV2(2, seed=7)
        generic.set_options(max_parallel_threads=1)
        return adapt(generic)


class TestOdd(BackendContract):
    @pytest.fixture(
        params=[
            "Provider",
            "NameDropper",
            "BareResult",
            "NoMaxCircuits",
            "StringStatus",
            "Statusless",
            "SameId",
            "Cloud",
        ]
    )
    def backend(self, request, providers):
        return adapt(providers[request.param]())


class TestVolatileByTheUsersWord(BackendContract):
    @pytest.fixture
    def backend(self, providers):
        return adapt(providers["SameId"](), volatile=True)


class TestOneCircuitAJob(BackendContract):
    per_job = 1

    @pytest.fixture
    def backend(self, providers):
        return adapt(providers["OneAtATime"](), volatile=True)

    def test_it_says_so(self, backend):
        assert backend.limits().experiments_per_job == 1
