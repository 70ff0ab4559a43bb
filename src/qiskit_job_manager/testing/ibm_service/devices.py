"""The emulator's backends: snapshots of real ones that come with the client."""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.testing.ibm_service.refusals import RefusedError

if TYPE_CHECKING:
    from qiskit_job_manager.testing.ibm_service.faults import Behaviour


class Devices:
    """The backends of the emulator.

    Args:
        snapshots: Names of the client's snapshots, such as ``manila``; each is the backend
            ``ibm_<snapshot>``.
    """

    def __init__(self, snapshots: tuple[str, ...]) -> None:
        self._snapshots = {f"ibm_{name}": name for name in snapshots}

    def listed(self, behaviour: Behaviour) -> list[dict[str, Any]]:
        """Return what the list of backends says."""
        return [
            {
                "name": name,
                "status": {"name": "paused" if name in behaviour.paused else "online"},
                "qubits": _snapshot(self._snapshots[name], "conf")["n_qubits"],
                "queue_length": 0,
            }
            for name in self._snapshots
            if name not in behaviour.retired
        ]

    def check(self, name: object, behaviour: Behaviour) -> None:
        """Check that a backend is there.

        Raises:
            RefusedError: It is not.
        """
        if name not in self._snapshots or name in behaviour.retired:
            raise RefusedError(404, 1292, f"Backend not found: {name}")

    def about(self, name: str, what: str, behaviour: Behaviour) -> dict[str, Any]:
        """Return a backend's configuration, properties or status.

        Raises:
            RefusedError: There is no such backend.
        """
        self.check(name, behaviour)
        if what == "status":
            paused = name in behaviour.paused
            status = "internal" if paused else "active"
            return {
                "state": not paused,
                "status": status,
                "length_queue": 0,
                "backend_version": "1",
            }
        kind = "conf" if what == "configuration" else "props"
        return {**_snapshot(self._snapshots[name], kind), "backend_name": name}


@functools.cache
def _snapshot(name: str, kind: str) -> dict[str, Any]:
    folder = files("qiskit_ibm_runtime") / "fake_provider" / "backends" / name
    said: dict[str, Any] = json.loads((folder / f"{kind}_{name}.json").read_text("utf-8"))
    return said
