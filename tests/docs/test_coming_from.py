"""What the guide for users of other tools names, exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from qiskit_job_manager import JobManager, ManagedJob, ManagedJobSet, ManagedResults
from qiskit_job_manager.cli.app import app

PAGE = (Path(__file__).parents[2] / "docs" / "coming-from.md").read_text(encoding="utf-8")
HERE = "\n".join(line.rsplit("|", 2)[1] for line in PAGE.splitlines() if line.count("|") >= 3)
OWNERS = {"job_set": ManagedJobSet, "manager": JobManager, "results": ManagedResults}


@pytest.mark.parametrize("variable", OWNERS)
def test_every_method_that_is_named_is_there(variable):
    names = set(re.findall(rf"\b{variable}\.(\w+)", HERE))
    assert len(names) >= 2
    assert [name for name in names if not hasattr(OWNERS[variable], name)] == []


def test_what_is_asked_of_one_job_is_there():
    names = set(re.findall(r"managed_jobs\(\)\[\d\]\.(\w+)", HERE))
    assert names >= {"cancel", "figures"}
    assert all(hasattr(ManagedJob, name) for name in names)


def test_every_command_that_is_named_is_there():
    commands = set(re.findall(r"\bqjm (\w+)", PAGE))
    assert len(commands) > 5
    assert commands <= set(get_command(app).commands)
