"""``qjm demo``: from nothing but the installed package to counts."""

from __future__ import annotations

import json
import shlex
import tempfile

import pytest

from qiskit_job_manager import backends
from qiskit_job_manager.errors import UnknownBackendError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A folder for temporary files, and an empty one to work in."""
    (tmp_path / "work").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


def proposed(text: str) -> list[list[str]]:
    lines = (line.strip() for line in text.splitlines())
    return [shlex.split(line)[1:] for line in lines if line.startswith("qjm --store ")]


def test_it_shows_a_report_a_histogram_and_commands_that_go_on(qjm, store, elsewhere):
    ran = qjm("demo")
    assert ran.code == 0
    assert "Jobs done             4\n" in ran.out
    bars = ran.out.partition("ghz_4 (index 6, 1,024 shots)\n")[2].splitlines()[:2]
    assert {bar.split()[0] for bar in bars} == {"0000", "1111"}
    assert sum(int(bar.split()[1].replace(",", "")) for bar in bars) == 1024
    commands = proposed(ran.out)
    assert [words[2] for words in commands] == ["show", "results", "log"]
    assert all(qjm(*words).code == 0 for words in commands)
    assert not store.exists()
    assert list((elsewhere / "work").iterdir()) == []


def test_in_a_store_that_is_given_it_runs_once_and_is_read_again(qjm, store, elsewhere):
    mine = elsewhere / "mine.db"
    first = json.loads(qjm("--store", mine, "demo", "--json").out)
    assert (first["name"], first["jobs_by_state"], first["success"]) == ("demo", {"done": 4}, True)
    assert str(mine) in first["store"]
    story = qjm("--store", mine, "log", "demo").out
    assert json.loads(qjm("--store", mine, "demo", "--json").out) == first
    assert qjm("--store", mine, "log", "demo").out == story
    assert list((elsewhere / "temporary").iterdir()) == []


def test_without_aer_qiskits_own_simulator_runs_it(qjm, monkeypatch):
    opened = backends.open_backend

    def without_aer(uri):
        if uri == "aer":
            raise UnknownBackendError("'aer' needs Aer, which is not installed")
        return opened(uri)

    monkeypatch.setattr(backends, "open_backend", without_aer)
    ran = qjm("demo")
    assert ran.code == 0
    assert "Backend: basic_simulator" in ran.out
    assert "--backend basic" in ran.out
