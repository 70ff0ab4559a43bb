"""Calls back when something is over, from a thread that waits for it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_Subject = TypeVar("_Subject")


class Callbacks(Generic[_Subject]):
    """Callables to be called once, with one thread that waits for all of them.

    Args:
        subject: What they are called with.
        wait: Returns when it is time, or raises if that will not be.
    """

    def __init__(self, subject: _Subject, wait: Callable[[], object]) -> None:
        self._subject = subject
        self._wait = wait
        self._waiting: list[Callable[[_Subject], object]] = []
        self._lock = threading.Lock()

    def add(self, callback: Callable[[_Subject], object]) -> None:
        """Call something when it is time."""
        with self._lock:
            self._waiting.append(callback)
            is_first = len(self._waiting) == 1
        if is_first:
            # A daemon: what nobody waits for any more must not hold up the interpreter's exit.
            threading.Thread(target=self._run, name="qjm-callbacks", daemon=True).start()

    def _run(self) -> None:
        try:
            self._wait()
        except Exception as error:  # noqa: BLE001  # nobody else hears of it
            words = "%d callbacks are not called, as waiting failed: %s"
            said = {"event": "not called back"}
            logger.warning(words, len(self._take()), error, extra=said)
            return
        for callback in self._take():
            self._call(callback)

    def _call(self, callback: Callable[[_Subject], object]) -> None:
        try:
            callback(self._subject)
        except Exception:
            said = {"event": "callback failed"}
            logger.exception("the callback %r of %r failed", callback, self._subject, extra=said)

    def _take(self) -> list[Callable[[_Subject], object]]:
        with self._lock:
            taken, self._waiting = self._waiting, []
            return taken
