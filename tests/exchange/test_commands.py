"""``qjm export`` and ``qjm import``."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from qiskit_job_manager.cli.app import app


@dataclass(frozen=True)
class Outcome:
    """What a command line did."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder that commands are given in."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def qjm(folder, capsys):
    """The command line on a store, in this process, as importing Qiskit anew costs a second."""

    def run(store, *words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app(["--store", str(store), *words], prog_name="qjm")
        return Outcome(ended.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def qjm_process(folder):
    """The same in a process of its own."""

    def run(store, *words):
        command = [sys.executable, "-m", "qiskit_job_manager", "--store", str(store), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_a_job_set_goes_from_one_store_to_another(job_set, qjm, qjm_process, folder, tmp_path):
    here, there = tmp_path / "store.db", tmp_path / "there.db"
    told = qjm(here, "export", "sweep")
    assert told.returncode == 0, told.stderr
    assert told.stdout == "sweep.qjmz: 8 experiments\n"
    again = qjm(here, "export", "sweep")
    assert again.returncode == 1
    assert "exists; choose another name" in again.stderr
    taken = qjm_process(there, "import", "sweep.qjmz", "--name", "../\x1b[31mx", "--json")
    assert taken.returncode == 0, taken.stderr
    assert json.loads(taken.stdout) == {"id": job_set.job_set_id(), "name": "../\x1b[31mx"}
    out = qjm(there, "export", job_set.job_set_id(), "--format", "csv", "--output", ".")
    assert out.returncode == 0, out.stderr
    assert "\x1b" not in out.stdout
    made = {each.name for each in folder.iterdir()}
    assert made == {"sweep.qjmz", next(name for name in made if name.endswith(".csv"))}
    refused = qjm(there, "import", next(name for name in made if name.endswith(".csv")))
    assert refused.returncode == 1
    assert "which holds counts and no circuits" in refused.stderr
