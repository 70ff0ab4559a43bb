"""How many jobs of a set are in each state, kept beside them in the same transactions.

To count the jobs themselves takes longer the more there are, and the counts are read often.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import schema

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from qiskit_job_manager.stores.database import Database

_counts, _jobs = schema.job_count.c, schema.job.c

_NEW = (
    insert(schema.job_count)
    .inline()
    .values({name: bindparam(name) for name in ("job_set", "state", "jobs", "experiments")})
)
_CHANGE = (
    update(schema.job_count)
    .where(_counts.job_set == bindparam("of_set"), _counts.state == bindparam("of_state"))
    .values(
        jobs=_counts.jobs + bindparam("more_jobs"),
        experiments=_counts.experiments + bindparam("more_experiments"),
    )
)


def begin(database: Database, connection: Connection, job_set_key: int) -> None:
    """Insert a count for each state of a new job set, so that later changes find a row."""
    rows = (
        {"job_set": job_set_key, "state": state.value, "jobs": 0, "experiments": 0}
        for state in JobState
    )
    database.run_many(connection, _NEW, rows)


def recount(connection: Connection, job_set_key: int) -> None:
    """Count the jobs of a job set that was imported."""
    of_state = (_jobs.job_set == _counts.job_set, _jobs.state == _counts.state)
    size = func.coalesce(func.sum(_jobs.stop - _jobs.start), 0)
    connection.execute(
        update(schema.job_count)
        .where(_counts.job_set == job_set_key)
        .values(
            jobs=select(func.count()).where(*of_state).scalar_subquery(),
            experiments=select(size).where(*of_state).scalar_subquery(),
        )
    )


def put_right(database: Database, job_set_key: int) -> None:
    """Count the jobs themselves, and correct the counts if they differ.

    They may differ after damage, or when a program that did not know the counts was still running
    while a newer one migrated the store.
    """
    found = select(_jobs.state, func.count(), func.sum(_jobs.stop - _jobs.start))
    kept = select(_counts.state, _counts.jobs, _counts.experiments)
    scanned = database.read(found.where(_jobs.job_set == job_set_key).group_by(_jobs.state))
    counted = database.read(kept.where(_counts.job_set == job_set_key, _counts.jobs != 0))
    if sorted(map(tuple, scanned)) == sorted(map(tuple, counted)):
        return

    def work(connection: Connection) -> None:
        connection.execute(delete(schema.job_count).where(_counts.job_set == job_set_key))
        begin(database, connection, job_set_key)
        recount(connection, job_set_key)

    database.write(work, repeatable=True)


class Change:
    """What a transaction changes in the counts of one job set, written at its end."""

    def __init__(self, job_set_key: int) -> None:
        self._job_set_key = job_set_key
        self._jobs: Counter[str] = Counter()
        self._experiments: Counter[str] = Counter()

    def add(self, state: JobState, jobs: int, experiments: int) -> None:
        """Count so many more in a state, or fewer."""
        self._jobs[state.value] += jobs
        self._experiments[state.value] += experiments

    def write(self, database: Database, connection: Connection) -> None:
        """Write what has changed."""
        # In one order, so that two writers wait for each other, and not each for the other.
        states = sorted(s for s in self._jobs if self._jobs[s] or self._experiments[s])
        rows: list[dict[str, Any]] = [
            {
                "of_set": self._job_set_key,
                "of_state": state,
                "more_jobs": self._jobs[state],
                "more_experiments": self._experiments[state],
            }
            for state in states
        ]
        if rows:
            database.run_many(connection, _CHANGE, rows)
