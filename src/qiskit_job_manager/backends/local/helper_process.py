"""The helper process: simulates the jobs that it is given, one after the other.

python -m qiskit_job_manager.backends.local.helper_process DESCRIPTOR
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import threading
import warnings
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.local.helper import read_frame, write_frame

if TYPE_CHECKING:
    from typing import BinaryIO

    from qiskit_job_manager.backends.qiskit_backend import QiskitBackend

IDLE_S = 10.0

_Frame = tuple[dict[str, Any], bytes]


def main() -> None:
    """Answer jobs from standard input on standard output until there are no more."""
    _die_with(int(sys.argv[1]))
    # Anything that prints must not print between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    from qiskit_aer import AerSimulator  # noqa: F401  # now, so as to be ready when it is said

    jobs: SimpleQueue[_Frame] = SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, jobs), daemon=True).start()
    write_frame(answers, {"ready": True})
    while True:
        try:
            head, data = jobs.get(timeout=IDLE_S)
        except Empty:
            return
        write_frame(answers, *_answer(head, data))


def _die_with(lifeline: int) -> None:
    """Let the kernel end this process when the other end of a pipe is closed.

    A thread cannot do it: no thread runs while Aer simulates, perhaps for minutes.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGIO})
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # it was closed before
        os._exit(0)


def _read(pipe: BinaryIO, jobs: SimpleQueue[_Frame]) -> None:
    """Read jobs; at the end of the pipe end the process, as no answer is awaited any more."""
    while (frame := read_frame(pipe)) is not None:
        jobs.put(frame)
    os._exit(0)


def _answer(head: dict[str, Any], data: bytes) -> _Frame:
    try:
        backend = _opened(head["uri"])
        result = _run(backend, head, data)
    except Exception as error:  # noqa: BLE001  # the other process runs it, and sees for itself
        return {"number": head["number"], "declined": f"{type(error).__name__}: {error}"}, b""
    return {"number": head["number"], "format": result.format}, result.data


def _run(backend: QiskitBackend, head: dict[str, Any], data: bytes) -> Any:
    from qiskit_job_manager.backends.job_results import result_in_answer
    from qiskit_job_manager.backends.local.simulation_time import NARROW, width
    from qiskit_job_manager.codec.circuits import unpack
    from qiskit_job_manager.codec.results import encode_result
    from qiskit_job_manager.model import Blob

    circuits = unpack(Blob(head["format"], data))
    # Two wide ones at once could take more memory than one may, and above 13 qubits Aer itself
    # begins to use all cores. A long job is left to this process, which does not do two at once.
    if not head["long"] and any(width(circuit) > NARROW for circuit in circuits):
        raise ValueError("it is too wide")
    job = backend.qiskit_backend.run(circuits, **head["options"])
    return encode_result(result_in_answer(job.result(), "the result"))


@lru_cache(maxsize=4)
def _opened(uri: str) -> QiskitBackend:
    from qiskit_job_manager.backends.qiskit_backend import QiskitBackend
    from qiskit_job_manager.backends.registry import open_backend

    backend = open_backend(uri)
    if not isinstance(backend, QiskitBackend):
        raise TypeError(uri)
    return backend


if __name__ == "__main__":
    main()
