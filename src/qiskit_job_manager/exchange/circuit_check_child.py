"""The child process of `circuit_check`: decodes payloads under limits, and keeps nothing.

    python -m qiskit_job_manager.exchange.circuit_check_child FILE

The file holds payloads, each after a line of JSON with its format and length. Exit codes are those
of `codec.sandbox_child`.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from qiskit_job_manager.codec.sandbox_child import (
    REFUSED,
    TOO_MUCH_MEMORY,
    limit,
    reason_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.model import Blob


def main(file: Path) -> int:
    """Decode every experiment of every payload; return the exit code."""
    import qiskit.qpy  # noqa: F401  # before `limit`, as this takes memory and time itself

    limit()
    warnings.simplefilter("ignore")
    try:
        for blob in _payloads(file):
            _decode(blob)
    except MemoryError:
        return TOO_MUCH_MEMORY
    except Exception as error:  # noqa: BLE001  # a damaged circuit makes QPY raise anything
        reason = reason_of(error)
        sys.stderr.write(f"{reason}\n")
        return TOO_MUCH_MEMORY if "memory allocation failed" in reason else REFUSED
    return 0


def _payloads(file: Path) -> Iterator[Blob]:
    from qiskit_job_manager.model import Blob

    with file.open("rb") as source:
        while line := source.readline():
            description = json.loads(line)
            yield Blob(description["format"], source.read(description["bytes"]))


def _decode(blob: Blob) -> None:
    from qiskit_job_manager.codec.circuits import frames_in, pack_frames
    from qiskit_job_manager.codec.experiments import read_experiments
    from qiskit_job_manager.errors import CodecError
    from qiskit_job_manager.model import Blob

    for frame in frames_in(blob):
        # One at a time: all circuits of a job may take far more memory than their bytes.
        for read in read_experiments(Blob(blob.format, pack_frames([frame]))):
            if isinstance(read, CodecError):
                raise read


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
