"""The job sets of a store as a table, one row a job set: for data frames and CSV files."""

from __future__ import annotations

import csv
from typing import IO, TYPE_CHECKING, Any

from qiskit_job_manager.model import JobState
from qiskit_job_manager.results.tables import needs_pandas
from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.escape import cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd

    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.model.progress import Progress
    from qiskit_job_manager.ports import Store

_STATES = {state: f"jobs_{state.replace(' ', '_')}" for state in JobState}
COLUMNS = (
    "job_set_id",
    "name",
    "backend",
    "tags",
    "created_at",
    "experiments",
    "experiments_done",
    "jobs",
    *_STATES.values(),
    "ended",
    "success",
    "needs_user",
    "held",
    "driver",
)


def row_of(store: Store, record: JobSetRecord, progress: Progress) -> dict[str, Any]:
    """Return a job set as a row, by the names of the columns."""
    driver = None if progress.ended else store.driver(record.key)
    values = (
        record.job_set_id,
        record.name,
        record.backend_name,
        list(record.tags),
        record.created_at,
        progress.n_experiments,
        progress.n_done_experiments,
        progress.n_jobs,
        *(progress.jobs.get(state, 0) for state in _STATES),
        progress.ended,
        progress.success,
        progress.needs_user,
        progress.held,
        None if driver is None else phrases.driver(driver),
    )
    return dict(zip(COLUMNS, values, strict=True))


def dataframe(store: Store, found: Iterable[tuple[JobSetRecord, Progress]]) -> pd.DataFrame:
    """Return job sets as a data frame; see `JobManager.to_dataframe`."""
    pandas = needs_pandas("to_dataframe")
    rows = [row_of(store, *each) for each in found]
    frame = pandas.DataFrame(rows, columns=list(COLUMNS))
    frame["created_at"] = pandas.to_datetime(frame["created_at"], utc=True)
    whole: pd.DataFrame = frame.set_index("job_set_id")
    return whole


def write_csv(
    store: Store,
    found: Iterable[tuple[JobSetRecord, Progress]],
    file: IO[str],
    shown: Callable[[str], str] = str,
) -> None:
    """Write job sets as CSV; tags are joined by commas, times are ISO 8601 in UTC.

    Args:
        store: Where they are.
        found: The job sets.
        file: What to write to.
        shown: Returns a text as the file can take it.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in found:
        row = row_of(store, *each)
        row |= {"tags": ", ".join(row["tags"]), "created_at": row["created_at"].isoformat()}
        writer.writerow([shown(v) if isinstance(v, str) else v for v in map(cell, row.values())])
