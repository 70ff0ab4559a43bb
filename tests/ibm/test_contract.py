"""The contract of every adapter, kept through the unmodified client over HTTP."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("qiskit_job_manager.testing.backend_contract")

from qiskit_job_manager.backends import open_backend  # noqa: E402
from qiskit_job_manager.testing.backend_contract import BackendContract  # noqa: E402
from qiskit_job_manager.testing.ibm_service import Engine, IBMService  # noqa: E402


@pytest.fixture
def ibm(place):
    with IBMService(port=place[0], engine=Engine.AER) as emulator:
        yield emulator


class TestByName(BackendContract):
    @pytest.fixture
    def backend(self, account):
        return open_backend("ibm:ibm_manila?listing_lag_s=0.05")


class TestThroughTheClientsOwnSampler(BackendContract):
    @pytest.fixture
    def backend(self, account):
        return open_backend("ibm:ibm_manila?listing_lag_s=0.05&primitive=executor-sampler")
