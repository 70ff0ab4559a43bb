"""The cloud in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

from qiskit_job_manager.testing.cloud_service.client import CloudControl
from qiskit_job_manager.testing.cloud_service.faults import Faults
from qiskit_job_manager.testing.cloud_service.runs import Engine

if TYPE_CHECKING:
    from pathlib import Path


class CloudProcess:
    """A cloud in a process of its own, alive while the ``with`` block lasts.

    Args:
        ledger: A file for the ledger, which may have one of an earlier cloud.
        faults: How it behaves.
        port: Where to listen on 127.0.0.1; 0: where there is room.
        engine: What runs the circuits.

    Attributes:
        address: Host and port.
        control: The strings to pull.

    Example:
        >>> with CloudProcess("ledger.jsonl") as cloud:         # doctest: +SKIP
        ...     manager.run(circuits, CloudAdapter(cloud.address)).results()
        ...     cloud.control.books().submissions_by_tag()
    """

    def __init__(
        self,
        ledger: str | Path,
        faults: Faults | None = None,
        *,
        port: int = 0,
        engine: Engine = Engine.SAMPLER,
    ) -> None:
        module = __package__ or ""
        command = [sys.executable, "-m", module, "--port", str(port), "--ledger", str(ledger)]
        command += ["--engine", engine, "--faults", json.dumps(asdict(faults or Faults()))]
        self._process = subprocess.Popen(  # noqa: S603  # our own program, given no shell
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
        )
        self.address = self._read_address()
        self.control = CloudControl(self.address)

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
        """Wait until it listens.

        Raises:
            RuntimeError: It ended instead.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.communicate()
            code = self._process.returncode
            raise RuntimeError(f"the cloud ended with code {code}; it said why on standard error")
        return f"127.0.0.1:{json.loads(line)['port']}"
