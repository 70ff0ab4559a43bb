"""The emulator in a process of its own, and its control from any process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from qiskit_job_manager.testing.cloud_service.transport import Transport
from qiskit_job_manager.testing.ibm_service.books import Books
from qiskit_job_manager.testing.ibm_service.programs import Engine

if TYPE_CHECKING:
    from pathlib import Path

    from qiskit_job_manager.testing.ibm_service.faults import Behaviour, Fate, Rule

_TIMEOUT_S = 30.0


class IBMControl:
    """The strings to pull, from any process.

    Args:
        address: Host and port of the emulator.
    """

    def __init__(self, address: str) -> None:
        self._send = Transport(address, None, _TIMEOUT_S)

    def behave(self, behaviour: Behaviour) -> None:
        """Say how it behaves."""
        self._post(behaviour=asdict(behaviour))

    def add(self, *rules: Rule) -> None:
        """Give it further rules."""
        self._post(rules=[asdict(each) for each in rules])

    def tell(self, *fates: Fate) -> None:
        """Say what becomes of the next jobs that are accepted."""
        self._post(fates=list(fates))

    def clear(self) -> None:
        """Have it forget all rules and fates."""
        self._post(clear=True)

    def revoke_tokens(self) -> None:
        """Have it let no token in that was given until now."""
        self._post(revoke=True)

    def books(self) -> Books:
        """Return the ledger so far."""
        return Books.of_json(self._send("GET", "/control").json())

    def _post(self, **said: Any) -> None:
        self._send("POST", "/control", said)


class IBMProcess:
    """An emulator in a process of its own, alive while the ``with`` block lasts.

    Args:
        behaviour: How it behaves.
        port: Where to listen on 127.0.0.1; 0: where there is room.
        engine: What runs programs.
        snapshots: Names of the client's snapshots that are its backends.
        ledger: A file for the ledger, which stays when the emulator is killed, for `Books.read`;
            ``None``: none.

    Raises:
        RuntimeError: It ended at once; it said why on standard error.

    Attributes:
        address: Host and port.
        control: The strings to pull.
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
        command = [sys.executable, "-m", __package__ or "", "--engine", engine]
        command += ["--port", str(port), "--snapshots", *snapshots]
        command += ["--behaviour", json.dumps(asdict(behaviour))] if behaviour else []
        command += ["--ledger", str(ledger)] if ledger is not None else []
        self._process = subprocess.Popen(  # noqa: S603  # our own program, given no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.address = self._read_address()
        self.control = IBMControl(self.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Id of the process, for signals."""
        return self._process.pid

    def kill(self) -> None:
        """Kill it, as ``kill -9`` does; harmless when it is dead. The ledger's file stays."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read_address(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.communicate()
            raise RuntimeError("the emulator ended; it said why on standard error")
        return f"127.0.0.1:{json.loads(line)['port']}"
