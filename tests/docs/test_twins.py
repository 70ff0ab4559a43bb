"""The reference has the command of each method, and the page on JSON each field."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import typer.main

import qiskit_job_manager
from qiskit_job_manager import JobManager
from qiskit_job_manager.cli.app import app

DOCS = Path(__file__).parents[2] / "docs"
TWINS = tomllib.loads((DOCS / "command_twins.toml").read_text(encoding="utf-8"))
PAGE = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
CLASSES = ("JobManager", "ManagedJobSet", "ManagedJob", "ManagedResults")


def methods():
    for owner in CLASSES:
        for name, value in vars(getattr(qiskit_job_manager, owner)).items():
            if not name.startswith("_") and (callable(value) or isinstance(value, property)):
                yield f"{owner}.{name}"


def test_each_public_method_has_a_command_or_is_pythons_alone():
    assert sorted([*TWINS["commands"], *TWINS["python"]["alone"]]) == sorted(methods())


@pytest.mark.parametrize("command", sorted(set(TWINS["commands"].values())))
def test_each_command_exists_with_its_options(command):
    _, name, *options = command.split()
    known = {o for p in typer.main.get_command(app).commands[name].params for o in p.opts}
    assert {each for each in options if each.startswith("--")} <= known


def keys(value):
    """All names of fields, without those that are data: states are listed on their own page."""
    if isinstance(value, list):
        return {key for each in value for key in keys(each)}
    if not isinstance(value, dict):
        return set()
    data = ("jobs_by_state", "experiments_by_state", "counts")
    return {*value, *(k for name, v in value.items() if name not in data for k in keys(v))}


def test_each_field_of_json_is_on_the_page(tmp_path, capsys):
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, 1, name="one")
    circuit.measure(0, 0)
    store = tmp_path / "store.db"
    with JobManager(store) as manager:
        manager.run([circuit], "basic", name="set", shots=5).results(timeout=60)
    for words in (["list"], ["show", "set"], ["watch", "set"], ["results", "set"], ["log", "set"]):
        capsys.readouterr()
        with pytest.raises(SystemExit):
            app(["--store", str(store), *words, "--json"], prog_name="qjm")
        missing = {
            key for key in keys(json.loads(capsys.readouterr().out)) if f"`{key}`" not in PAGE
        }
        assert missing == set(), words
