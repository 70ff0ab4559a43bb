"""Waiting that SIGTERM or Ctrl-C ends."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import FrameType

_STOP = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """Lets SIGTERM and SIGINT end `wait` while the ``with`` block lasts; for the main thread.

    The first signal interrupts nothing. The second signal acts as it did before the block.

    It uses a pipe, not a `threading.Event`: the handler runs in the main thread, which may hold the
    lock of the event at that moment.
    """

    def __enter__(self) -> Self:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._before: dict[int, Any] = {
            each: signal.signal(each, self._on_signal) for each in _STOP
        }
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()
        os.close(self._reading)
        os.close(self._writing)

    def wait(self, seconds: float) -> bool:
        """Wait for a time or a signal, and return whether a signal came, now or earlier."""
        readable, _, _ = select.select([self._reading], [], [], seconds)
        return bool(readable)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._restore()
        with suppress(BlockingIOError):
            os.write(self._writing, b".")

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
