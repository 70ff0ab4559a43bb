"""The guide's examples run as they stand there, one after the other, in one process."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from qiskit_job_manager.testing.ibm_service import IBMService

# The listing of the emulator is not late, so that nobody has to wait for it.
PROMPT = (
    "from qiskit_job_manager.backends.ibm import adapted\n"
    "adapted.__kwdefaults__['listing_lag_s'] = 0.05\n"
)
GUIDE = Path(__file__).parents[2] / "docs" / "ibm-quantum.md"


@pytest.fixture
def ibm(place):
    with IBMService(port=place[0], snapshots=("fez",)) as emulator:
        yield emulator


def test_the_examples_of_the_guide_run(ibm, account, tmp_path, monkeypatch):
    monkeypatch.setenv("QISKIT_JOB_MANAGER_STORE", str(tmp_path / "store.db"))
    text = GUIDE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 4
    code = PROMPT + "\n".join(blocks).replace('"ibm:ibm_fez"', '"ibm:ibm_fez?listing_lag_s=0.05"')
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    assert "1000" in done.stdout.splitlines()
    assert len(ibm.books().submissions) == 3 + 3 + 1 + 1  # the last one is a dry run
