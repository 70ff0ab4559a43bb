"""The contract of stores, and what is special, on PostgreSQL.

Runs where QJM_TEST_POSTGRES_URL names a database in which schemas can be made.
"""

from __future__ import annotations

import os
from threading import Barrier, Thread

import pytest

from qiskit_job_manager.errors import StoreError
from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.store_contract import StoreContract
from qiskit_job_manager.testing.store_samples import hand_over, must_claim, submission, the_set

if "QJM_TEST_POSTGRES_URL" not in os.environ:
    pytest.skip("QJM_TEST_POSTGRES_URL names no database", allow_module_level=True)

pytestmark = pytest.mark.service


@pytest.fixture
def open_again(url):
    return lambda: open_store(url)


@pytest.fixture
def store(open_again):
    store = open_again()
    yield store
    store.close()


class TestPostgresql(StoreContract):
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
    with pytest.raises(StoreError):
        store.jobs_covering(key, 0)
    assert len(store.jobs_covering(key, 0)) == 1
    assert the_set(store).key == key


def test_text_that_the_server_does_not_take_is_an_error_of_ours(store):
    with pytest.raises(StoreError):
        store.rename(the_set(store).key, "nul \0 in it")
