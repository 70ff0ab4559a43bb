"""Output in terminals of 20 to 200 columns, and in files."""

from __future__ import annotations

import re

import pexpect
import pytest

from qiskit_job_manager.cli.tables import columns_of

NAME = "a-sweep-with-a-name-of-many-words-2026-11-27-run-3"
COMMANDS = [
    ("list",),
    ("show", NAME),
    ("results", NAME),
    ("results", NAME, "0"),
    ("log", NAME),
    ("backends",),
    ("doctor",),
]


@pytest.fixture
def stored(qjm, folder):
    assert qjm("run", folder, "--backend", "aer", "--shots", "200", "--name", NAME).code == 0


def lines_of(terminal):
    terminal.expect(pexpect.EOF)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.before)
    return [line.rstrip() for line in text.split("\r\n")]


ALL_IN_ONE_PROCESS = """
import contextlib
from qiskit_job_manager.cli.app import app
for words in {commands!r}:
    print("#", *words)
    with contextlib.suppress(SystemExit):
        app(words, prog_name="qjm")
"""


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(python_terminal, stored, width):
    code = ALL_IN_ONE_PROCESS.format(commands=COMMANDS)
    lines = lines_of(python_terminal("-c", code, size=(40, width)))
    each = "\n".join(lines).split("\n# ")
    assert len(each) == len(COMMANDS)
    assert all(len(output.splitlines()) > 2 for output in each)
    # A command stays on one line, so that it can be copied; a path or a name is one word.
    unbreakable = re.compile(" *qjm |# ")
    breakable = [line for line in lines if " " in line.strip() and not unbreakable.match(line)]
    assert [line for line in breakable if columns_of(line) > width] == []
    assert not any("Traceback" in line for line in lines)


def test_a_name_of_ten_thousand_characters_fits(qjm, qjm_terminal, stored):
    assert qjm("rename", NAME, "n" * 10_000).code == 0
    assert max(map(columns_of, lines_of(qjm_terminal("list", size=(40, 80))))) <= 80
    assert "n" * 10_000 in qjm("list").out


def test_twenty_columns_show_something(qjm_terminal, stored):
    lines = lines_of(qjm_terminal("list", size=(40, 20)))
    assert any("done" in line for line in lines)
    assert not any("Traceback" in line for line in lines)


def test_a_wide_terminal_is_used(qjm_terminal, stored):
    lines = lines_of(qjm_terminal("results", NAME, "0", size=(40, 200)))
    assert max(map(columns_of, lines)) > 150


def test_a_file_gets_names_whole(qjm, stored):
    assert NAME in qjm("list").out
    assert NAME in qjm("show", NAME).out
