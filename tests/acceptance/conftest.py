"""Patience with processes."""

from __future__ import annotations

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
