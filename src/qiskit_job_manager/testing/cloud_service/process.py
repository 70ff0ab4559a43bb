"""The cloud in a process of its own."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from qiskit_job_manager.testing.cloud_service.client import CloudControl
from qiskit_job_manager.testing.cloud_service.faults import Faults
from qiskit_job_manager.testing.cloud_service.simulation import Engine
from qiskit_job_manager.testing.emulator.process import ServiceProcess

if TYPE_CHECKING:
    from pathlib import Path


class CloudProcess(ServiceProcess):
    """A cloud in a process of its own, alive while the ``with`` block lasts.

    Args:
        ledger: A file for the ledger, which may have the lines of an earlier cloud.
        faults: How it behaves.
        port: Where to listen on 127.0.0.1; 0: any free port.
        engine: What runs the circuits.

    Attributes:
        address: Host and port.
        control: Controls it.

    Raises:
        RuntimeError: It ended instead of listening.

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
        arguments = ["--port", str(port), "--ledger", str(ledger), "--engine", engine]
        arguments += ["--faults", json.dumps(asdict(faults or Faults()))]
        super().__init__(__package__ or "", *arguments)
        self.control = CloudControl(self.address)
