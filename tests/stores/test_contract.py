"""The contract of stores, on SQLite."""

from __future__ import annotations

import pytest

from qiskit_job_manager.stores import open_store, sqlite
from qiskit_job_manager.testing.store_contract import StoreContract
from qiskit_job_manager.testing.store_search_contract import StoreSearchContract


@pytest.mark.parametrize("journal", ["delete", "wal"], scope="class")
class TestSqlite(StoreContract, StoreSearchContract):
    @pytest.fixture
    def open_again(self, store_path, journal, monkeypatch):
        monkeypatch.setattr(sqlite, "journal_mode", lambda version: journal)
        return lambda: open_store(store_path)

    @pytest.fixture
    def store(self, open_again):
        store = open_again()
        yield store
        store.close()
