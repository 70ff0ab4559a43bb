"""The child process of `sandbox`: reads a QPY file under limits and writes it afresh.

    python -m qiskit_job_manager.codec.sandbox_child FILE FRESH

The exit code says how it went: 0 well, `REFUSED` with the reason on standard error, and
`TOO_MUCH_MEMORY`; all others are Python's or a signal's.
"""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path

MEMORY_BYTES = 2 << 30
CPU_SECONDS = 30
REFUSED = 3
TOO_MUCH_MEMORY = 4

# QpyError gives the repr of its message: escapes may stand there by their names.
_COLOUR = re.compile(r"(?:\x1b|\\x1b)\[[0-9;]*m")
_LINE_END = re.compile(r"\n|\\n")


def main(file: Path, fresh: Path) -> int:
    """Copy a QPY file by reading and writing its circuits; return the exit code."""
    from qiskit import qpy

    # Only now, as starting up is not what is to be limited.
    limit()
    warnings.simplefilter("ignore")
    try:
        with file.open("rb") as source:
            circuits = qpy.load(source)
        with fresh.open("wb") as target:
            qpy.dump(circuits, target)
    except MemoryError:
        return TOO_MUCH_MEMORY
    except Exception as error:  # noqa: BLE001  # a damaged file makes QPY raise anything
        reason = reason_of(error)
        sys.stderr.write(f"{reason}\n")
        return TOO_MUCH_MEMORY if "memory allocation failed" in reason else REFUSED
    return 0


def reason_of(error: BaseException) -> str:
    """Return one line that says what was wrong, out of what may be a coloured stack trace."""
    text = _COLOUR.sub("", str(error))
    _, marked, inner = text.partition("Error: ")
    line = _LINE_END.split((inner if marked else text).strip(" '\""))[0]
    return line or type(error).__name__


def limit(memory_bytes: int = MEMORY_BYTES, cpu_seconds: int = CPU_SECONDS) -> None:
    """Limit memory, and computing time from now on, where the system can."""
    try:
        import resource
    except ImportError:  # Windows; the parent's deadline holds there, too
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime) + 1
    for which, limit in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds + spent),
        # A core file of two gigabytes would be the first harm done.
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(which)
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        try:
            resource.setrlimit(which, (allowed, hard))
        except (OSError, ValueError):  # macOS refuses to limit memory
            continue


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
