"""The adapter of the guide keeps the contract, runs circuits, and is found again by its tag."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from qiskit_job_manager import Capabilities
from qiskit_job_manager.ports import Backend

PAGE = (Path(__file__).parents[2] / "docs" / "adapters.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SERVICE, ADAPTER, OPENER, CONTRACT, USE = BLOCKS
ENTRY_POINT = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]


def run(code, folder, *arguments):
    (folder / "adapter_of_the_guide.py").write_text(code, encoding="utf-8")
    command = [sys.executable, *arguments, str(folder / "adapter_of_the_guide.py")]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(folder):
    """Register the entry point as an installer does."""
    registered = folder / "my_lab-1.0.dist-info"
    registered.mkdir()
    (registered / "METADATA").write_text("Metadata-Version: 2.1\nName: my-lab\nVersion: 1.0\n")
    group, name = tomllib.loads(ENTRY_POINT)["project"]["entry-points"].popitem()
    opener = name["lab"].replace("my_lab.adapter", "adapter_of_the_guide")
    (registered / "entry_points.txt").write_text(f"[{group}]\nlab = {opener}\n")


def test_it_keeps_the_contract(tmp_path, monkeypatch):
    install(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code = SERVICE + ADAPTER + OPENER + CONTRACT
    told = run(code, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0")
    assert re.search(r"\d\d passed", told)
    assert "failed" not in told


def test_it_is_used_as_the_guide_says(tmp_path, monkeypatch):
    monkeypatch.setenv("QISKIT_JOB_MANAGER_STORE", str(tmp_path / "store.db"))
    assert "2 {'1': 100}" in run(SERVICE + ADAPTER + USE, tmp_path)
    assert "2 {'1': 100}" in PAGE


def test_its_opener_opens_it(tmp_path):
    code = SERVICE + ADAPTER + OPENER + "\nassert open_lab('here').uri == 'lab:here'\n"
    run(code, tmp_path)


@pytest.mark.parametrize(
    "name", re.findall(r"^\| `(\w+)`", PAGE.split("## What a service can do")[1], re.MULTILINE)
)
def test_every_capability_that_it_names_is_there(name):
    assert name in {field.name for field in fields(Capabilities)}


def test_every_method_that_it_defines_is_of_the_port():
    defined = re.findall(r"^    def ([a-z]\w*)\(", ADAPTER, re.MULTILINE)
    assert len(defined) >= 8
    assert all(hasattr(Backend, name) or name == "status" for name in defined)
