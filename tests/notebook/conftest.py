"""Managers, and names with markup and control characters."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit

from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing import ScriptedBackend

NASTY_NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE job; -- $x_{$",
    "line\nbreak\r\n\ttab",
    '=HYPERLINK("http://example.org")',
    "$$\\href{javascript:alert(1)}{x}$$ \\(y\\) $x_{",
    "\x1b[31mred\x1b[0m\x00\u202egnp.exe",
    "&lt;b&gt; &amp; &#60;",
    "\U0001f469\u200d\U0001f52c \u91cf\u5b50 \U0001f600",
    "y" * 10_000,
)


@pytest.fixture(scope="session")
def nasty_names():
    return NASTY_NAMES


@pytest.fixture
def backend():
    return ScriptedBackend(SystemClock(), Capabilities(volatile=True))


@pytest.fixture
def named():
    """Makes circuits with these names."""

    def make(*names):
        made = []
        for name in names:
            circuit = QuantumCircuit(2, 2, name=name)
            circuit.measure(range(2), range(2))
            made.append(circuit)
        return made

    return make
