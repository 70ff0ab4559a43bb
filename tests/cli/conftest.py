"""Circuit files and a command line for the tests of the command line."""

from __future__ import annotations

import pytest

# The command line alone goes without Qiskit; its tests share a process with all others.
import qiskit.exceptions  # noqa: F401  isort: skip
import qiskit_job_manager.errors  # noqa: F401  isort: skip

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
