"""The emulator's backends: snapshots of real ones that come with the client."""

from __future__ import annotations

import functools
import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.testing.ibm_service.refusals import RefusedError

if TYPE_CHECKING:
    from qiskit_job_manager.testing.ibm_service.faults import Behaviour


class Devices:
    """The backends of the emulator.

    Args:
        snapshots: Names of the client's snapshots, such as ``manila``; each is the backend
            ``ibm_<snapshot>``.

    Raises:
        InvalidArgumentError: The client has no such snapshot.
    """

    def __init__(self, snapshots: tuple[str, ...]) -> None:
        for name in snapshots:
            if not _file(name, "conf").exists():
                text = f"snapshots has {name!r}, which the client has not; it has"
                raise InvalidArgumentError(f"{text} {', '.join(_known_snapshots())}")
        self._snapshots = {f"ibm_{name}": name for name in snapshots}

    def check_names(self, behaviour: Behaviour) -> None:
        """Check that the emulator has all backends that a behaviour names.

        Raises:
            InvalidArgumentError: It lacks one.
        """
        for name in (*behaviour.paused, *behaviour.retired):
            if name not in self._snapshots:
                text = f"paused or retired has {name!r}, which is no backend; there are"
                raise InvalidArgumentError(f"{text} {', '.join(self._snapshots)}")

    def listed(self, behaviour: Behaviour) -> list[dict[str, Any]]:
        """Return the list of backends in IBM's form."""
        names = [name for name in self._snapshots if name not in behaviour.retired]
        devices = [self._device(name, behaviour) for name in names]
        mocks = [{**each, "name": _mock(each["name"]), "class": "mock"} for each in devices]
        return [*devices, *(mocks if behaviour.has_mocks else [])]

    def _device(self, name: str, behaviour: Behaviour) -> dict[str, Any]:
        return {
            "name": name,
            "status": {"name": "paused" if name in behaviour.paused else "online"},
            "qubits": _snapshot(self._snapshots[name], "conf")["n_qubits"],
            "queue_length": 0,
        }

    def check(self, name: object, behaviour: Behaviour) -> None:
        """Check that a backend exists and is not retired.

        Raises:
            RefusedError: It does not, or it is.
        """
        real = self._real(name, behaviour)
        if real not in self._snapshots or real in behaviour.retired:
            raise RefusedError(404, 1292, f"Backend not found: {name}")

    def about(self, name: str, what: str, behaviour: Behaviour) -> dict[str, Any]:
        """Return a backend's configuration, properties or status.

        Raises:
            RefusedError: There is no such backend.
        """
        self.check(name, behaviour)
        real = self._real(name, behaviour)
        if what == "status":
            paused = real in behaviour.paused
            status = "internal" if paused else "active"
            return {
                "state": not paused,
                "status": status,
                "length_queue": 0,
                "backend_version": "1",
            }
        kind = "conf" if what == "configuration" else "props"
        return {**_snapshot(self._snapshots[real], kind), "backend_name": name}

    def _real(self, name: Any, behaviour: Behaviour) -> Any:
        """Return the backend that a stand-in stands for; any other name as it is."""
        mocks = {_mock(real): real for real in self._snapshots} if behaviour.has_mocks else {}
        return mocks.get(name, name)


def _mock(name: str) -> str:
    return f"mock_{name.partition('_')[2]}"


@functools.cache
def _snapshot(name: str, kind: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(_file(name, kind).read_text("utf-8"))
    return said


def _file(name: str, kind: str) -> Path:
    return _folder() / name / f"{kind}_{name}.json"


def _known_snapshots() -> list[str]:
    return sorted(each.name for each in _folder().iterdir() if _file(each.name, "conf").exists())


@functools.cache
def _folder() -> Path:
    # Not by importlib.resources, which imports the client: that takes a second or more.
    found = find_spec("qiskit_ibm_runtime")
    if found is None or found.origin is None:
        raise InvalidArgumentError("the emulator needs qiskit-ibm-runtime; install the extra 'ibm'")
    return Path(found.origin).parent / "fake_provider" / "backends"
