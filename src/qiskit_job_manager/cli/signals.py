"""Being told to stop, by SIGTERM or by Ctrl-C."""

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
    """Waits that SIGTERM and SIGINT end, while the ``with`` block lasts; for the main thread.

    Nothing is interrupted by the first signal. The second one does what it did before.

    A pipe and no `threading.Event`: a handler runs in the midst of the main thread, which may be
    holding the event's lock.
    """

    def __enter__(self) -> Self:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._before: dict[int, Any] = {each: signal.signal(each, self._told) for each in _STOP}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()
        os.close(self._reading)
        os.close(self._writing)

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until a signal came; say whether one did, now or earlier."""
        readable, _, _ = select.select([self._reading], [], [], seconds)
        return bool(readable)

    def _told(self, _number: int, _frame: FrameType | None) -> None:
        self._restore()
        with suppress(BlockingIOError):
            os.write(self._writing, b".")

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
