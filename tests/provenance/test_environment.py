"""What a process runs in: read quickly, without names on request, and never in the way."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from importlib.metadata import version

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.codec.snapshots import read_snapshot
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.manager import environment as module
from qiskit_job_manager.manager.environment import (
    Environment,
    Provenance,
    chosen_provenance,
    environment,
)


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A script in a git repository with one commit, as the one that runs."""
    folder = tmp_path / "work"
    folder.mkdir()
    path = folder / "sweep.py"
    path.write_text("print(1)\n")
    for words in (
        ("init", "-q"),
        ("add", "."),
        ("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "-m", "x"),
    ):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(path), raising=False)
    return path


def commit_of(folder):
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True)
    return said.stdout.decode().strip()


def test_versions_script_and_commit_are_told(script):
    found = environment()
    for name in ("qiskit", "qiskit-job-manager", "numpy"):
        assert found["packages"][name] == version(name)
    assert found["python"] == sys.version.split()[0]
    digest = hashlib.sha256(script.read_bytes()).hexdigest()
    assert found["script"] == {"name": "sweep.py", "sha256": digest}
    assert found["git"] == {"commit": commit_of(script.parent), "changed": False}


def test_a_changed_file_is_told(script):
    script.write_text("print(2)\n")
    assert environment()["git"]["changed"] is True


def test_names_are_left_out_on_request(script):
    found = environment(anonymous=True)
    assert "host" not in found
    assert "name" not in found["script"]
    assert str(script.parent) not in str(found)


def test_no_program_of_the_repository_runs(script, tmp_path):
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o700)
    subprocess.run(["git", "config", "core.fsmonitor", str(hook)], cwd=script.parent, check=True)
    assert environment()["git"]["changed"] is False
    assert not (tmp_path / "ran").exists()


def test_an_installed_command_is_no_script(tmp_path, monkeypatch):
    command = tmp_path / "venv" / "bin" / "qjm"
    command.parent.mkdir(parents=True)
    command.write_text("")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(command), raising=False)
    monkeypatch.chdir(tmp_path)
    found = environment()
    assert "script" not in found
    assert "git" not in found


def test_a_script_that_was_removed_is_left_out(script):
    script.unlink()
    assert "script" not in environment()


def test_a_git_that_hangs_or_is_not_there_is_left_out(script, tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    assert "git" not in environment()
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o700)
    monkeypatch.setattr(module.shutil, "which", lambda _: str(slow))
    monkeypatch.setattr(module, "_GIT_S", 0.05)
    assert "git" not in environment()


def test_what_takes_long_is_not_waited_for(monkeypatch):
    go_on = threading.Event()
    monkeypatch.setattr(module, "environment", lambda **_: go_on.wait() and {"a": 1})
    monkeypatch.setattr(module, "WAIT_S", 0.01)
    found = Environment(Provenance.FULL)
    found.begin()
    assert found.snapshot() is None
    go_on.set()
    monkeypatch.setattr(module, "WAIT_S", 60.0)
    assert read_snapshot(found.snapshot()) == {"a": 1}


def test_what_fails_is_left_out(monkeypatch):
    def broken(**_):
        raise OSError("stale file handle")

    monkeypatch.setattr(module, "environment", broken)
    assert Environment(Provenance.FULL).snapshot() is None


def test_it_is_read_again_for_a_later_run(monkeypatch):
    numbers = iter(range(9))
    monkeypatch.setattr(module, "environment", lambda **_: {"n": next(numbers)})
    found = Environment(Provenance.FULL)
    assert read_snapshot(found.snapshot()) == read_snapshot(found.snapshot()) == {"n": 0}
    monkeypatch.setattr(module, "_FRESH_S", -1.0)
    assert read_snapshot(found.snapshot()) == {"n": 1}


def test_the_choice_is_that_of_the_user_or_of_the_variable(monkeypatch, tmp_path):
    assert chosen_provenance(None) is Provenance.FULL
    monkeypatch.setenv("QISKIT_JOB_MANAGER_PROVENANCE", "anonymous")
    assert chosen_provenance(None) is Provenance.ANONYMOUS
    assert chosen_provenance("off") is Provenance.OFF
    monkeypatch.setenv("QISKIT_JOB_MANAGER_PROVENANCE", "none")
    with pytest.raises(InvalidArgumentError, match="_PROVENANCE is 'none'; it is one of 'full'"):
        JobManager(tmp_path / "store.db")
    with pytest.raises(InvalidArgumentError, match="provenance is 'no'; it is one of 'full'"):
        JobManager(tmp_path / "store.db", provenance="no")
