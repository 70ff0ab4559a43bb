"""The help of each command, and the reference that is written from it."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from qiskit_job_manager.cli.app import app

SCRIPT = Path(__file__).parents[2] / "scripts" / "write_command_line_reference.py"
COMMANDS = get_command(app).commands


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("write_command_line_reference", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def examples_of(command) -> list[str]:
    lines = (line.strip() for line in (command.epilog or "").splitlines())
    return [line for line in lines if line.startswith("qjm ")]


def test_the_reference_is_what_the_commands_say(script):
    written = script.REFERENCE.read_text(encoding="utf-8")
    assert written == script.reference(), f"write it anew: {SCRIPT.name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_examples_that_it_takes(name):
    examples = examples_of(COMMANDS[name])
    assert examples
    for example in examples:
        program, called, *words = shlex.split(example)
        assert (program, called) == ("qjm", name)
        COMMANDS[name].make_context(name, words)  # raises what it does not take


# What qjm mcp prints is a protocol, and JSON in any case.
@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"mcp"}))
def test_every_command_prints_json_when_asked(name):
    options = {option for each in COMMANDS[name].params for option in each.opts}
    assert "--json" in options


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_shown_at_any_width(qjm, monkeypatch, name):
    for columns in (20, 80, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        shown = qjm(name, "--help")
        assert shown.code == 0
        assert f"qjm {name}" in " ".join(shown.out.split())
