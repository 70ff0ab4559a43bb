"""A helper process that simulates beside this one.

A simulator holds Python's lock nearly all the time, so one process simulates on one core. If jobs
wait, the helper takes every other one: it opens the same backend by its URI, and returns each
result encoded, as it is stored. It also takes jobs that are simulated for seconds or minutes in one
call: in this process no other thread would run meanwhile, so nothing would be stored or shown.

Nothing depends on the helper. This process runs what the helper declines, fails at, or dies with. A
helper that died is not replaced, unless it was killed because a job was cancelled. There is at most
one helper, and a second one if long jobs wait. A helper ends after it was idle for a while.

The two processes exchange messages on a pipe:

    two lengths of 4 and 8 bytes, JSON, bytes

Nothing that is read is executed; a malformed message raises `ValueError`.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import struct
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit.providers import JobStatus

from qiskit_job_manager.model import RawResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import IO, BinaryIO

    from qiskit_job_manager.model import Blob


_MODULE = "qiskit_job_manager.backends.local.helper_process"

READY_WITHIN_S = 60.0
"""Starting takes a second or two; after so much longer the process hangs."""


class HelperError(Exception):
    """The helper has no result for a job; this process then runs the job."""


class HelpedJob:
    """A job of the helper, with the methods of Qiskit's jobs that are needed to follow it.

    Args:
        payload: The circuits, in case this process has to run them.
        options: The run options of the job.
        future: Its result, or a `HelperError`.
        cancel: Makes the helper drop the job.
    """

    def __init__(
        self,
        payload: Blob,
        options: Mapping[str, Any],
        future: Future[RawResult],
        cancel: Callable[[], None] = lambda: None,
    ) -> None:
        self.payload = payload
        self.options = options
        self._future = future
        self._cancel = cancel

    def job_id(self) -> str:
        """Return no id: the tag is used."""
        return ""

    def status(self) -> JobStatus:
        """Return whether it has ended."""
        if self._future.cancelled():
            return JobStatus.CANCELLED
        return JobStatus.DONE if self._future.done() else JobStatus.RUNNING

    def raw_result(self) -> RawResult:
        """Return its encoded result, and wait for it.

        Raises:
            HelperError: This process has to run the job.
        """
        return self._future.result()

    def cancel(self) -> None:
        """Cancel a long job at once; other jobs end soon by themselves."""
        self._cancel()


@dataclass(slots=True)
class _Given:
    """A job without an answer from the helper, and whether it was sent to its process."""

    head: dict[str, Any]
    data: bytes
    future: Future[RawResult]
    long: bool
    sent: bool = False


class Helper:
    """The helper process: started when it is first needed, and not again after it died.

    Use `the_helper`: one serves all backends of this process, and `the_second_helper` the long jobs
    that would wait for it. Safe to use from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._given: dict[int, _Given] = {}
        self._n_given = 0
        self._is_ready = False
        self._has_failed = False
        self._has_stopped = False
        self._was_killed = False
        self._lifeline = -1

    @property
    def backlog(self) -> int:
        """The number of jobs without an answer."""
        return len(self._given)

    @property
    def is_ready(self) -> bool:
        """Whether it can begin a job now; never in a forked process."""
        return self._is_ready and os.getpid() == self._pid

    @property
    def is_usable(self) -> bool:
        """Whether it runs, or can be started."""
        return not self._has_failed and os.getpid() == self._pid

    @property
    def has_long(self) -> bool:
        """Whether it has a long job, for which another job would wait."""
        return any(given.long for given in tuple(self._given.values()))

    def start(self) -> None:
        """Start the process, unless it runs or has failed before; it is ready a second later."""
        if not self.is_usable:  # in a process that was forked, the lock may be held for ever
            return
        with self._lock:
            if not self._has_failed and self._process is None:
                self._start()

    def run(
        self, uri: str, payload: Blob, options: Mapping[str, Any], *, long: bool = False
    ) -> HelpedJob:
        """Give it a job. The job begins when the process is ready and has ended its other jobs.

        Args:
            uri: How it opens the backend.
            payload: The encoded circuits.
            options: Run options, plain JSON values.
            long: Whether it takes long. Such a job of any width runs alone, and can be cancelled.
        """
        future: Future[RawResult] = Future()
        with self._lock:
            self._n_given += 1
            number = self._n_given
            head = {
                "number": number,
                "uri": uri,
                "options": dict(options),
                "format": payload.format,
                "long": long,
            }
            self._given[number] = _Given(head, payload.data, future, long)
            self.start()
            if self._process is None:
                self._give_back()
            self._send()
        return HelpedJob(payload, options, future, lambda: self._leave(number))

    def stop(self) -> None:
        """End the process for good; its jobs get no answer, so that nothing else begins them."""
        # Not under the lock: a thread that writes to a busy process may hold it for long.
        self._has_failed = self._has_stopped = True
        process = self._process
        if process is not None and os.getpid() == self._pid:
            process.kill()
            process.wait()

    def _leave(self, number: int) -> None:
        """Drop a long job that was cancelled; the process that simulates it can only be killed."""
        with self._lock:
            given = self._given.get(number)
            if given is None or not given.long:
                return
            del self._given[number]
            given.future.cancel()
            if given.sent and self._process is not None:
                self._was_killed = True
                self._process.kill()

    def _start(self) -> None:
        try:
            self._process, self._lifeline = _started()
        except OSError:
            self._has_failed = True
            return
        self._was_killed = False
        reader = threading.Thread(target=self._read, args=(self._process,), name="qjm-helper")
        reader.daemon = True
        reader.start()

    def _send(self) -> None:
        """Send the jobs that the process may have now; none before a long job has ended."""
        process = self._process
        if not self._is_ready or process is None or process.stdin is None:
            return
        for given in self._given.values():
            if not given.sent:
                given.sent = True
                try:
                    write_frame(process.stdin, given.head, given.data)
                except (OSError, ValueError):
                    return  # it has ended, which the reading thread will see
            if given.long:
                return

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        """Read answers until the pipe ends; this runs on a thread of its own."""
        output = process.stdout
        try:
            if output is None or not select.select([output], [], [], READY_WITHIN_S)[0]:
                process.kill()
            while output is not None and (frame := read_frame(output)) is not None:
                self._take(*frame)
        except (OSError, ValueError):
            process.kill()
        self._end(process)

    def _take(self, head: Mapping[str, Any], data: bytes) -> None:
        with self._lock:
            if "number" in head:
                self._answer(head["number"], _meant(head, data))
            else:
                self._is_ready = True
            self._send()

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Start another process, unless this one died by itself."""
        code = process.wait()
        with self._lock:
            well = self._was_killed or (code == 0 and self._is_ready)
            self._is_ready = False
            self._process = None
            self._has_failed = self._has_failed or not well
            for pipe in (process.stdin, process.stdout):
                _close(pipe)
            os.close(self._lifeline)
            for given in self._given.values():
                given.sent = False
            if self._given:
                self.start()
            if self._process is None and not self._has_stopped:
                self._give_back()

    def _give_back(self) -> None:
        for number in list(self._given):
            self._answer(number, HelperError("it has ended"))

    def _answer(self, number: int, answer: RawResult | HelperError) -> None:
        given = self._given.pop(number, None)
        if given is None:
            return
        if isinstance(answer, RawResult):
            given.future.set_result(answer)
        else:
            given.future.set_exception(answer)


def _meant(head: Mapping[str, Any], data: bytes) -> RawResult | HelperError:
    if "format" in head:
        return RawResult(head["format"], data)
    return HelperError(str(head.get("declined")))


def _started() -> tuple[subprocess.Popen[bytes], int]:
    """Return the process, and the end of a pipe; the process ends when that is closed."""
    if not sys.executable:
        raise FileNotFoundError("this Python does not know its own program")
    # As for the sandbox: -P, and the modules that are found here are found there.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    its_end, lifeline = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-P", "-m", _MODULE, str(its_end)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            pass_fds=[its_end],
            # Ctrl-C is for this process, which ends the helper if it ends itself.
            start_new_session=True,
        )
    except OSError:
        os.close(lifeline)
        raise
    finally:
        os.close(its_end)
    return process, lifeline


def _close(pipe: BinaryIO | Any) -> None:
    try:
        pipe.close()
    except OSError:  # what stood in its buffer for a process that is gone
        return


the_helper = Helper()
the_second_helper = Helper()
atexit.register(the_helper.stop)
atexit.register(the_second_helper.stop)


_LENGTHS = struct.Struct("!IQ")


def write_frame(pipe: IO[bytes], head: Mapping[str, Any], data: bytes = b"") -> None:
    """Write one message, and flush the pipe."""
    text = json.dumps(head).encode()
    pipe.write(_LENGTHS.pack(len(text), len(data)) + text)
    pipe.write(data)
    pipe.flush()


def read_frame(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """Read one message, or ``None`` at the end of the pipe.

    Raises:
        ValueError: It was cut short, or is no message.
    """
    start = pipe.read(_LENGTHS.size)
    if not start:
        return None
    try:
        n_text, n_data = _LENGTHS.unpack(start)
    except struct.error as error:
        raise ValueError("a message was cut short") from error
    text, data = pipe.read(n_text), pipe.read(n_data)
    if len(data) != n_data:
        raise ValueError("a message was cut short")
    return dict(json.loads(text)), data
