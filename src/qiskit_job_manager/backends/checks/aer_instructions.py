"""Checks which instructions Aer runs, which differs from its target.

The target lacks instructions that a noise model does not mention. Its number of qubits is what fits
into memory as a state vector, but a Clifford circuit may have thousands. A simulator made from a
device takes only the gates of that device, on any qubits. The tests compare these rules with Aer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit_aer import AerSimulator

from qiskit_job_manager.backends.checks.circuits import NameRules, Rules

_FORGOTTEN_BY_TARGET = {"matrix_product_state": {"cu1"}, "superop": {"ecr"}}
# They are in Qiskit's list of gates, but every method runs them, for devices too.
_NO_GATES = frozenset({"measure", "reset"})


def aer_rules(backend: Any, method: str | None) -> Rules:
    """Return the rules of an Aer backend.

    Args:
        backend: The Qiskit backend.
        method: The method among the run options, if there is one.
    """
    names = _names(method or backend.options.get("method") or "automatic")
    # Aer itself asks this private attribute at each run.
    if getattr(backend, "_target", None) is not None:
        device = frozenset(backend.configuration().basis_gates)
        names = frozenset(name for name in names if name in device or name not in _gates())
    return NameRules(lambda name: name in names or _closed_controls(name) in names)


@lru_cache(maxsize=32)
def _names(method: str) -> frozenset[str]:
    """Return the gates of a method, and everything but gates that any method knows.

    The target of a method also lacks much that is compiled away before the method sees it.
    """
    every = AerSimulator().target.operation_names
    of_method = set(_plain(method).target.operation_names) | _FORGOTTEN_BY_TARGET.get(method, set())
    standard = get_standard_gate_name_mapping()
    return frozenset(name for name in every if name in of_method or name not in standard)


def _plain(method: str) -> AerSimulator:
    known = AerSimulator().available_methods()
    return AerSimulator(method=method if method in known else "automatic")


@lru_cache(maxsize=1)
def _gates() -> frozenset[str]:
    """Return the gates that a simulator of a device runs only if the device has them."""
    standard = get_standard_gate_name_mapping()
    controlled = (n for n in AerSimulator().target.operation_names if n.startswith("mc"))
    return frozenset((*standard, *controlled)) - _NO_GATES


def _closed_controls(name: str) -> str:
    """Return the name of a gate without open controls, which Aer replaces: "cx" for "cx_o0"."""
    return name.partition("_o")[0]
