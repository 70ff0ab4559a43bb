"""The contract of stores, on every database that is supported."""

from __future__ import annotations

import pytest

from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.store_contract import StoreContract


class _OurStore(StoreContract):
    @pytest.fixture
    def open_again(self, location):
        return lambda: open_store(location)

    @pytest.fixture
    def store(self, open_again):
        store = open_again()
        yield store
        store.close()


class TestSqlite(_OurStore):
    @pytest.fixture
    def location(self, store_path):
        return store_path


@pytest.mark.service
class TestPostgresql(_OurStore):
    @pytest.fixture
    def location(self, postgres_url):
        return postgres_url
