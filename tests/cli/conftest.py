"""Circuit files and a command line for the tests of the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pexpect
import pytest

# The command line alone goes without Qiskit; its tests share a process with all others.
import qiskit.exceptions  # noqa: F401  isort: skip
import qiskit_job_manager.errors  # noqa: F401  isort: skip
from qiskit_job_manager.testing.cloud_service import CloudService  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A process that takes longer hangs. How long one takes depends on what else the machine does, which
# no test is about.
HANGS_AFTER_S = 600

BELL = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0], q[1];
measure q -> c;
"""

FLIP = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
x q[0];
c = measure q;
"""


@pytest.fixture(scope="session")
def bell() -> str:
    """OpenQASM 2 of two entangled qubits."""
    return BELL


@pytest.fixture(scope="session")
def flip() -> str:
    """OpenQASM 3 of two qubits whose outcome is always 01."""
    return FLIP


@dataclass(frozen=True)
class Outcome:
    """What a command line did."""

    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path, bell, flip) -> Path:
    """A folder with four circuits: bell, flip, deep/bell and deep/flip_2."""
    circuits = tmp_path / "circuits"
    (circuits / "deep").mkdir(parents=True)
    (circuits / "bell.qasm").write_text(bell)
    (circuits / "flip.qasm").write_text(flip)
    (circuits / "deep" / "bell.qasm").write_text(bell)
    (circuits / "deep" / "flip_2.qasm").write_text(flip)
    return circuits


@pytest.fixture
def store(tmp_path, monkeypatch) -> Path:
    """A store of its own, named by the environment."""
    path = tmp_path / "store.db"
    monkeypatch.setenv("QISKIT_JOB_MANAGER_STORE", str(path))
    return path


@pytest.fixture
def qjm(store, capsys) -> Callable[..., Outcome]:
    """The command line in this process, as importing Qiskit again costs a second."""
    from qiskit_job_manager.cli.app import app

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app([str(word) for word in words], prog_name="qjm")
        out, err = capsys.readouterr()
        return Outcome(ended.value.code or 0, out, err)

    return run


class Process(subprocess.Popen[str]):
    """The command line as a process of its own."""

    def ended(self) -> tuple[str, str]:
        """Wait for its end, and return what it wrote to its two outputs."""
        return self.communicate(timeout=HANGS_AFTER_S)


@pytest.fixture
def qjm_process(store) -> Callable[..., Process]:
    """The command line as a process of its own; it must have ended with the test."""
    started: list[Process] = []

    def start(*words: object, **options: Any) -> Process:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        command = [sys.executable, "-m", "qiskit_job_manager", *map(str, words)]
        process = Process(command, text=True, **pipes)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def python_terminal(store) -> Callable[..., pexpect.spawn]:
    """Python on a terminal of so many lines and columns; gone with the test."""
    started: list[pexpect.spawn] = []

    def start(
        *words: object, size: tuple[int, int] = (24, 120), **environment: str
    ) -> pexpect.spawn:
        # These would count for more than the size of the terminal.
        inherited = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES"}}
        terminal = pexpect.spawn(
            sys.executable,
            [*map(str, words)],
            encoding="utf-8",
            timeout=HANGS_AFTER_S,
            env={**inherited, "TERM": "xterm-256color", **environment},
            dimensions=size,
        )
        started.append(terminal)
        return terminal

    yield start
    for terminal in started:
        terminal.close(force=True)


@pytest.fixture
def qjm_terminal(python_terminal) -> Callable[..., pexpect.spawn]:
    """The command line on such a terminal."""
    return partial(python_terminal, "-m", "qiskit_job_manager")


@pytest.fixture
def cloud(tmp_path) -> CloudService:
    """A cloud on loopback; ``address`` says where."""
    with CloudService(ledger=tmp_path / "ledger.jsonl") as cloud:
        yield cloud


@pytest.fixture
def run_on(qjm, folder, cloud) -> Callable[..., Outcome]:
    """Runs the folder's four circuits on the cloud, one a job."""

    def run_on(name: str, *options: object, variant: str = "findable") -> Outcome:
        backend = f"cloud:http://{cloud.address}?variant={variant}"
        one_a_job = ("--max-experiments-per-job", 1, "--shots", 10)
        return qjm("run", folder, "--backend", backend, "--name", name, *one_a_job, *options)

    return run_on


@pytest.fixture
def often(short_polls) -> None:
    """Ask about jobs at once."""


@pytest.fixture
def shown(qjm) -> Callable[[str], dict[str, Any]]:
    """What ``qjm show --json`` says of a set."""
    return lambda name: json.loads(qjm("show", name, "--json").out)
