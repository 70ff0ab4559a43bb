"""What a worker process of this machine does besides its tasks: it gets ready, and dies in time."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time

ENVIRONMENT = {
    # N workers on N cores: each of them uses one.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "QISKIT_PARALLEL": "FALSE",
}
_PR_SET_PDEATHSIG = 1
_LOOK_EVERY_S = 1.0
_WARNINGS = "PYTHONWARNINGS"


def prepare(parent: int) -> None:
    """Tie this process to the one that started it, and leave Ctrl-C to that one.

    The kernel ends it, as a thread of its own gets no turn while Aer holds Python's lock.

    Args:
        parent: Id of the process that started it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it died before
        os._exit(0)


def start_quiet_tracker() -> None:
    """Start loky's process that clears up after a killed program, if there is none.

    It warns of what it clears up, on the terminal of somebody who has just killed the program.
    Only its environment can keep it from that.
    """
    from loky.backend import resource_tracker

    before = os.environ.get(_WARNINGS)
    os.environ[_WARNINGS] = ",".join(filter(None, [before, "ignore:resource_tracker"]))
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ[_WARNINGS]
        else:
            os.environ[_WARNINGS] = before


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os._exit(0)


def get_ready() -> int:
    """Import what every task needs, and return the id of this process."""
    import qiskit_job_manager.backends.qiskit_backend
    import qiskit_job_manager.codec.circuits  # noqa: F401

    with contextlib.suppress(ImportError):  # other backends do without
        import qiskit_aer  # noqa: F401
    return os.getpid()
