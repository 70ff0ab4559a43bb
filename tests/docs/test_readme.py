"""What the README shows runs as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_quick_start_in_python_runs_and_is_read_by_another_process(tmp_path, monkeypatch):
    monkeypatch.setenv("QISKIT_JOB_MANAGER_STORE", str(tmp_path / "store.db"))
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 2
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", block], capture_output=True, text=True, check=False, timeout=100
        )
        assert done.returncode == 0, done.stderr
        assert "'00000'" in done.stdout


def test_every_command_of_the_quick_start_exists():
    from typer.main import get_command

    from qiskit_job_manager.cli.app import app

    commands = set(re.findall(r"^\$ qjm (\w+)", README.read_text(encoding="utf-8"), re.MULTILINE))
    assert commands
    assert commands <= set(get_command(app).commands)
