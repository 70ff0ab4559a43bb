"""``python -m qiskit_job_manager.testing.ibm_service``: the emulator as a program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from qiskit_job_manager.testing.emulator import program
from qiskit_job_manager.testing.ibm_service.faults import Behaviour
from qiskit_job_manager.testing.ibm_service.programs import Engine
from qiskit_job_manager.testing.ibm_service.service import IBMService

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    parser = program.parser("IBM Quantum, emulated on loopback.")
    parser.add_argument("--engine", type=Engine, default=Engine.FAST, choices=list(Engine))
    parser.add_argument("--snapshots", nargs="+", default=["manila"], help="such as torino")
    parser.add_argument("--behaviour", default="{}", help="as JSON; see Behaviour")
    return program.serve(arguments, parser, _start)


def _start(given: argparse.Namespace) -> IBMService:
    return IBMService(
        Behaviour.of_json(json.loads(given.behaviour)),
        port=given.port,
        engine=given.engine,
        snapshots=tuple(given.snapshots),
        ledger=given.ledger,
    )


if __name__ == "__main__":
    raise SystemExit(main())
