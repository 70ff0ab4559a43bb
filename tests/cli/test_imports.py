"""What commands import: help and lists are quick, as they leave alone what they do not need."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("qiskit", "sqlalchemy", "rich", "numpy", "asyncio", "qiskit_job_manager.engine")


def imported_by(*words):
    code = (
        "import sys; from qiskit_job_manager.cli import main\n"
        "try: main()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )
    return done.stdout, set(done.stderr.splitlines()[-1].split())


def test_help_imports_no_command_and_nothing_heavy(store):
    out, modules = imported_by("--help")
    assert "Keep order:" in out
    assert not modules & set(HEAVY)
    assert not [name for name in modules if name.startswith("qiskit_job_manager.cli.commands.")]


@pytest.mark.parametrize("words", [("list",), ("list", "--json"), ("list", "--format", "csv")])
def test_a_list_imports_neither_qiskit_nor_the_engine(store, words):
    _, modules = imported_by(*words)
    assert "qiskit_job_manager.cli.commands.list" in modules
    assert not modules & {"qiskit", "numpy", "rich", "qiskit_job_manager.engine"}


def test_each_command_that_is_listed_can_be_imported():
    from qiskit_job_manager.cli.app import ErrorHandlingGroup

    for listed in ErrorHandlingGroup.listed:
        assert listed.load().name == listed.name
