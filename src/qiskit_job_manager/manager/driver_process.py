"""This process as a driver: by what name the store knows it, and when its engines stop.

They stop when the interpreter begins to exit, while threads still run. `atexit` is too late: before
it, the interpreter waits for the threads of every `concurrent.futures` executor, on which local
simulators run their jobs, and refuses new work there. The hook that `concurrent.futures` itself
uses runs functions before that wait, the latest first. It is not public; where it is missing,
`atexit` serves, and the exit may take longer.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401  # registers its own hook, which must come before ours
import os
import platform
import threading
import uuid
import weakref
from typing import TYPE_CHECKING, Protocol

from qiskit_job_manager.foreign_text import clean

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


def new_owner(now: datetime) -> str:
    """Return a unique name for a driver, which says who it is: see `views.phrases.driver`."""
    machine = "-".join(clean(platform.node()).split()) or "this machine"
    return f"{uuid.uuid4().hex} {os.getpid()} {machine} {now:%Y-%m-%dT%H:%M:%SZ}"


class Stoppable(Protocol):
    """Something that can be stopped."""

    def stop(self) -> None:
        """Stop; a second call does nothing."""


_to_stop: weakref.WeakSet[Stoppable] = weakref.WeakSet()


def stop_at_exit(engine: Stoppable) -> None:
    """Stop an engine when the interpreter exits, if the engine still exists then."""
    _to_stop.add(engine)


def _stop_all() -> None:
    for engine in list(_to_stop):
        engine.stop()


_register: Callable[[Callable[[], None]], object] = getattr(
    threading, "_register_atexit", atexit.register
)
_register(_stop_all)
