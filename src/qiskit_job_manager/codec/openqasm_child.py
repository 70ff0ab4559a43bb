"""The child process of `openqasm_sandbox`: reads OpenQASM files under limits.

    python -m qiskit_job_manager.codec.openqasm_child LIST

LIST is a JSON list of paths. For each the child writes a line of JSON to standard output: either
``{"error": MESSAGE}``, or ``{"format": FORMAT, "bytes": N}`` and then the N bytes of the circuit as
an encoded experiment. It ends with `TOO_MUCH_MEMORY` at the first file that takes too much.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from qiskit_job_manager.codec.sandbox_child import (
    MEMORY_BYTES,
    TOO_MUCH_MEMORY,
    limit,
    reason_of,
)
from qiskit_job_manager.errors import CodecError, JobManagerError

if TYPE_CHECKING:
    from qiskit_job_manager.model import Blob

# Gates whose definitions come to 18,000 instructions take so much; usual files, milliseconds.
_CPU_SECONDS = 6


def main(files: list[str], answers: BinaryIO) -> int:
    """Read the files one after the other; return the exit code."""
    # Before `limit`, as this takes memory and time itself.
    import qiskit.qasm2
    import qiskit.qasm3
    import qiskit.qpy  # noqa: F401

    warnings.simplefilter("ignore")
    for name in files:
        file = Path(name)
        limit(*allowance(file))
        try:
            _answer(answers, _read(file))
        except MemoryError:
            return TOO_MUCH_MEMORY
        except JobManagerError as error:
            _refuse(answers, error.message)
        except Exception as error:  # noqa: BLE001  # whatever a parser raises, the next file is read
            _refuse(answers, f"{file}: {reason_of(error)}")
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            # A defect of the parser, which is written in Rust; its class cannot be imported.
            _refuse(answers, f"{file}: the parser of OpenQASM broke down: {reason_of(error)}")
    return 0


def allowance(file: Path) -> tuple[int, int]:
    """Return how many bytes of memory and seconds of computing reading a file may take.

    A large file needs more: the parser of OpenQASM 3 takes 500 MB and 20 s for each megabyte.
    """
    try:
        size = file.stat().st_size
    except OSError:
        size = 0
    return MEMORY_BYTES + 1000 * size, _CPU_SECONDS + size // 10_000


def _read(file: Path) -> Blob:
    from qiskit_job_manager.codec.experiments import encode_experiment, pack_experiments
    from qiskit_job_manager.codec.openqasm import read_openqasm
    from qiskit_job_manager.model import ExperimentKind

    circuit = read_openqasm(file)
    try:
        encoded = encode_experiment(circuit, ExperimentKind.CIRCUIT)
    except CodecError as error:
        raise CodecError(f"{file}: {error.message}") from error
    return pack_experiments([encoded], ExperimentKind.CIRCUIT)


def _answer(answers: BinaryIO, circuit: Blob) -> None:
    description = {"format": circuit.format, "bytes": len(circuit.data)}
    answers.write(json.dumps(description).encode() + b"\n" + circuit.data)
    answers.flush()


def _refuse(answers: BinaryIO, message: str) -> None:
    answers.write(json.dumps({"error": message}).encode() + b"\n")
    answers.flush()


def _private_output() -> BinaryIO:
    """Return what was standard output, where nothing that a parser prints can come in between."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text()), _private_output()))
