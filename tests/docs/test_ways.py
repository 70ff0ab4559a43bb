"""What messages tell the user to do has two spellings, and the command line shows its own."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from qiskit_job_manager import JobManager, ManagedJobSet, ways
from qiskit_job_manager.cli.app import app

SOURCE = Path(__file__).parents[2] / "src" / "qiskit_job_manager"
# What only Python reaches: reading results as objects, the old names, dashboards, test backends.
PYTHON_ALONE = ("dropins.py", "dashboard", "testing", "ibmq.py", "ways.py")
# The call is named to somebody who made it, or as the only means, in a file or a script.
ALLOWED = (
    "give the circuit to JobManager.run()",
    "this job has been submitted",
    "wait() or results() waits again, progress() looks, cancel() stops them",
    "Hand over the same circuit or PUB as to run()",
    "let run() transpile it",
    "run([(circuit, values)], ...)",
    "or run(..., transpile=True)",
    "older job sets are not shown; job_sets() returns all",
    "resubmit() sends them again, abandon() gives them up",
    "needs transpile=True",
    "need transpile=True",
    "which y=None plots",
    "results.get_counts(",
    "update_tags needs",
    "give a table, JobManager(prices='prices.toml') or {}",  # {}: the environment variable
    "reuse is given and the run has no seed",  # qjm run has no reuse
    # Calls of others.
    "has neither status() nor statuses()",
    "its run() only raises",
    "an earlier call of run() on",
    "V2(backend=...)",
)


def methods():
    found = {*dir(JobManager), *dir(ManagedJobSet), *inspect.signature(JobManager.run).parameters}
    return {name for name in found if not name.startswith("_")}


# Words that are also words of other people, or names of what a file says.
QUOTED = re.compile(rf"(?<![\w.])({'|'.join(sorted(methods()))})(\([^)]*\)|=(?=['\"A-Z0-9{{(.]))")


def texts(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bodies = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, bodies) and node.body and isinstance(node.body[0], ast.Expr)
    }
    inner = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inner |= {id(part) for part in node.values}
            parts = [getattr(part, "value", "{}") for part in node.values]
            yield "".join(part if isinstance(part, str) else "{}" for part in parts)
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in docs | inner:
            yield node.value


def quoting():
    for path in sorted(SOURCE.rglob("*.py")):
        name = str(path.relative_to(SOURCE))
        if not name.startswith(PYTHON_ALONE):
            for text in texts(path):
                if " " in text and QUOTED.search(text):
                    yield name, text


def test_messages_name_what_the_user_can_do_by_a_way():
    found = [(name, text) for name, text in quoting() if not any(each in text for each in ALLOWED)]
    assert found == []


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_the_command_line_shows_its_own_spelling(way):
    said = way.of("x") if "{}" in way.python else str(way)
    shown = ways.as_commands(f"To go on: {said} does so.")
    assert said not in shown or "a script" in shown
    assert shown == f"To go on: {way.command.format(repr('x'))} does so."


@pytest.mark.parametrize("way", ways.ALL, ids=str)
def test_the_command_of_a_way_exists(way):
    group = typer.main.get_command(app)
    options = {o for c in group.commands.values() for p in c.params for o in p.opts}
    for quoted in re.findall("`([^`]+)`", way.command):
        words = shlex.split(quoted)
        if words[0] == "qjm":
            known = {o for p in group.commands[words[1]].params for o in p.opts}
        else:
            known = options
        assert {word for word in words if word.startswith("--")} <= known


def test_what_no_way_says_stays_as_it_is():
    text = "circuit 'retry' took 3 s; my_retry() and x.retry() are somebody else's"
    assert ways.as_commands(text) == text
