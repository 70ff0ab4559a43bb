"""No look-up costs more because the job set is larger."""

from __future__ import annotations

from threading import Thread

import pytest
from sqlalchemy import Engine
from sqlalchemy.event import listen

from qiskit_job_manager import JobManager
from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import open_store, read_statements, reads, schema
from qiskit_job_manager.testing.store_samples import create, draft

VALUES = {
    "set": 1,
    "job": 1,
    "index": 3,
    "after": 2,
    "name": "a",
    "content": b"a",
    "limit": 5,
    "start": 2,
    "stop": 9,
}

LOOK_UPS = {
    "experiment": read_statements.EXPERIMENT,
    "experiments": read_statements.EXPERIMENTS,
    "requests": read_statements.REQUESTS,
    "indices": read_statements.INDICES,
    "some indices": read_statements.SOME_INDICES,
    "with content": read_statements.WITH_CONTENT,
    "named with content": read_statements.NAMED_WITH_CONTENT,
    "unique names": read_statements.UNIQUE_NAMES,
    "covering": read_statements.COVERING,
    "payload": read_statements.PAYLOAD,
    "result": read_statements.RESULT,
    "jobs": read_statements.jobs(None, limited=True),
    "jobs by state": read_statements.jobs((JobState.ACTIVE, JobState.PLANNED), limited=True),
    "last jobs": read_statements.last_jobs((JobState.DONE, JobState.CANCELLED)),
}


@pytest.fixture
def store(store_path):
    store = open_store(store_path)
    yield store
    store.close()


@pytest.mark.parametrize("name", LOOK_UPS)
def test_every_look_up_goes_by_an_index(store, name):
    query = store._database._compile(LOOK_UPS[name])
    with store._database.reading() as connection:
        rows = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {query.sql}", tuple(query.arranged(VALUES))
        )
        plan = [row[3] for row in rows]
    assert any(line.startswith("SEARCH ") for line in plan)
    whole = [line.split()[1] for line in plan if line.endswith("(job_set=?)")]
    assert set(whole) <= {"request"}  # of which there are few, whatever the set's size
    tables = schema.metadata.tables
    assert [line for line in plan if line.startswith("SCAN ") and line.split()[1] in tables] == []
    # Only the few that each state gave are sorted.
    assert any("TEMP B-TREE" in line for line in plan) == (name in ("jobs by state", "last jobs"))


def test_finished_jobs_are_not_read_to_see_what_is_unfinished(store):
    statement = reads._UNFINISHED.compile(
        dialect=store._database._engine.dialect, compile_kwargs={"literal_binds": True}
    )
    with store._database.reading() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
    assert [line.split()[1] for line in plan if line.startswith("SCAN ")] == ["job_set"]
    searched = [line for line in plan if line.startswith("SEARCH job ")]
    assert searched
    assert all("(job_set=? AND state=?)" in line for line in searched)


@pytest.mark.parametrize("job_index", [None, 3])
def test_the_end_of_a_story_is_read_without_its_beginning(store, job_index):
    statements = []
    listen(Engine, "before_cursor_execute", lambda *told: statements.append(told[2:4]))
    store.last_events(1, job_index, limit=5)
    sql, values = statements[-1]
    with store._database.reading() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    columns = "job_set=?" if job_index is None else "job_set=? AND job_index=?"
    (line,) = plan
    assert line.startswith("SEARCH event USING INDEX")
    assert line.endswith(f"({columns})")


def test_threads_that_ended_leave_no_connections_behind(store):
    for _ in range(30):
        thread = Thread(target=store.jobs_covering, args=(1, 0))
        thread.start()
        thread.join()
    assert store._database._engine.pool.checkedout() <= 1


def test_an_overview_of_many_job_sets_takes_a_few_statements(store_path):
    store = open_store(store_path)
    for number in range(450):
        create(store, draft(str(number)))
    store.close()
    statements = []
    with JobManager(store_path) as manager:
        listen(Engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
        found = list(manager.overview())
        asked = [each for each in statements if each.startswith("SELECT job_")]
    assert len(found) == 450
    assert {progress.n_jobs for _, progress in found} == {0}
    assert len(asked) <= 3 * 2 + 1  # for each page of 200, its sets and their totals
