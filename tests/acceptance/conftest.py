"""Scripts in processes of their own, and patience with them."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest


@pytest.fixture(scope="session")
def wait_until():
    """Ask until the answer is true, as long as a process lives; kill it if that never happens."""

    def wait_until(condition, process, within_s=300.0):
        until_s = time.monotonic() + within_s
        try:
            while not condition():
                assert time.monotonic() < until_s, "the condition did not come true"
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)  # readers that ask more often keep the writer waiting
        except BaseException:
            process.kill()
            process.communicate()
            raise

    return wait_until


@pytest.fixture
def start_script():
    """Start Python on a script with arguments; what still runs at the end is killed."""
    started = []

    def start_script(script, *said):
        process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, said)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start_script
    for process in started:
        process.kill()
        process.communicate()
