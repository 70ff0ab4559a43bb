"""A service as a program: prints its port, and serves until SIGTERM or Ctrl-C.

The first line of the output is ``{"port": 40123}``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qiskit_job_manager.testing.emulator.service import EmulatedService


_LOOK_EVERY_S = 0.5


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser of the arguments that every service takes."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0: any free port")
    made.add_argument("--ledger", help="file to append the ledger to")
    made.add_argument("--starter", type=int, help="the parent process, whose end ends the service")
    return made


def serve(
    arguments: Sequence[str] | None,
    known: argparse.ArgumentParser,
    start: Callable[[argparse.Namespace], EmulatedService],
) -> int:
    """Start a service and wait for SIGTERM or Ctrl-C."""
    given = known.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        service = start(given)
    except (OSError, ValueError) as error:
        known.error(str(error))
    # The reader of the line may send the signal at once: from here on it ends in good order.
    with service, contextlib.suppress(KeyboardInterrupt):
        port = int(service.address.rpartition(":")[2])
        sys.stdout.write(json.dumps({"port": port}) + "\n")
        sys.stdout.flush()
        while given.starter in (None, os.getppid()):
            time.sleep(_LOOK_EVERY_S)
    return 0
