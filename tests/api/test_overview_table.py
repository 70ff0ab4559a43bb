"""The job sets of a store as a data frame and as CSV, and what objects show of themselves."""

from __future__ import annotations

import csv
import io
import json
import sys

import pytest

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.job_set.overview_table import COLUMNS, write_csv

NASTY = '=1+1,"two"\nlines'


@pytest.fixture
def two_sets(manager, scripted, circuits):
    """A set that has ended, and one that is only stored; the older first."""
    ended = manager.run(circuits(3), scripted(), name=NASTY, job_tags=["a", "b"])
    assert ended.wait(60)
    stored = manager.run(circuits(2), scripted(), name="stored", drive=False)
    return ended, stored


def test_a_data_frame_has_a_row_for_each_job_set_newest_first(manager, two_sets):
    ended, stored = two_sets
    frame = manager.to_dataframe()
    assert list(frame.index) == [stored.job_set_id(), ended.job_set_id()]
    assert [frame.index.name, *frame.columns] == list(COLUMNS)
    row = frame.loc[ended.job_set_id()]
    assert (row["name"], row["tags"], row["jobs_done"]) == (NASTY, ["a", "b"], 1)
    assert (row["experiments"], row["experiments_done"]) == (3, 3)
    assert row["created_at"].to_pydatetime() == ended.created_at
    assert list(frame[~frame.ended & frame.driver.isna()].name) == ["stored"]
    assert frame["ended"].tolist() == [False, True]


def test_an_empty_store_gives_an_empty_frame(manager):
    frame = manager.to_dataframe()
    assert (len(frame), list(frame.columns)) == (0, list(COLUMNS[1:]))


def test_without_pandas_it_is_said_how_to_get_it(manager, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InvalidArgumentError, match=r"qiskit-job-manager\[dataframe\]"):
        manager.to_dataframe()


def test_csv_has_the_same_columns_and_no_formulas(manager, two_sets):
    file = io.StringIO()
    write_csv(manager.find("stored")._store, manager.overview(), file)
    file.seek(0)
    stored, ended = csv.DictReader(file)
    assert list(ended) == list(COLUMNS)
    assert (ended["name"], ended["tags"]) == (f"'{NASTY}", "a, b")
    assert (ended["success"], stored["jobs_planned"], stored["driver"]) == ("True", "1", "")


def test_objects_show_how_far_they_are(manager, two_sets):
    ended, _ = two_sets
    results = ended.results(timeout=60)
    assert repr(results) == (
        f"<ManagedResults of {NASTY!r}: 3 experiments from scripted, success=True>"
    )
    (job,) = ended.jobs()
    assert repr(job) == f"<StoredJob {job.job_id()!r}: job 0: experiments 0-2, done>"


def test_json_and_the_table_name_the_same_things(manager, two_sets):
    from qiskit_job_manager.job_set.json_values import summary

    given = json.loads(json.dumps(summary(two_sets[0])))
    assert set(COLUMNS) - set(given) <= {c for c in COLUMNS if c.startswith("jobs_")}
