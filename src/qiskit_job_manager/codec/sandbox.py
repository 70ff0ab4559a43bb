"""Circuit files from outside, decoded where they can do no harm.

Qiskit's reader believes what a QPY file says of itself: 705 damaged bytes made it take 22 GB, and
others make it abort the interpreter, which no ``except`` catches. So a foreign file is decoded in a
child process with limits on its memory and time. The child writes what it read as fresh QPY, and
only that is read here.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from qiskit_job_manager.codec.sandbox_child import (
    CPU_SECONDS,
    MEMORY_BYTES,
    REFUSED,
    TOO_MUCH_MEMORY,
)
from qiskit_job_manager.errors import CircuitFileError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_MAGIC = b"QISKIT"
_HEADER = struct.Struct("!6sBBBBQ")
_OLDEST_VERSION = 1
_SMALLEST_CIRCUIT_BYTES = 20
_LARGEST_FILE_BYTES = 256 << 20
_WALL_SECONDS = 60.0
_LONGEST_REASON = 500


def load_untrusted_qpy(path: Path) -> list[QuantumCircuit]:
    """Read a QPY file that may be damaged or hostile.

    Raises:
        CircuitFileError: It cannot be read; the message names the file and says why.
    """
    _check_header(path)
    with tempfile.TemporaryDirectory(prefix="qiskit-job-manager-") as folder:
        fresh = Path(folder) / "fresh.qpy"
        reason = run_limited("qiskit_job_manager.codec.sandbox_child", path, fresh)
        if reason is not None:
            raise CircuitFileError(f"{path}: {reason}")
        return _load(path, fresh)


def _check_header(path: Path) -> None:
    """Refuse what is plainly no QPY file, without the second that a child takes to start."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(_HEADER.size)
    except OSError as error:
        raise CircuitFileError(f"{path}: cannot be read: {error.strerror}") from error
    reason = _header_fault(start, size)
    if reason is not None:
        raise CircuitFileError(f"{path}: {reason}")


def _header_fault(start: bytes, size: int) -> str | None:
    if not size:
        return "is empty"
    if start[: len(_MAGIC)] != _MAGIC or len(start) < _HEADER.size:
        return "is not a QPY file"
    if size > _LARGEST_FILE_BYTES:
        return f"has {size} bytes; at most {_LARGEST_FILE_BYTES} are read"
    _, version, _, _, _, n_circuits = _HEADER.unpack(start)
    if version < _OLDEST_VERSION:
        return f"is of QPY version {version}, which does not exist"
    if n_circuits * _SMALLEST_CIRCUIT_BYTES > size:
        return f"says that it has {n_circuits} circuits, too many for its {size} bytes"
    return None


def run_limited(module: str, *paths: Path) -> str | None:
    """Run a module of ours that decodes, in a child that sets itself limits.

    Args:
        module: The module; its exit codes are those of `sandbox_child`.
        paths: Its arguments.

    Returns:
        Why it could not decode, or ``None``.
    """
    try:
        child = subprocess.run(  # noqa: S603  # our own module, and no shell
            child_command(module, *paths),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_WALL_SECONDS,
            check=False,
            env=child_environment(),
        )
    except subprocess.TimeoutExpired:
        return f"takes more than {_WALL_SECONDS:g} s to decode"
    if child.returncode == 0:
        return None
    said = child.stderr.decode("utf-8", "replace").strip()
    return why_ended(child.returncode, said)


def child_command(module: str, *paths: Path) -> list[str]:
    """Return the command that runs a module of ours in a process of its own."""
    # Without -P, what lies in the working directory would be imported in place of what is meant.
    return [sys.executable, "-P", "-m", module, *map(str, paths)]


def child_environment() -> dict[str, str]:
    """Return the environment in which a child finds the modules that this process has."""
    # One thread, as each of a numerical library's threads reserves memory that counts.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    return environment


def why_ended(
    code: int,
    said: str,
    *,
    memory_bytes: int = MEMORY_BYTES,
    cpu_seconds: int = CPU_SECONDS,
    kind: str = "QPY",
) -> str:
    """Say in words how a child ended that did not succeed.

    Args:
        code: Its exit code.
        said: What it wrote to standard error.
        memory_bytes: How much memory it was allowed.
        cpu_seconds: How many seconds of computing it was allowed.
        kind: What it read.
    """
    last = said.splitlines()[-1][:_LONGEST_REASON] if said else ""
    if code == REFUSED:
        return f"cannot be read as {kind}: {last}"
    # Rust's allocator says this and aborts; Python raises MemoryError.
    if code == TOO_MUCH_MEMORY or "memory allocation of" in said:
        return f"needs more than {memory_bytes / 2**30:.0f} GiB of memory to decode"
    if code == -getattr(signal, "SIGXCPU", 0):
        return f"takes more than {cpu_seconds} s of computing to decode"
    ended = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return f"cannot be read as {kind}: the process that decoded it {ended}"


def _load(path: Path, fresh: Path) -> list[QuantumCircuit]:
    from qiskit import qpy

    try:
        with fresh.open("rb") as file:
            return list(qpy.load(file))
    except Exception as error:
        # What our own child has just written is read by the same Qiskit; only a defect comes here.
        raise CircuitFileError(f"{path}: cannot be read as QPY: {error}") from error
