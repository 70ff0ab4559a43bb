"""The schema grows by numbered steps that survive being killed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import threading
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event

from qiskit_job_manager.model import JobState, Limits, RequestKind, RetryPolicy
from qiskit_job_manager.stores import open_store, schema, sqlite

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.db"))


def schema_of(path):
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    connection.close()
    return rows


def test_the_migrated_schema_is_the_one_that_the_program_uses(store_path, tmp_path):
    open_store(store_path).close()
    migrated = sqlite.connect(store_path)
    with migrated.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    migrated.close()
    # Alembic compares neither WITHOUT ROWID nor AUTOINCREMENT nor cascades; the text tells all.
    direct = sqlite.connect(tmp_path / "direct.db")
    with direct.writing() as connection:
        schema.metadata.create_all(connection)
    direct.close()
    migrated = [row for row in schema_of(store_path) if "alembic" not in row[1]]
    assert normal(migrated) == normal(schema_of(tmp_path / "direct.db"))


def test_two_threads_that_make_stores_at_once_make_both(store_path, tmp_path):
    """The second one begins while the first one is in the midst of it."""
    other_path = tmp_path / "other.db"
    other = threading.Thread(target=lambda: open_store(other_path).close())

    def begin_other(_connection, _cursor, statement, *_):
        if "CREATE TABLE" in statement and other.ident is None:
            other.start()
            other.join(0.5)  # it may have to wait for this one

    event.listen(Engine, "before_cursor_execute", begin_other)
    try:
        open_store(store_path).close()
    finally:
        event.remove(Engine, "before_cursor_execute", begin_other)
    other.join()
    assert schema_of(other_path) == schema_of(store_path)


def test_each_migration_has_a_number_of_its_own_and_the_last_one_is_the_newest():
    folder = Path(schema.__file__).parent / "migrations" / "versions"
    numbers = sorted(path.name[1:5] for path in folder.glob("v*.py"))
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    assert numbers[-1] == schema.REVISION


def normal(rows):
    return sorted(
        (kind, name, sorted(re.split(r"[\s,()]+", sql or ""))) for kind, name, sql in rows
    )


def test_a_migration_killed_at_any_statement_leaves_the_old_version_or_the_new(
    store_path, tmp_path, fork
):
    def migrate(kill_at):
        seen = 0

        def count(*_):
            nonlocal seen
            seen += 1
            if seen == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

        def work(say):
            for moment in ("before_cursor_execute", "commit"):
                event.listen(Engine, moment, count)
            open_store(store_path).close()

        return work

    whole = tmp_path / "whole.db"
    open_store(whole).close()
    kill_at, ended = 1, fork(migrate(1)).wait()
    while ended == -signal.SIGKILL:
        assert schema_of(store_path) in ([], schema_of(whole))
        kill_at += 1
        ended = fork(migrate(kill_at)).wait()
    assert ended == 0
    assert kill_at > 2 * 8
    store = open_store(store_path)
    assert store.job_sets(limit=1) == []
    store.close()


def test_the_store_of_every_release_opens_and_goes_on(tmp_path):
    assert GOLDEN
    for golden in GOLDEN:
        store = open_store(shutil.copy(golden, tmp_path / golden.name))
        made = store.job_set_named("golden")
        assert (made.complete, made.n_experiments, made.n_jobs) == (True, 5, 4)
        assert (made.backend_uri, made.volatile, made.blind) == ("fake:torino", True, True)
        assert (made.tags, made.options) == (("b", "a", "ü"), {"shots": 1024, "é": [1, None]})
        assert made.limits == Limits(experiments_per_job=300)
        assert made.retry == RetryPolicy(max_attempts=3)
        done, failed, *planned = store.jobs(made.key)
        assert [job.state for job in planned] == [JobState.PLANNED] * 2
        counts = {JobState.DONE: 1, JobState.FAILED: 1, JobState.PLANNED: 2}
        assert store.totals(made.key).jobs == counts
        each = [job.stop - job.start for job in (done, failed)]
        both = sum(job.stop - job.start for job in planned)
        experiments = dict(zip(counts, [*each, both], strict=True))
        assert store.totals(made.key).experiments == experiments
        assert (done.state, failed.state) == (JobState.DONE, JobState.FAILED)
        assert store.result(done.key).data == b"precious"
        assert store.payload(planned[0].key).data == b"three circuits"
        assert (failed.error, failed.attempts, failed.failed_offsets) == ("it broke", 2, (1,))
        assert [attempt.remote_id for attempt in store.attempts(failed.key)] == ["r2", None]
        assert store.indices(made.key, "a") == [0, 2]
        assert len(list(store.events(made.key))) == 6
        (request,) = store.requests(made.key)
        assert (request.kind, request.job_index) == (RequestKind.RETRY, 1)
        token = store.claim(made.key, "me")
        assert token.fence == 2
        assert store.finish_request(token, request)
        store.close()
