"""Boundaries: the instants before and after each call of a port. A test can act at each of them."""

from __future__ import annotations

import functools

from qiskit_job_manager.engine import Spool

STORE_WRITES = ("claim", "advance", "finish_request", "renew", "release")
STORE_CALLS = (
    *STORE_WRITES,
    *("requests", "jobs", "job_set", "payload", "result", "attempts", "experiments"),
)
BACKEND_CALLS = ("submit", "find", "statuses", "fetch", "cancel", "error_message")
SPOOL_CALLS = ("keep", "take", "forget", "keep_error", "was_begun", "wait_until_served")


class Crash(BaseException):  # not an error that anybody may handle
    """The process dies here. No `except Exception` may stop it, as none stops kill -9."""


class Gate:
    """Counts boundaries, and calls a function at each.

    Args:
        happen: Called at each boundary with its number, from 1, and its name; may raise.
    """

    def __init__(self, happen=None):
        self.names = []
        self.happen = happen

    @property
    def count(self):
        return len(self.names)

    def cross(self, name):
        self.names.append(name)
        if self.happen is not None:
            self.happen(self.count, name)


def crash_at(number):
    """Return a function for a gate that crashes once, at one boundary."""

    def happen(count, name):
        if count == number:
            raise Crash(name)

    return happen


def gated(call, name, gate):
    """Return a call with a boundary before and one after it."""

    @functools.wraps(call)
    def crossing(*args, **kwargs):
        gate.cross(f"before {name}")
        answer = call(*args, **kwargs)
        gate.cross(f"after {name}")
        return answer

    return crossing


class Gated:
    """A port whose named calls cross a gate."""

    def __init__(self, inner, calls, gate):
        self._inner = inner
        for name in calls:
            if hasattr(inner, name):
                setattr(self, name, gated(getattr(inner, name), name, gate))

    def __getattr__(self, name):
        return getattr(self._inner, name)


def gated_spool(folder, gate):
    """Return a spool whose calls cross a gate."""
    return Gated(Spool(folder), SPOOL_CALLS, gate)
