"""The page on troubles names what exists, and all that exists."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import qiskit_job_manager
from qiskit_job_manager import errors
from qiskit_job_manager.cli.app import app
from qiskit_job_manager.model import JobState

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ERRORS = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
PROMISES = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
SOURCE = ROOT / "src" / "qiskit_job_manager"


def texts(path):
    """Yield each literal text of a file, with a blank for each value that is put into it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        if isinstance(node, ast.JoinedStr):
            yield "".join(getattr(part, "value", " ") for part in node.values if _is_text(part))


def _is_text(part):
    return isinstance(part, ast.Constant)


@pytest.fixture(scope="module")
def everything():
    return "\n".join(text for path in SOURCE.rglob("*.py") for text in texts(path))


def rows(heading):
    """Return the cells of the rows of the table below a heading."""
    _, _, below = PAGE.partition(f"\n## {heading}\n")
    table = below.partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def test_each_state_has_a_row():
    assert [row[0] for row in rows("States of a job")] == [f"`{state}`" for state in JobState]


def kinds_of_errors():
    found = (kind for _, kind in inspect.getmembers(errors, inspect.isclass))
    return [kind for kind in found if issubclass(kind, errors.JobManagerError)]


@pytest.mark.parametrize("kind", kinds_of_errors(), ids=lambda kind: kind.__name__)
def test_each_class_of_error_has_an_entry_at_the_anchor_that_is_printed(kind):
    assert ERRORS.count(f"\n({kind('x').anchor})=\n") == 1
    _, _, entry = ERRORS.partition(f"({kind('x').anchor})=\n")
    heading, body = entry.split("\n", 1)
    assert heading.lstrip("# ") == f"`{kind.__name__}`"
    if kind is not errors.JobManagerError:
        assert {"**Cause**", "**Way out**"} <= set(re.findall(r"\*\*.+?\*\*", body.split("\n(")[0]))


def test_a_class_of_others_has_the_entry_of_ours():
    class Theirs(errors.NameInUseError):
        pass

    assert Theirs("x").anchor == "name-in-use"


def test_the_messages_on_the_page_of_errors_exist(everything):
    quoted = re.findall(r"\*\*Message\*\* \"(.+)\"", ERRORS)
    assert len(quoted) > 25
    for text in quoted:
        for part in text.split("…"):
            assert part.strip() in everything, text


def test_each_finding_of_the_doctor_that_needs_somebody_has_a_row():
    said = " ".join(cell for row in rows("What `qjm doctor` says") for cell in row)
    tree = ast.parse((SOURCE / "checkup.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    findings = [call for call in calls if getattr(call.func, "id", "") == "Finding"]
    needy = [call for call in findings if len(call.args) > 2]
    assert len(needy) > 10
    for call in needy:
        what = call.args[0]
        if isinstance(what, ast.Constant):
            assert f"`{what.value}`" in said
    about_sets = list(_words_about_sets())
    assert len(about_sets) > 4
    for words in about_sets:
        assert words in said


def _words_about_sets():
    """Yield what the check-up says of job sets that need the user."""
    tree = ast.parse((SOURCE / "job_set" / "attention.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        text = None
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Need":
            text = node.args[2]
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "words":
            text = node.value.values[-1]
        if isinstance(text, ast.Constant):
            yield text.value.partition(":")[0].strip()


@pytest.mark.parametrize("heading", ["What you see", "What `qjm doctor` says"])
def test_the_messages_that_are_quoted_exist(everything, heading):
    quoted = [text for row in rows(heading) for text in re.findall(r'"([^"]+)"', row[0] + row[1])]
    assert len(quoted) > 10
    for text in quoted:
        for part in re.split(r" process \d+ on \S+|…|\d+ s", text):
            assert part.strip() in everything, text


@pytest.mark.parametrize("page", [PAGE, PROMISES], ids=["troubleshooting", "promises"])
def test_the_commands_and_options_that_are_named_exist(page):
    import typer

    commands = typer.main.get_command(app).commands
    named = re.findall(r"`qjm ([a-z]+)([^`]*)`", page)
    assert named
    for name, rest in named:
        options = {word for each in commands[name].params for word in each.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options


def test_the_calls_that_are_named_exist():
    for name in re.findall(r"`([a-z_]+)\([^`]*\)`", PAGE):
        owners = (qiskit_job_manager.JobManager, qiskit_job_manager.ManagedJobSet)
        assert any(hasattr(owner, name) for owner in owners), name


def test_the_promises_begin_with_the_faults_for_each_kind_of_backend_and_store():
    before, found, _ = PROMISES.partition("## The promises")
    assert found
    for word in ("idempotent", "findable", "blind", "volatile", "SQLite", "PostgreSQL"):
        assert word in before
