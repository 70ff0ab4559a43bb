"""A store that is closed while another thread is in the middle of a transaction."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from sqlalchemy import create_engine, text

from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.stores import database as database_module
from qiskit_job_manager.stores.database import Database

DEADLINE_S = 60.0


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "some.db"
    database = Database(create_engine(f"sqlite:///{path}"), str(path))
    yield database
    database.close()


@pytest.fixture
def threads():
    with ThreadPoolExecutor() as threads:
        yield threads


@pytest.fixture
def begin(database, threads):
    """Begin a transaction in another thread; return what lets it go on, and its answer."""
    gates = []

    def begin(kind):
        begun, gate = threading.Event(), threading.Event()
        gates.append(gate)

        def transaction():
            with getattr(database, kind)() as connection:
                begun.set()
                assert gate.wait(DEADLINE_S)
                return connection.scalar(text("SELECT 7"))

        answer = threads.submit(transaction)
        assert begun.wait(DEADLINE_S)
        return gate, answer

    yield begin
    for gate in gates:
        gate.set()


@pytest.mark.parametrize("kind", ["reading", "writing"])
def test_closing_waits_for_a_transaction_that_is_under_way(kind, database, threads, begin):
    gate, answer = begin(kind)
    closing = threads.submit(database.close)
    assert wait([closing], 0.1).not_done
    gate.set()
    closing.result(DEADLINE_S)
    assert answer.result(DEADLINE_S) == 7


def test_nothing_begins_while_a_store_is_being_closed(database, threads, begin):
    gate, _ = begin("reading")
    closing = threads.submit(database.close)
    while database.is_usable:
        wait([closing], 0.001)
    with pytest.raises(StoreError, match="was closed"), database.reading():
        pass
    gate.set()
    closing.result(DEADLINE_S)


def test_a_transaction_that_takes_too_long_is_left_to_end_by_itself(database, begin, monkeypatch):
    monkeypatch.setattr(database_module, "CLOSE_WITHIN_S", 0.0)
    gate, answer = begin("writing")
    database.close()
    assert not answer.done()
    gate.set()
    assert answer.result(DEADLINE_S) == 7
