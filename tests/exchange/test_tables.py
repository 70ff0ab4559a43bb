"""CSV, Parquet and QPY files, and how files are named and written."""

from __future__ import annotations

import csv
import json
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from qiskit import qpy

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.files import safe_file_name, written_whole
from qiskit_job_manager.views.escape import cell


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_csv_has_the_counts_and_runs_no_formula(job_set, names, tmp_path):
    rows = read_csv(job_set.export(tmp_path, "csv", by="experiment"))
    results = job_set.results(timeout=0)
    assert list(rows[0]) == ["index", "name", "state", "shots", "counts", "error", "metadata"]
    for index, (row, name) in enumerate(zip(rows, names, strict=True)):
        assert row["name"] == ("'" + name if name.startswith("=") else name)
        assert json.loads(row["counts"]) == results.get_counts(index)
        assert json.loads(row["metadata"]) == {"name": name}
        assert row["shots"] == "80"


def test_csv_has_a_row_for_each_outcome_and_a_column_for_each_key_of_the_metadata(
    job_set, names, tmp_path
):
    rows = read_csv(job_set.export(tmp_path, "csv"))
    columns = ["index", "name", "outcome", "count", "probability", "metadata.name"]
    assert list(rows[0]) == columns
    assert {row["metadata.name"].removeprefix("'") for row in rows} == set(names)
    first = {row["outcome"]: int(row["count"]) for row in rows if row["index"] == "0"}
    assert first == job_set.results(timeout=0).get_counts(0)


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_no_cell_begins_a_formula(text):
    shown = cell(text)
    assert not shown.lstrip().startswith(
        ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
    )
    assert not shown.startswith(("\t", "\r", "\n"))
    assert shown in (text, f"'{text}")


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "  =1", "\uff1d1"])
def test_what_begins_a_formula_is_told_apart(text):
    assert cell(text) == f"'{text}"


def test_parquet_by_outcome(job_set, tmp_path):
    table = parquet.read_table(job_set.export(tmp_path, "parquet", by="outcome")).to_pydict()
    first = {
        o: c
        for i, o, c in zip(table["index"], table["outcome"], table["count"], strict=True)
        if i == 0
    }
    assert first == job_set.results(timeout=0).get_counts(0)


def test_qpy_has_the_circuits_in_order(job_set, circuits, tmp_path):
    with job_set.export(tmp_path, "qpy").open("rb") as file:
        assert qpy.load(file) == circuits


def test_only_tables_know_rows(job_set, tmp_path):
    for kind in ("qpy", "json", "archive"):
        with pytest.raises(InvalidArgumentError, match="only tables know"):
            job_set.export(tmp_path, kind, by="outcome")
    with pytest.raises(InvalidArgumentError, match="'experiment', 'outcome'"):
        job_set.export(tmp_path, "csv", by="job")
    with pytest.raises(InvalidArgumentError, match="format is 'xlsx'"):
        job_set.export(tmp_path, "xlsx")
    assert [each.name for each in tmp_path.iterdir() if not each.name.startswith("store.db")] == []


# -- names and files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("../../etc/passwd", "/etc/passwd", "..", ".", "", " ", "a\nb", "a\0b", "\x1b[31m", "-rf"),
        *(
            "C:\\x",
            "con",
            "COM1.txt",
            "nul",
            "😀",
            "n" * 10_000,
            "é" * 300,
            ".hidden",
            "a/b",
            "a\\b",
        ),
        *("~", "$HOME", "a;b", "<b>", "trailing.", "trailing ", "\ud800", "\u202egpj.exe", "a:b"),
    ],
)
def test_names_become_harmless_file_names_in_the_folder(tmp_path, name):
    made = safe_file_name(name, ".csv")
    assert made == safe_file_name(name, ".csv")
    assert len(made.encode()) <= 130
    assert made.endswith(".csv")
    assert all(c.isalnum() or c in "._-" for c in made)
    assert not made.startswith((".", "-"))
    assert ".." not in made
    assert made.partition(".")[0].lower() not in {"con", "com1", "nul"}
    path = tmp_path / made
    path.write_text("x")
    assert [each.parent for each in tmp_path.iterdir()] == [tmp_path]


def test_a_plain_name_stays_and_others_stay_apart():
    assert safe_file_name("rb-sweep_1.2", ".csv") == "rb-sweep_1.2.csv"
    assert safe_file_name("é", ".csv") == "é.csv"
    assert len({safe_file_name(name, "") for name in ("a/b", "a_b", "a\\b", "a b", "a/b ")}) == 5


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x"

    def fail():
        with written_whole(path) as file:
            file.write(b"half")
            assert not path.exists()
            msg = "broken off"
            raise RuntimeError(msg)

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []
    with written_whole(path) as file:
        file.write(b"whole")
    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_comes_there_meanwhile_is_not_overwritten(tmp_path):
    path = tmp_path / "x"

    def write():
        with written_whole(path) as file:
            file.write(b"ours")
            path.write_bytes(b"theirs")

    with pytest.raises(InvalidArgumentError, match="exists"):
        write()
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_not_followed(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"mine")
    link.symlink_to(target)
    with pytest.raises(InvalidArgumentError, match="exists"), written_whole(link):
        pass
    with written_whole(link, overwrite=True) as file:
        file.write(b"new")
    assert (link.read_bytes(), link.is_symlink(), target.read_bytes()) == (b"new", False, b"mine")


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with (
        pytest.raises(InvalidArgumentError, match="nowhere"),
        written_whole(tmp_path / "nowhere" / "x"),
    ):
        pass
    with pytest.raises(InvalidArgumentError, match="exists"), written_whole(tmp_path):
        pass
    with (
        pytest.raises(InvalidArgumentError, match="is a folder"),
        written_whole(tmp_path, overwrite=True),
    ):
        pass
