"""Waiting in a thread for those who may not block: coroutines."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Answer = TypeVar("_Answer")


async def awaited(
    wait: Callable[[Callable[[], bool]], object], answer: Callable[[], _Answer]
) -> _Answer:
    """Wait in a thread of its own, and return an answer from there.

    The event loop's own threads are not used: `asyncio.run` waits for them at its end, and a job
    set may take days.

    Args:
        wait: Waits for what is waited for, or until what it is given says that it is enough.
        answer: Called after that, in the same thread.
    """
    future: Future[_Answer] = Future()
    left = threading.Event()

    def work() -> None:
        try:
            wait(left.is_set)
            if not left.is_set():
                future.set_result(answer())
        except Exception as error:  # noqa: BLE001  # handed to who awaits
            with contextlib.suppress(Exception):  # nobody awaits any more
                future.set_exception(error)

    threading.Thread(target=work, name="qjm-await", daemon=True).start()
    try:
        return await asyncio.wrap_future(future)
    finally:
        left.set()
