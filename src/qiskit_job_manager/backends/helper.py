"""A second process that simulates beside this one.

A simulator keeps Python's lock nearly all the time, so that one process simulates on one core,
whatever else it has to do. Where jobs wait, a helper takes every other one: it opens the same
backend by its URI, and gives back each result encoded, as it goes into the store.

Nothing depends on it. What it declines, fails at, or dies with is run in this process, which alone
says what becomes of a job; and a helper that died is not replaced. There is at most one, it ends
when it has had nothing to do for a while, and its death with this process costs nothing, as local
jobs die with their process anyway.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from qiskit.providers import JobStatus

from qiskit_job_manager.backends.frames import read_frame, write_frame
from qiskit_job_manager.model import RawResult

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from qiskit_job_manager.model import Blob

_MODULE = "qiskit_job_manager.backends.helper_process"


class HelperError(Exception):
    """The helper has no result for a job; why does not matter, as it is run here then."""


class HelpedJob:
    """A job at the helper, with as much of Qiskit's job as is needed to follow it.

    Args:
        payload: What to run, should the helper not do it.
        options: The run options of the job.
        future: Its result, or a `HelperError`.
    """

    def __init__(
        self, payload: Blob, options: Mapping[str, Any], future: Future[RawResult]
    ) -> None:
        self.payload = payload
        self.options = options
        self._future = future

    def job_id(self) -> str:
        """Return no id: the tag serves."""
        return ""

    def status(self) -> JobStatus:
        """Say whether it has ended, in whatever way."""
        return JobStatus.DONE if self._future.done() else JobStatus.RUNNING

    def raw_result(self) -> RawResult:
        """Return its encoded result, and wait for it.

        Raises:
            HelperError: It is to be run here.
        """
        return self._future.result()

    def cancel(self) -> None:
        """Do nothing: it is run at once, and not for long."""


class Helper:
    """The helper process: started when it is first wanted, and not again once it died.

    Use `the_helper`: one serves all backends of this process. Safe to use from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._given: dict[int, Future[RawResult]] = {}
        self._n_given = 0
        self._is_ready = False
        self._has_failed = False

    @property
    def backlog(self) -> int:
        """How many jobs it has that it has not answered for."""
        return len(self._given)

    @property
    def is_ready(self) -> bool:
        """Whether it can begin a job now; a process that was forked has no part in it."""
        return self._is_ready and os.getpid() == self._pid

    def start(self) -> None:
        """Start the process, unless it runs or has failed before; it is ready a second later."""
        if self._has_failed or os.getpid() != self._pid:
            return
        with self._lock:
            if self._process is not None:
                return
            try:
                process = _started()
            except OSError:
                self._has_failed = True
                return
            self._process = process
        reader = threading.Thread(target=self._read, args=(process,), name="qjm-helper")
        reader.daemon = True
        reader.start()

    def run(self, uri: str, payload: Blob, options: Mapping[str, Any]) -> HelpedJob:
        """Give it a job; the helper must be ready.

        Args:
            uri: How it opens the backend.
            payload: The encoded circuits.
            options: Run options, plain JSON values.
        """
        future: Future[RawResult] = Future()
        with self._lock:
            self._n_given += 1
            number = self._n_given
            self._given[number] = future
            process = self._process
            try:
                if process is None or process.stdin is None:
                    raise BrokenPipeError
                head = {
                    "number": number,
                    "uri": uri,
                    "options": dict(options),
                    "format": payload.format,
                }
                write_frame(process.stdin, head, payload.data)
            except (OSError, ValueError):
                self._answer(number, HelperError("it is gone"))
        return HelpedJob(payload, options, future)

    def stop(self) -> None:
        """End the process; what it has is run here."""
        self._has_failed = True
        process = self._process
        if process is not None and os.getpid() == self._pid:
            process.kill()
            process.wait()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        """Take answers until there are no more; what a thread of its own does."""
        output = process.stdout
        try:
            while output is not None and (frame := read_frame(output)) is not None:
                head, data = frame
                if "number" in head:
                    self._answer(head["number"], _meant(head, data))
                else:
                    self._is_ready = True
        except (OSError, ValueError):
            process.kill()
        self._end(process)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        self._is_ready = False
        code = process.wait()
        with self._lock:
            self._process = None
            self._has_failed = self._has_failed or code != 0
            for pipe in (process.stdin, process.stdout):
                _close(pipe)
            for number in list(self._given):
                self._answer(number, HelperError("it has ended"))

    def _answer(self, number: int, answer: RawResult | HelperError) -> None:
        future = self._given.pop(number, None)
        if future is None:
            return
        if isinstance(answer, RawResult):
            future.set_result(answer)
        else:
            future.set_exception(answer)


def _meant(head: Mapping[str, Any], data: bytes) -> RawResult | HelperError:
    if "format" in head:
        return RawResult(head["format"], data)
    return HelperError(str(head.get("declined")))


def _started() -> subprocess.Popen[bytes]:
    if not sys.executable:
        raise FileNotFoundError("this Python does not know its own program")
    # As for the sandbox: -P, and the modules that are found here are found there.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(  # noqa: S603  # our own interpreter and module; nothing is a shell's
        [sys.executable, "-P", "-m", _MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        # Ctrl-C is for this process, which ends the helper if it ends itself.
        start_new_session=True,
    )


def _close(pipe: BinaryIO | Any) -> None:
    try:
        pipe.close()
    except OSError:  # what stood in its buffer for a process that is gone
        return


the_helper = Helper()
atexit.register(the_helper.stop)
