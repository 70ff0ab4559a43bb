"""``python -m qiskit_job_manager.testing.cloud_service``: the cloud as a program.

Prints one line of JSON, ``{"port": 40123}``, when it listens, and serves until it is killed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from qiskit_job_manager.testing.cloud_service.adapter import TOKEN_VARIABLE
from qiskit_job_manager.testing.cloud_service.faults import Faults
from qiskit_job_manager.testing.cloud_service.runs import Engine, warm_up
from qiskit_job_manager.testing.cloud_service.service import CloudService

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C comes."""
    said = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    warm_up(said.engine)
    cloud = CloudService(
        said.faults, port=said.port, ledger=said.ledger, engine=said.engine, token=said.token
    )
    # Whoever reads the line may send the signal at once: from here on it ends in good order.
    with cloud, contextlib.suppress(KeyboardInterrupt):
        port = int(cloud.address.rpartition(":")[2])
        sys.stdout.write(json.dumps({"port": port}) + "\n")
        sys.stdout.flush()
        threading.Event().wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="A cloud that misbehaves as it is told.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0: any")
    parser.add_argument("--ledger", required=True, help="file to append the ledger to")
    parser.add_argument("--engine", type=Engine, default=Engine.SAMPLER, choices=list(Engine))
    parser.add_argument("--faults", type=_faults, default=Faults(), help="as JSON; see Faults")
    # Not an option, as those are seen by everybody who lists the processes.
    parser.set_defaults(token=os.environ.get(TOKEN_VARIABLE))
    return parser


def _faults(text: str) -> Faults:
    return Faults.of_json(json.loads(text))


if __name__ == "__main__":
    raise SystemExit(main())
