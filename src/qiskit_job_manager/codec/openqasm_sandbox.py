"""OpenQASM files from outside, read where they can do no harm.

A file of one kilobyte can define 31 gates, each twice the one before, or declare two billion
qubits: Qiskit then takes gigabytes and minutes, or its parser panics, which no ``except Exception``
catches. So one child process with limits reads all files of a call. When a file ends the child, the
next child goes on behind that file.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from qiskit_job_manager.codec.experiments import read_experiments
from qiskit_job_manager.codec.openqasm_child import allowance
from qiskit_job_manager.codec.sandbox import child_command, child_environment, why_ended
from qiskit_job_manager.errors import CircuitFileError, CodecError
from qiskit_job_manager.model import Blob

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qiskit import QuantumCircuit

# Starting a child takes a second, several where the machine is busy.
_START_SECONDS = 60.0
_WALL_PER_CPU_SECOND = 2.0
_WAY_OUT = (
    "Leave the file out. If you trust it, read it in a script with qiskit.qasm2 or qiskit.qasm3, "
    "which have no limits, and give the circuit to JobManager.run()"
)


@contextmanager
def reading_openqasm(
    files: Sequence[Path],
) -> Iterator[Iterator[QuantumCircuit | CircuitFileError]]:
    """Read OpenQASM files that may be damaged or hostile.

    The child starts at once, so whatever the caller does first costs no time.

    Yields:
        An iterator that gives for each file, in order, its circuit, or the error that says why it
        cannot be read. A file that cannot be read never stops the others.
    """
    with ExitStack() as children:
        first = children.enter_context(_started(files)) if files else None
        yield _reads(files, first, children)


def _reads(
    files: Sequence[Path], child: _Child | None, children: ExitStack
) -> Iterator[QuantumCircuit | CircuitFileError]:
    left = list(files)
    while child is not None:
        for read in child.read(tuple(left)):
            del left[0]
            yield read
        child = children.enter_context(_started(left)) if left else None


@dataclass(frozen=True, slots=True)
class _Child:
    """A child process that reads files.

    Attributes:
        process: The process.
        answers: What it writes to standard output.
        errors: What it wrote to standard error.
    """

    process: subprocess.Popen[bytes]
    answers: IO[bytes]
    errors: Path

    def read(self, files: Sequence[Path]) -> Iterator[QuantumCircuit | CircuitFileError]:
        """Yield the answer for each file, up to the one that ended the child."""
        for file in files:
            with self._deadline(file) as overdue:
                answer = self._answer()
            if answer is None:
                yield CircuitFileError(f"{file}: {self._why_ended(file, overdue.is_set())}")
                return
            yield _decoded(file, answer) if isinstance(answer, Blob) else CircuitFileError(answer)

    @contextmanager
    def _deadline(self, file: Path) -> Iterator[threading.Event]:
        """Kill the child if it takes too long for a file; the event says whether it was killed."""
        overdue = threading.Event()

        def end() -> None:
            overdue.set()
            self.process.kill()

        timer = threading.Timer(_wall_seconds(file), end)
        timer.daemon = True
        timer.start()
        try:
            yield overdue
        finally:
            timer.cancel()

    def _answer(self) -> Blob | str | None:
        """Return the circuit of the next file, why it cannot be read, or ``None`` at the end."""
        answers = self.answers
        line = answers.readline()
        if not line.endswith(b"\n"):
            return None
        answer = json.loads(line)
        if "error" in answer:
            return str(answer["error"])
        data = answers.read(answer["bytes"])
        return Blob(answer["format"], data) if len(data) == answer["bytes"] else None

    def _why_ended(self, file: Path, is_overdue: bool) -> str:
        code = self.process.wait()
        if is_overdue:
            return f"takes more than {_wall_seconds(file):g} s to read. {_WAY_OUT}"
        memory, seconds = allowance(file)
        said = self.errors.read_bytes().decode("utf-8", "replace").strip()
        reason = why_ended(code, said, memory_bytes=memory, cpu_seconds=seconds, kind="OpenQASM")
        return f"{reason}. {_WAY_OUT}"


@contextmanager
def _started(files: Sequence[Path]) -> Iterator[_Child]:
    with tempfile.TemporaryDirectory(prefix="qiskit-job-manager-") as folder:
        names, errors = Path(folder) / "names", Path(folder) / "errors"
        names.write_text(json.dumps([str(file) for file in files]), encoding="utf-8")
        with errors.open("wb") as target:
            process = _start(names, target, files[0])
        with cast("IO[bytes]", process.stdout) as answers:
            try:
                yield _Child(process, answers, errors)
            finally:
                process.kill()
                process.wait()


def _start(names: Path, errors: IO[bytes], first: Path) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603  # our own module, and no shell
            child_command("qiskit_job_manager.codec.openqasm_child", names),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=child_environment(),
        )
    except OSError as error:
        raise CircuitFileError(
            f"{first}: cannot be read, as no process can be started to read it: {error.strerror}."
        ) from error


def _wall_seconds(file: Path) -> float:
    _, cpu_seconds = allowance(file)
    return _START_SECONDS + _WALL_PER_CPU_SECOND * cpu_seconds


def _decoded(file: Path, circuit: Blob) -> QuantumCircuit | CircuitFileError:
    [read] = read_experiments(circuit)
    if isinstance(read, CodecError):
        return CircuitFileError(f"{file}: {read.message}")
    return cast("QuantumCircuit", read)
