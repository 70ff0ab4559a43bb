"""From the command line to IBM and back, duplicates included."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from qiskit_job_manager.testing.ibm_service import Kind, Trouble

CIRCUIT = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[1];
creg c[1];
x q[0];
measure q[0] -> c[0];
"""


@pytest.fixture
def qjm(account, tmp_path):
    def qjm(*words):
        store = {"QISKIT_JOB_MANAGER_STORE": str(tmp_path / "store.db")}
        return subprocess.run(
            [sys.executable, "-m", "qiskit_job_manager", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=tmp_path,
            env={**os.environ, **store},
        )

    return qjm


def test_a_file_runs_on_ibm_and_what_the_client_posted_twice_is_cancelled(ibm, qjm, tmp_path):
    (tmp_path / "flip.qasm").write_text(CIRCUIT)
    ibm.script(Kind.SUBMIT, Trouble(status=504, after=True))
    backend = "ibm:ibm_manila?listing_lag_s=8"
    ran = qjm("run", "flip.qasm", "--backend", backend, "--shots", "30", "--name", "flip")
    assert ran.returncode == 0, ran.stderr
    assert "flip: 1 circuit in 1 job: 1 done" in ran.stdout
    assert "Searching for duplicates of jobs" in ran.stderr
    assert "that one was asked to be cancelled" in ran.stderr
    books = ibm.books()
    assert len(books.submissions) == 2
    assert books.requests[Kind.CANCEL] == 1
    (counted,) = json.loads(qjm("results", "flip", "--format", "json").stdout)
    assert sum(counted["counts"].values()) == 30
