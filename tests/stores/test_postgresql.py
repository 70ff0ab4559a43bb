"""The contract of stores, and what is special, on PostgreSQL.

Runs where QJM_TEST_POSTGRES_URL names a database in which schemas can be made.
"""

from __future__ import annotations

import contextlib
import os
import time
from threading import Barrier, Thread, Timer

import pytest
from sqlalchemy import text, update

from qiskit_job_manager import patience
from qiskit_job_manager.errors import StoreBusyError, StoreError
from qiskit_job_manager.model import Advance, JobState, RequestKind
from qiskit_job_manager.patience import patient
from qiskit_job_manager.stores import leases, open_store, postgresql, schema
from qiskit_job_manager.testing.store_contract import StoreContract
from qiskit_job_manager.testing.store_samples import (
    NOON,
    draft,
    hand_over,
    must_claim,
    submission,
    the_set,
)
from qiskit_job_manager.testing.store_search_contract import StoreSearchContract

if "QJM_TEST_POSTGRES_URL" not in os.environ:
    pytest.skip("QJM_TEST_POSTGRES_URL names no database", allow_module_level=True)

psycopg = pytest.importorskip("psycopg")

pytestmark = pytest.mark.service


@pytest.fixture
def open_again(url):
    return lambda: open_store(url)


@pytest.fixture
def store(open_again):
    store = open_again()
    yield store
    store.close()


class TestPostgresql(StoreContract, StoreSearchContract):
    pass


def test_a_lease_that_was_not_renewed_is_free_and_its_writes_are_refused(
    store, open_again, url, execute
):
    hand_over(store, [["a"]])
    stale = must_claim(store, "one")
    execute(url, "UPDATE job_set SET lease_until = 1")
    other = open_again()
    assert other.driver(stale.job_set_key) is None
    fresh = must_claim(other, "two")
    assert not store.renew(stale)
    assert store.advance(stale, [submission(store, 0, "t")]) == [False]
    assert other.advance(fresh, [submission(store, 0, "t")]) == [True]
    other.close()


def test_a_lease_that_ran_out_and_that_nobody_took_can_be_renewed(store, url, execute):
    token = must_claim(store, "one")
    execute(url, "UPDATE job_set SET lease_until = 1")
    assert store.renew(token)
    assert store.driver(token.job_set_key) == "one"
    assert store.claim(token.job_set_key, "two") is None


def test_several_that_open_a_new_store_at_once_all_succeed(open_again):
    start, stores = Barrier(4), []

    def work():
        start.wait()
        stores.append(open_again())

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.job_sets(limit=1) for store in stores] == [[]] * 4
    for store in stores:
        store.close()


