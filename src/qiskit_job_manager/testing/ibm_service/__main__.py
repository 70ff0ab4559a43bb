"""``python -m qiskit_job_manager.testing.ibm_service``: the emulator as a program.

Prints one line of JSON, ``{"port": 40123}``, when it listens, and serves until it is killed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import threading

from qiskit_job_manager.testing.ibm_service.faults import Behaviour
from qiskit_job_manager.testing.ibm_service.programs import Engine
from qiskit_job_manager.testing.ibm_service.service import IBMService


def main() -> int:
    """Serve until SIGTERM or Ctrl-C comes."""
    parser = _parser()
    said = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        service = _service(said)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    # Whoever reads the line may send the signal at once: from here on it ends in good order.
    with service, contextlib.suppress(KeyboardInterrupt):
        port = int(service.address.rpartition(":")[2])
        sys.stdout.write(json.dumps({"port": port}) + "\n")
        sys.stdout.flush()
        threading.Event().wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="IBM Quantum, emulated on loopback.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0: any")
    parser.add_argument("--engine", type=Engine, default=Engine.FAST, choices=list(Engine))
    parser.add_argument("--snapshots", nargs="+", default=["manila"], help="such as torino")
    parser.add_argument("--behaviour", default="{}", help="as JSON; see Behaviour")
    parser.add_argument("--ledger", help="file to append the ledger to")
    return parser


def _service(said: argparse.Namespace) -> IBMService:
    return IBMService(
        Behaviour.of_json(json.loads(said.behaviour)),
        port=said.port,
        engine=said.engine,
        snapshots=tuple(said.snapshots),
        ledger=said.ledger,
    )


if __name__ == "__main__":
    raise SystemExit(main())
