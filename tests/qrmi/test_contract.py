"""The contract of every adapter, through the unmodified package, and over direct access."""

from __future__ import annotations

import pytest

from qiskit_job_manager.backends import open_backend
from qiskit_job_manager.testing.backend_contract import BackendContract


class TestOverTheService(BackendContract):
    @pytest.fixture
    def backend(self, qpu):
        return open_backend("qrmi:ibm_manila")


class TestDirectAccess(BackendContract):
    @pytest.fixture
    def backend(self, stand_in):
        return open_backend("qrmi")
