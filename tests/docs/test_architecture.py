"""The page on the architecture says what the code is."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from qiskit_job_manager.lifecycle.table import TRANSITIONS
from qiskit_job_manager.model import JobState

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "qiskit_job_manager"
SCRIPT = ROOT / "scripts" / "write_architecture.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("write_architecture", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def text(script):
    return script.PAGE.read_text(encoding="utf-8")


def test_the_generated_parts_are_up_to_date(script, text):
    assert text == script.page(text), f"run {SCRIPT.name}"


def test_every_package_has_a_row(script):
    rows = script.packages_table()
    packages = {each.stem for each in SOURCE.iterdir() if each.suffix == ".py" or each.is_dir()}
    for name in packages - {"__init__", "__main__", "__pycache__", "py"}:
        assert f"| `{name}` |" in rows


def test_every_transition_is_drawn(text):
    [drawing] = re.findall(r"stateDiagram-v2\n(.*?)```", text, re.DOTALL)
    drawn = {
        (before, event, after)
        for before, after, events in re.findall(r"(\w+) --> (\w+): (.*)", drawing)
        for event in events.split(", ")
    }
    expected = {
        (str(before).replace(" ", "_"), str(event), str(after).replace(" ", "_"))
        for (before, event), after in TRANSITIONS.items()
    }
    assert drawn == expected


def test_every_state_is_explained(text):
    assert set(re.findall(r"^\| ([a-z ]+) \| ", text, re.MULTILINE)) >= set(map(str, JobState))


def test_the_files_of_the_promises_are_there(text):
    section = text.split("## Where each promise is kept")[1]
    named = re.findall(r"`([\w/.]+)`", section)
    assert len(named) > 20
    for name in named:
        assert (SOURCE / name).exists() or (ROOT / name).exists(), name


def test_no_arrow_of_the_data_goes_back(script, text):
    """Nobody imports the package of a step before it, on the way down or on the way back."""
    [drawing] = re.findall(r"flowchart LR\n(.*?)```", text, re.DOTALL)
    modules = dict(re.findall(r"(\w+)[\[(]+(\w+\.\w+|backends)", drawing))
    for module in modules.values():
        path = SOURCE / module.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").exists(), module
    down = ["manager", "engine", "backends"]
    back = ["results", "stores"]
    for steps in (down, back):
        for place, package in enumerate(steps):
            assert script.imports_of(package).isdisjoint(steps[:place])
