"""The base class of a service that listens in this process."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from qiskit_job_manager.testing.emulator.messages import Reply, Request


class EmulatedService(ABC):
    """A service that listens on loopback while the ``with`` block lasts."""

    def __init__(self) -> None:
        self._ending = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    @abstractmethod
    def address(self) -> str:
        """Host and port."""

    @abstractmethod
    def close(self) -> None:
        """End it, and every connection; harmless when it has ended."""

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Answer a request; called by the server, on a thread for each connection."""

    @abstractmethod
    def note_sent(self, job_id: str, bytes_sent: int, *, complete: bool) -> None:
        """Record how much of a result has left; called by the server."""

    def ends_within(self, seconds: float) -> bool:
        """Wait, and return whether the service ended meanwhile."""
        return self._ending.wait(seconds) if seconds > 0 else self._ending.is_set()
