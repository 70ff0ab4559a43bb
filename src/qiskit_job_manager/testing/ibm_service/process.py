"""The emulator in a process of its own, and its control from any process."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.testing.emulator.process import ServiceProcess
from qiskit_job_manager.testing.emulator.transport import Transport
from qiskit_job_manager.testing.ibm_service.ledger import Books
from qiskit_job_manager.testing.ibm_service.programs import Engine

if TYPE_CHECKING:
    from pathlib import Path

    from qiskit_job_manager.testing.ibm_service.faults import Behaviour, Fate, Rule

_TIMEOUT_S = 30.0


class IBMControl:
    """Controls an emulator, from any process.

    Args:
        address: Host and port of the emulator.
    """

    def __init__(self, address: str) -> None:
        self._send = Transport(address, None, _TIMEOUT_S)

    def behave(self, behaviour: Behaviour) -> None:
        """Set how it behaves."""
        self._post(behaviour=asdict(behaviour))

    def add(self, *rules: Rule) -> None:
        """Add rules."""
        self._post(rules=[asdict(each) for each in rules])

    def tell(self, *fates: Fate) -> None:
        """Set the fates of the next jobs that are accepted, one each."""
        self._post(fates=list(fates))

    def clear(self) -> None:
        """Forget all rules and fates."""
        self._post(clear=True)

    def revoke_tokens(self) -> None:
        """Refuse all tokens that were given until now."""
        self._post(revoke=True)

    def books(self) -> Books:
        """Return the ledger so far."""
        return Books.of_json(self._send("GET", "/control").json())

    def _post(self, **said: Any) -> None:
        self._send("POST", "/control", said)


class IBMProcess(ServiceProcess):
    """An emulator in a process of its own, alive while the ``with`` block lasts.

    Args:
        behaviour: How it behaves.
        port: Where to listen on 127.0.0.1; 0: any free port.
        engine: What runs programs.
        snapshots: Names of the client's snapshots that are its backends.
        ledger: A file for the ledger, which stays when the emulator is killed, for `Books.read`;
            ``None``: no file.

    Raises:
        RuntimeError: It ended instead of listening.

    Attributes:
        address: Host and port.
        control: Controls it.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        port: int = 0,
        engine: Engine = Engine.FAST,
        snapshots: tuple[str, ...] = ("manila",),
        ledger: str | Path | None = None,
    ) -> None:
        arguments = ["--engine", engine, "--port", str(port), "--snapshots", *snapshots]
        arguments += ["--behaviour", json.dumps(asdict(behaviour))] if behaviour else []
        arguments += ["--ledger", str(ledger)] if ledger is not None else []
        super().__init__(__package__ or "", *arguments)
        self.control = IBMControl(self.address)
