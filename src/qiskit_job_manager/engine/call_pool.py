"""A bounded pool of daemon threads, each call under a deadline.

Providers' calls block, and some for ever. A call that passes its deadline is abandoned: its thread
is left to itself and another takes its place. The engine limits how many calls are abandoned for
each account. Daemon threads do not hold up the interpreter's exit.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from qiskit_job_manager.errors import SubmissionDeferredError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Finished:
    """A call that came back.

    Attributes:
        ticket: Number that `CallPool.start` gave.
        value: What it returned, or ``None``.
        error: What it raised, or ``None``.
    """

    ticket: int
    value: Any
    error: BaseException | None


class Calls(Protocol):
    """Runs calls for the engine, which alone uses it."""

    @property
    def free(self) -> int:
        """How many more calls can be started now."""

    @property
    def free_awaits(self) -> int:
        """How many more calls can be started now that only wait."""

    def start(self, call: Callable[[], Any], deadline_s: float, *, awaits: bool = False) -> int:
        """Start a call that is abandoned at a time on the engine's clock; return its ticket.

        Args:
            call: What to do; takes nothing.
            deadline_s: When it is abandoned.
            awaits: Whether it only waits for something, and takes no place of others.
        """

    def finished(self) -> list[Finished]:
        """Return the calls that came back since the last time, late ones too."""

    def overdue(self, now_s: float) -> list[int]:
        """Abandon the calls whose deadline has passed, and return their tickets."""

    def close(self) -> None:
        """Start nothing more."""


class CallPool:
    """Runs calls on a bounded number of threads, not counting those abandoned.

    Owned by one engine; only `on_finished` is called from other threads than the engine's.

    Args:
        size: Calls under way at once.
        awaits: Calls that only wait, at once and beside the others.
        on_finished: Called after each call that came back, to wake the engine; must not block.
    """

    def __init__(self, size: int, awaits: int, on_finished: Callable[[], None]) -> None:
        self._size = size
        self._most_awaits = awaits
        self._on_finished = on_finished
        self._finished: SimpleQueue[Finished] = SimpleQueue()
        self._work: SimpleQueue[tuple[int, Callable[[], Any]] | None] = SimpleQueue()
        self._deadlines_s: dict[int, float] = {}
        self._awaits: set[int] = set()
        self._threads = 0
        self._tickets = 0

    @property
    def free(self) -> int:
        """How many more calls can be started now."""
        return self._size - (len(self._deadlines_s) - len(self._awaits))

    @property
    def free_awaits(self) -> int:
        """How many more calls can be started now that only wait."""
        return self._most_awaits - len(self._awaits)

    def start(self, call: Callable[[], Any], deadline_s: float, *, awaits: bool = False) -> int:
        """Start a call and return its ticket.

        Where the system can start no thread, and none is there to take the call, the call ends at
        once with `SubmissionDeferredError`: nothing of it was done.

        Args:
            call: What to do; takes nothing.
            deadline_s: Time on the engine's clock after which it is abandoned.
            awaits: Whether it only waits for something, and takes no place of others.
        """
        self._tickets += 1
        self._deadlines_s[self._tickets] = deadline_s
        if awaits:
            self._awaits.add(self._tickets)
        if self._threads < len(self._deadlines_s) and (error := self._add_thread()):
            self._finished.put(Finished(self._tickets, None, error))
        else:
            self._work.put((self._tickets, call))
        return self._tickets

    def _add_thread(self) -> SubmissionDeferredError | None:
        """Start one more thread; return why there is none at all, if that is so."""
        try:
            threading.Thread(target=self._serve, name="qjm-call", daemon=True).start()
        except RuntimeError as error:  # the limit of the process or of its group is reached
            return SubmissionDeferredError(f"no thread can be started now: {error}")
        self._threads += 1
        return None

    def finished(self) -> list[Finished]:
        """Return the calls that came back since the last time, late ones too."""
        found: list[Finished] = []
        while True:
            try:
                done = self._finished.get_nowait()
            except Empty:
                return found
            if self._deadlines_s.pop(done.ticket, None) is None:
                self._threads += 1  # abandoned before; its thread is back
            self._awaits.discard(done.ticket)
            found.append(done)

    def overdue(self, now_s: float) -> list[int]:
        """Abandon the calls whose deadline has passed, and return their tickets.

        Such a call may still come back, and is then among `finished`.
        """
        late = [ticket for ticket, deadline_s in self._deadlines_s.items() if deadline_s <= now_s]
        for ticket in late:
            del self._deadlines_s[ticket]
            self._awaits.discard(ticket)
            self._threads -= 1  # its thread is lost to us until it comes back by itself
        return late

    def close(self) -> None:
        """Let idle threads end; calls under way are left to themselves."""
        for _ in range(self._threads):
            self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            ticket, call = work
            try:
                done = Finished(ticket, call(), None)
            except BaseException as error:  # noqa: BLE001  # the boundary: the engine sorts them
                done = Finished(ticket, None, error)
            self._finished.put(done)
            self._on_finished()
