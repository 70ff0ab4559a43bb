"""``qjm export`` and ``qjm import``, as processes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.fixture
def qjm(tmp_path):
    """Run the command line on a store, in a folder of its own."""
    folder = tmp_path / "folder"
    folder.mkdir()

    def run(store, *words):
        command = [sys.executable, "-m", "qiskit_job_manager", "--store", str(store), *words]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=folder, timeout=120, check=False
        )
        assert "Traceback" not in done.stderr
        return done

    run.folder = folder
    return run


def test_a_job_set_goes_from_one_store_to_another(job_set, names, qjm, tmp_path):
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    told = qjm(here, "export", "sweep")
    assert told.returncode == 0, told.stderr
    assert told.stdout == "sweep.qjmz: 8 experiments\n"
    again = qjm(here, "export", "sweep")
    assert again.returncode == 1
    assert "exists; choose another name" in again.stderr
    taken = qjm(there, "import", "sweep.qjmz", "--name", "../\x1b[31mx", "--json")
    assert json.loads(taken.stdout) == {"id": job_set.job_set_id(), "name": "../\x1b[31mx"}
    out = qjm(there, "export", job_set.job_set_id(), "--format", "csv", "--output", ".")
    assert out.returncode == 0, out.stderr
    assert "\x1b" not in out.stdout
    made = {each.name for each in qjm.folder.iterdir()}
    assert made == {"sweep.qjmz", next(name for name in made if name.endswith(".csv"))}
    refused = qjm(there, "import", next(name for name in made if name.endswith(".csv")))
    assert refused.returncode == 1
    assert "which holds counts and no circuits" in refused.stderr
