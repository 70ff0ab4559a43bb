"""Worker processes for the tests of executors; `local_tasks` has what they compute."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


@pytest.fixture
def workers():
    """Two worker processes, started by the first task that needs one."""
    from qiskit_job_manager.backends.local.workers import Workers

    pool = Workers(2)
    yield pool
    pool.close()
