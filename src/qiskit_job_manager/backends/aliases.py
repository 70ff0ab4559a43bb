"""Names that people type for backends, and what they mean here.

Qiskit, its tutorials and our own tables call the same simulators ``aer_simulator``,
``AerSimulator`` or ``qasm_simulator``. A fake device is ``FakeTorino``, ``fake_torino`` or
``torino``. Such a name opens what it means. A name of a real device opens nothing by itself, as
that would cost money: the message offers the device and the fake one.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

_SIMULATORS = {
    "aersimulator": "aer",
    "aer_simulator": "aer",
    "qasm_simulator": "aer",
    "aer_simulator_statevector": "aer?method=statevector",
    "statevector_simulator": "aer?method=statevector",
    "basicsimulator": "basic",
    "basic_simulator": "basic",
    "statevectorsampler": "sampler:statevector",
    "statevectorestimator": "estimator:statevector",
}
_FAKE = re.compile(r"fake_?(?P<device>[a-z][a-z0-9]*?)(v2)?", re.IGNORECASE)
_IBM = re.compile(r"ibm_(?P<device>[a-z0-9]+)", re.IGNORECASE)


def meaning(name: str) -> str:
    """Return the name of a backend that a typed name means; the typed one if it means none."""
    word, mark, options = name.strip().partition("?")
    known = _SIMULATORS.get(word.lower()) or _fake(word)
    if known is None:
        return name
    return f"{known}{'&' if '?' in known else '?'}{options}" if mark else known


def offers(name: str) -> list[str]:
    """Return names of backends that a name of a real device may mean."""
    device = _IBM.fullmatch(name.strip())
    if device is None:
        return []
    fake = f"fake:{device['device'].lower()}"
    return [f"ibm:{name.strip().lower()}", *([fake] if is_fake(device["device"]) else [])]


def is_fake(device: str) -> bool:
    """Say whether there is a fake device of this name."""
    return device.lower() in fake_devices()


def fake_devices() -> list[str]:
    """Return the names of the fake devices, in order, without an import of IBM's client."""
    client = find_spec("qiskit_ibm_runtime")
    if client is None or client.origin is None:
        return []
    folder = Path(client.origin).parent / "fake_provider" / "backends"
    return sorted(each.parent.name for each in folder.glob("*/__init__.py"))


def _fake(word: str) -> str | None:
    if word.isidentifier() and is_fake(word):
        return f"fake:{word.lower()}"
    found = _FAKE.fullmatch(word)
    return f"fake:{found['device'].lower()}" if found else None
