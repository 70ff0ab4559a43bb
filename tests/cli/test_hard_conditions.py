"""Every command with hostile names, tags, errors, notes and paths."""

from __future__ import annotations

import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest
from typer.main import get_command

from qiskit_job_manager.cli.app import app
from qiskit_job_manager.cli.options import command_for
from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.store_samples import (
    complete,
    draft,
    hand_over,
    must_claim,
    step,
    submission,
    the_set,
)

HOSTILE = "\x1b[31mred\x07 \u202egnp.exe \x9b2J \u0645\u0631\u062d\u0628\u0627 \r\x08 \u2028 end"
"""Colours, a bell, another direction of writing, a line break in disguise."""

LONG = "n" * 10_000

SET = draft("sweep").job_set_id

WORDS = {
    "run": ("run", f"{HOSTILE}.qasm", "--backend", "basic", "--name", HOSTILE),
    "wait": ("wait", SET, "--timeout", "0"),
    "resume": ("resume", SET, "--timeout", "0"),
    "serve": ("serve", "--metrics-port", HOSTILE),
    "demo": ("--store", f"/dev/null/{HOSTILE}", "demo"),
    "dashboard": ("dashboard", "--no-browser", "--port", "0", "--root-path", HOSTILE),
    "mcp": ("mcp", "--max-usage", HOSTILE),
    "selftest": ("--store", f"/dev/null/{HOSTILE}", "selftest"),
    "list": ("list",),
    "show": ("show", SET),
    "watch": ("watch", SET),
    "results": ("results", SET),
    "log": ("log", SET),
    "provenance": ("provenance", SET),
    "backends": ("backends", HOSTILE),
    "doctor": ("doctor",),
    "cancel": ("cancel", SET, "--timeout", "0"),
    "retry": ("retry", SET, "--timeout", "0"),
    "resubmit": ("resubmit", SET, "--yes", "--timeout", "0"),
    "abandon": ("abandon", SET, "--yes", "--timeout", "0"),
    "adopt": ("adopt",),
    "delete": ("delete", SET, "--yes"),
    "tag": ("tag", SET, "--add", HOSTILE),
    "note": ("note", SET),
    "rename": ("rename", SET, f"{HOSTILE} again"),
    "export": ("export", SET, "--output", f"/dev/null/{HOSTILE}"),
    "import": ("import", f"/dev/null/{HOSTILE}"),
}
# What a terminal obeys; line feeds are ours.
OBEYED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store with a set whose texts are all hostile, and another with a name of 10,000."""
    path = tmp_path_factory.mktemp("hostile") / "store.db"
    store = open_store(path)
    for seed, name in (("other", LONG), ("sweep", HOSTILE)):
        _, lease = store.create_job_set(
            draft(seed, name="sweep", tags=(HOSTILE, LONG), backend_name=HOSTILE, note=HOSTILE),
            "hand-over",
        )
        store.release(lease)
        hand_over(store, [[HOSTILE], [LONG], ["c"]])
        complete(store)
        token = must_claim(store)
        for number, text in enumerate((HOSTILE, LONG, "c")):
            facts = {"error": text, "cause": text, "ends_attempt": True}
            ended = step(store, number, JobState.SUBMITTING, JobState.FAILED, **facts)
            assert all(store.advance(token, [submission(store, number, f"{seed} {number}"), ended]))
        store.release(token)
        store.rename(the_set(store).key, name)
    store.close()
    return path


@pytest.fixture
def hostile(store, made):
    """The store of the command line has hostile texts."""
    shutil.copy(made, store)


def test_no_command_is_left_out():
    assert WORDS.keys() == get_command(app).commands.keys()


@pytest.mark.parametrize("name", WORDS)
def test_nothing_hostile_reaches_the_output(qjm, hostile, name):
    outcome = qjm(*WORDS[name])
    assert OBEYED.findall(outcome.out + outcome.err) == []
    assert "Traceback" not in outcome.err
    assert outcome.out or outcome.err


@pytest.mark.parametrize("path", [f"{HOSTILE}.db", "it's \\ here\n.db", "caf\u00e9 \U000e0041.db"])
def test_a_command_to_copy_names_an_odd_store_and_is_harmless(path):
    context = SimpleNamespace(obj=path)
    command = command_for(context, "show", "sweep")
    assert OBEYED.findall(command) == []
    assert command.isprintable()
    shell = ["bash", "-c", f"qjm() {{ printf '%s' \"$2\"; }}; {command}"]
    said = subprocess.run(shell, capture_output=True, env={"LC_ALL": "C.UTF-8"}, check=True)
    assert said.stdout.decode() == path
