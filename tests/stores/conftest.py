"""The databases that the contract is proved on."""

from __future__ import annotations

import os
import signal
import traceback
import warnings

import pytest


@pytest.fixture
def url(postgresql_url):
    return postgresql_url


class Child:
    """A forked process that can be killed, and can send one word."""

    def __init__(self, work):
        self._read, write = os.pipe()
        with warnings.catch_warnings():
            # Python warns of forks beside threads; what runs in the child takes no lock of theirs.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            self._work(work, write)
        os.close(write)
        self._status = None

    @staticmethod
    def _work(work, write):
        try:
            work(lambda word: os.write(write, word.encode()))
        except BaseException:  # noqa: BLE001  # the child ends here, whatever happened
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def word(self):
        """Wait for the word of the child; empty when it died without one."""
        return os.read(self._read, 1000).decode()

    def kill(self):
        """Kill it, harmless when it has ended; return the exit code."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self):
        """Return the exit code; negative: the signal that ended it."""
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self._read)
        return self._status


@pytest.fixture
def fork():
    """Start ``work(say)`` in a forked process, killed at the end at the latest."""
    children = []

    def start(work):
        children.append(Child(work))
        return children[-1]

    yield start
    for child in children:
        child.kill()
