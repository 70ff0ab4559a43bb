"""Records the calls of a store: when each began and ended, with what it was asked and answered.

Each process appends to a file of its own. A call that has no end in the file is unknown: its
process died, and nobody knows whether the store did it. Times are of the machine's monotonic clock,
which all its processes share.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUFFIX = ".history"


@dataclass(frozen=True)
class Recorded:
    """One call.

    Attributes:
        name: The method of the store.
        asked: What the checker needs of its arguments.
        begun_ns: When it began.
        ended_ns: When it ended; ``None``: never, as its process died.
        answer: What the checker needs of its answer; ``None`` too when it raised.
        error: The name of the exception that it raised, or ``None``.
    """

    name: str
    asked: dict[str, Any]
    begun_ns: int
    ended_ns: int | None = None
    answer: Any = None
    error: str | None = None


def _token(token):
    return [token.job_set_key, token.owner, token.fence]


def _step(step):
    return {
        "job": step.job_key,
        "expected": str(step.expected),
        "after": str(step.after),
        "new_tag": step.new_tag,
        "remote_id": step.remote_id,
    }


def _jobs(jobs):
    return [[job.key, str(job.state), job.tag, job.remote_id] for job in jobs]


def _with_token(token, *_, **__):
    return {"set": token.job_set_key, "token": _token(token)}


def _of_set(job_set_key, *_, **__):
    return {"set": job_set_key}


# Of each call: what is kept of its arguments, and of its answer.
CALLS = {
    "create_job_set": (
        lambda draft, owner, *_, **__: {"set": None, "owner": owner},
        lambda made: _token(made[1]),
    ),
    "add_blocks": (_with_token, lambda _: None),
    "complete_job_set": (_with_token, lambda _: None),
    "delete_job_set": (_with_token, lambda _: None),
    "claim": (
        lambda job_set_key, owner: {"set": job_set_key, "owner": owner},
        lambda token: None if token is None else _token(token),
    ),
    "renew": (_with_token, bool),
    "release": (_with_token, lambda _: None),
    "advance": (
        lambda token, steps, releases=False: (
            _with_token(token) | {"steps": [_step(each) for each in steps], "releases": releases}
        ),
        list,
    ),
    "finish_request": (_with_token, bool),
    "append_event": (_with_token, bool),
    "store_usage": (_with_token, bool),
    "jobs": (_of_set, _jobs),
    "driver": (_of_set, lambda owner: owner),
}


class Recorder:
    """Appends calls to a file. Safe to use from any thread, and after a fork.

    Args:
        path: The file; its process has it alone.
    """

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._numbers = itertools.count()
        self._inside = threading.local()

    def watch(self, kind):
        """Record the calls of all stores of a class from now on."""
        for name in CALLS:
            setattr(kind, name, self._recorded_method(name, getattr(kind, name)))

    def _recorded_method(self, name, method):
        @functools.wraps(method)
        def recording(store, *args, **kwargs):
            return self.record(name, functools.partial(method, store), *args, **kwargs)

        return recording

    def record(self, name, call, *args, **kwargs):
        """Make a call of a store and record it, but for one that is made inside another."""
        if getattr(self._inside, "a_call", False):
            return call(*args, **kwargs)
        self._inside.a_call = True
        number = next(self._numbers)
        asked, answered = CALLS[name]
        self._write([number, name, asked(*args, **kwargs), time.monotonic_ns()])
        try:
            answer = call(*args, **kwargs)
        except Exception as error:
            self._write([number, None, type(error).__name__, time.monotonic_ns()])
            raise
        else:
            self._write([number, answered(answer), None, time.monotonic_ns()])
            return answer
        finally:
            self._inside.a_call = False

    def _write(self, line):
        os.write(self._file, json.dumps(line).encode() + b"\n")


class Watched:
    """A store whose calls are recorded, and the same in all else."""

    def __init__(self, store, recorder):
        self._store = store
        for name in CALLS:
            call = functools.partial(recorder.record, name, getattr(store, name))
            setattr(self, name, call)

    def __getattr__(self, name):
        return getattr(self._store, name)


def read_histories(folder):
    """Return the calls that all processes recorded in a folder, in the order of their begin."""
    calls = [call for path in Path(folder).glob(f"*{SUFFIX}") for call in _read(path)]
    return sorted(calls, key=lambda call: call.begun_ns)


def _read(path):
    begun = {}
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    for line in whole.splitlines():
        number, *rest = json.loads(line)
        if number not in begun:
            name, asked, begun_ns = rest
            begun[number] = Recorded(name, asked, begun_ns)
        else:
            answer, error, ended_ns = rest
            call = begun[number]
            asked = call.asked
            if call.name == "create_job_set" and error is None:
                asked = {**asked, "set": answer[0]}  # only now has it a key
            begun[number] = Recorded(call.name, asked, call.begun_ns, ended_ns, answer, error)
    return [call for call in begun.values() if call.asked["set"] is not None]
