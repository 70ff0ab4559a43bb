"""The help of each command, and the reference that is written from it."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from qiskit_job_manager.cli.app import app
from qiskit_job_manager.cli.commands.list import State
from qiskit_job_manager.cli.commands.run import DryRun

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


# Lower-case names of Python's types, its classes, and a parser's own words for types.
TYPES = re.compile(
    r"\b(?:list|tuple|set|dict|str|int|float|bool|datetime|path|text)\b(?:\[| range\b)?(?=>|\])"
    r"|\b(?:list|tuple|dict)\[|<[^<>]*>|\b(?:INTEGER|FLOAT|RANGE|BOOLEAN|UUID)\b|\{[A-Z]"
    r"|\[[a-z]+\|"
)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_calls_values_by_the_words_of_the_docs(name):
    lines = CliRunner().invoke(app, [name, "--help"]).stdout.splitlines()
    assert [line for line in lines if TYPES.search(line)] == []
    assert lines[0].startswith(f"Usage: root {name} [OPTIONS]")
    for each in COMMANDS[name].params:
        needs_value = each.param_type_name == "option" and not each.is_flag
        if needs_value and each.metavar is None:
            option = re.compile(rf"^  {each.opts[0]} [A-Z]+\b")
            assert any(option.match(line) for line in lines), each.name


def test_what_the_help_must_not_have_is_recognised():
    lines = ["  SET <str>  Id", "PATH... <list[str]>", "--port <int range>  x", "[OPTIONS] {SET}"]
    lines += ["--limit INTEGER RANGE", "--format [table|json]", "--format <table|json|csv>"]
    assert [line for line in lines if not TYPES.search(line)] == []
    fine = ["--format table|json|csv", "[EXPERIMENT...]", "[default: 1; 0<=x<=3]", "a list of text"]
    assert [line for line in fine if TYPES.search(line)] == []


def with_choices():
    """Yield each option that takes one of some values: its command, itself, and these values."""
    for name, command in COMMANDS.items():
        for each in command.params:
            if each.metavar and "|" in each.metavar:
                yield name, each.opts[0], each.metavar.split("|")
    yield "list", "--state", list(State)
    yield "run", "--dry-run", list(DryRun)


@pytest.mark.parametrize(("name", "option", "words"), list(with_choices()))
def test_a_mistyped_choice_comes_with_the_nearest(name, option, words):
    for word in words:
        mistyped = word[:-1] + word[-1] * 2 if len(word) < 4 else word[:2] + word[3:]
        outcome = CliRunner().invoke(app, [name, "x", f"{option}={mistyped}"])
        said = " ".join(outcome.stderr.split())
        assert outcome.exit_code == 2
        assert f"{mistyped!r} is not one of {', '.join(words)}. Did you mean" in said
        assert repr(str(word)) in said.partition("Did you mean")[2]


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