def test_drivers_that_race_for_one_step_land_it_once(store, open_again):
    hand_over(store, [["a"]])
    token, other = must_claim(store, "one"), open_again()
    start, landed = Barrier(2), []

    def work(mine, tag):
        step = submission(mine, 0, tag)
        start.wait()
        landed.extend(mine.advance(token, [step]))

    threads = [Thread(target=work, args=pair) for pair in ((store, "t1"), (other, "t2"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(landed) == [False, True]
    (job,) = store.jobs(token.job_set_key)
    assert (job.state, job.attempts) == (JobState.SUBMITTING, 1)
    other.close()


def test_connections_that_the_server_ended_are_replaced(store, url, execute):
    hand_over(store, [["a"]])
    key = the_set(store).key
    assert len(store.jobs_covering(key, 0)) == 1
    execute(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = current_setting('application_name') "
        "AND pid <> pg_backend_pid()",
    )
    assert len(store.jobs_covering(key, 0)) == 1
    assert the_set(store).key == key


def test_text_that_the_server_does_not_take_is_an_error_of_ours(store):
    with pytest.raises(StoreError):
        store.rename(the_set(store).key, "nul \0 in it")


# -- a server that is away, and peers that vanish --------------------------------------------------


def test_a_process_has_few_connections_however_many_threads_and_stores(open_again, url, wait_until):
    stores = [open_again() for _ in range(3)]
    hand_over(stores[0], [["a"]])
    key, start, counts = the_set(stores[0]).key, Barrier(24), []

    def work(number):
        mine = stores[number % 3]
        start.wait()
        for turn in range(5):
            assert len(mine.jobs_covering(key, 0)) == 1
            mine.change_tags(key, lambda _, turn=turn: (str(turn),))
            counts.append(connections(url))

    threads = [Thread(target=work, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == 24 * 5
    assert max(counts) <= postgresql.CONNECTIONS
    for store in stores:
        store.close()
    wait_until(lambda: not connections(url))  # the server notices it a moment later


def connections(url):
    """Return how many connections the stores under test have."""
    name = url.partition("application_name%3D")[2]
    with psycopg.connect(os.environ["QJM_TEST_POSTGRES_URL"].replace("+psycopg", "")) as server:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        return server.execute(query, [name]).fetchone()[0]


@pytest.fixture
def proxy(url, proxy_to):
    return proxy_to(url.replace("postgresql+psycopg", "postgresql"))


def after(seconds, act):
    timer = Timer(seconds, act)
    timer.start()
    return timer


CALLS = {
    "a quick read": lambda store, token: store.jobs(token.job_set_key),
    "a read": lambda store, token: store.job_sets(limit=9),
    "a change": lambda store, token: store.change_tags(token.job_set_key, lambda _: ("x",)),
    "a request": lambda store, token: store.request(token.job_set_key, RequestKind.CANCEL),
    "a renewal": lambda store, token: store.renew(token),
    "a claim": lambda store, token: store.claim(token.job_set_key, "one"),
    "a step": lambda store, token: store.advance(token, [submission_by(store, token, "tag")]),
    "blocks": lambda store, token: hand_over(store, [["b"]], token=token),
}


def submission_by(store, token, tag):
    (job, *_) = store.jobs(token.job_set_key)
    return Advance(
        job_key=job.key,
        expected=JobState.PLANNED,
        after=JobState.SUBMITTING,
        event="submit",
        at=NOON,
        new_tag=tag,
    )


@pytest.mark.parametrize("call", CALLS)
def test_a_call_waits_for_a_server_that_is_away_for_a_while(call, proxy):
    store = open_store(proxy.url)
    hand_over(store, [["a"]])
    token = must_claim(store, "one")
    proxy.refuse()
    timer = after(0.7, proxy.accept)
    CALLS[call](store, token)
    timer.join()
    assert store.renew(must_claim(store, "one"))
    store.close()


@pytest.mark.parametrize("call", CALLS)
def test_a_call_to_a_server_that_swallows_everything_ends_with_the_patience(call, proxy):
    store = open_store(proxy.url)
    hand_over(store, [["a"]])
    token = must_claim(store, "one")
    proxy.swallow()
    with patient(0.5), pytest.raises(StoreBusyError, match="trying again is safe"):
        CALLS[call](store, token)
    proxy.forward()
    CALLS[call](store, token)
    assert store.renew(must_claim(store, "one"))
    store.close()


def test_closing_a_store_whose_server_is_away_ends(proxy):
    store = open_store(proxy.url)
    must_claim(store, "one")
    proxy.swallow()
    store.close()


def test_a_commit_whose_answer_was_lost_is_not_done_twice(store, monkeypatch):
    token = must_claim(store, "one")
    committed = commits_that_lose_their_answer(store, monkeypatch)
    hand_over(store, [["a"], ["b"]], token=token)
    assert committed()
    assert [e.name for e in store.experiments(token.job_set_key)] == ["a", "b"]
    committed = commits_that_lose_their_answer(store, monkeypatch)
    made, other = store.create_job_set(draft("new"), "one")
    assert committed()
    assert store.job_set_named("new") == made
    assert store.renew(other)
    committed = commits_that_lose_their_answer(store, monkeypatch)
    with pytest.raises(StoreBusyError):  # nobody knows whether it was stored
        store.request(token.job_set_key, RequestKind.CANCEL)
    assert committed()
    assert len(store.requests(token.job_set_key)) == 1


def commits_that_lose_their_answer(store, monkeypatch):
    """Let the next commit of a change arrive, and its answer not; return whether it has."""
    dialect, done = store._database._engine.dialect, []

    def commit(connection):
        query = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL"
        changes = connection.cursor().execute(query).fetchone()[0]
        connection.commit()
        if changes and not done:
            done.append(True)
            connection.driver_connection.close()
            raise psycopg.OperationalError("the connection was lost")

    monkeypatch.setattr(dialect, "do_commit", commit)
    return lambda: bool(done)


def test_a_client_that_vanishes_in_mid_transaction_is_replaced(store, proxy, monkeypatch):
    """Its session holds the row of the job set; no packet tells that it is gone."""
    monkeypatch.setitem(postgresql._OF_SERVER, "idle_in_transaction_session_timeout", "1s")
    monkeypatch.setattr(leases, "_LEASE_US", 1_000_000)
    vanished = open_store(proxy.url)
    token = must_claim(vanished, "vanished")
    with contextlib.suppress(StoreError), vanished._database.writing() as connection:
        connection.execute(update(schema.job_set).values(tags="[]"))
        proxy.swallow()
        until_s = time.monotonic() + 60
        while not (fresh := claim_quickly(store, token.job_set_key)):
            assert time.monotonic() < until_s
        assert fresh.owner == "heir"
    proxy.forward()
    assert not vanished.renew(token)
    vanished.close()


def claim_quickly(store, key):
    with patient(0.2), contextlib.suppress(StoreBusyError):
        return store.claim(key, "heir")


def test_every_wait_ends_before_a_lease_does(store):
    with store._database.reading() as connection:
        shown = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        }
        chosen = connection.connection.driver_connection.info.get_parameters()
    seconds = [int(each.removesuffix("s")) for each in shown.values()]
    seconds += [postgresql._SILENCE_S, int(chosen["connect_timeout"]), patience.DEFAULT_S]
    assert 0 < min(seconds) <= max(seconds) < leases._LEASE_US / 1_000_000
    assert 0 < int(chosen["tcp_user_timeout"]) <= 30_000


def test_a_connection_that_breaks_while_a_store_is_opened_is_made_again(
    open_again, store, url, execute, monkeypatch
):
    """A process that stands still for a moment meets a server that has ended its transaction."""
    bring_up_to_date = postgresql.bring_up_to_date
    broken = []

    def breaking(database, first):
        with database.reading() as connection:
            pid = connection.scalar(text("SELECT pg_backend_pid()"))
            if not broken:
                broken.append(pid)
                execute(url, f"SELECT pg_terminate_backend({pid})")
            connection.scalar(text("SELECT 1"))
        bring_up_to_date(database, first)

    monkeypatch.setattr(postgresql, "bring_up_to_date", breaking)
    open_again().close()
    assert broken
