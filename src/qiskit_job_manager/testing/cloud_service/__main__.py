"""``python -m qiskit_job_manager.testing.cloud_service``: the cloud as a program."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from qiskit_job_manager.testing.cloud_service.adapter import TOKEN_VARIABLE
from qiskit_job_manager.testing.cloud_service.faults import Faults
from qiskit_job_manager.testing.cloud_service.service import CloudService
from qiskit_job_manager.testing.cloud_service.simulation import Engine, warm_up
from qiskit_job_manager.testing.emulator import program

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    parser = program.parser("A cloud that misbehaves on command.")
    parser.add_argument("--engine", type=Engine, default=Engine.SAMPLER, choices=list(Engine))
    parser.add_argument("--faults", type=_faults, default=Faults(), help="as JSON; see Faults")
    return program.serve(arguments, parser, _start)


def _start(given: argparse.Namespace) -> CloudService:
    warm_up(given.engine)
    return CloudService(
        given.faults,
        port=given.port,
        ledger=given.ledger,
        engine=given.engine,
        # Not an option, as everybody who lists the processes sees options.
        token=os.environ.get(TOKEN_VARIABLE),
    )


def _faults(text: str) -> Faults:
    return Faults.of_json(json.loads(text))


if __name__ == "__main__":
    raise SystemExit(main())
