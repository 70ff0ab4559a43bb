"""Lists the hosts that this process asks for, and refuses all but loopback."""

from __future__ import annotations

import ipaddress
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_BY_ADDRESS = ("socket.connect", "socket.sendto")


class NotLoopbackError(OSError):
    """This process asked for another host; it was not reached."""


class _Watch:
    """The one audit hook: Python can add audit hooks and never remove them.

    Attributes:
        seen: What each block that is open now has seen.
    """

    def __init__(self) -> None:
        self.seen: list[set[str]] = []
        self._installed = False
        self._lock = threading.Lock()

    def install(self) -> None:
        """Add the audit hook, once in a process."""
        with self._lock:
            if not self._installed:
                sys.addaudithook(self._heed)
                self._installed = True

    def _heed(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.seen or not event.startswith("socket."):
            return
        if event in _LOOKUPS:
            self._judge(arguments[0])
        elif event in _BY_ADDRESS and isinstance(arguments[1], tuple):
            self._judge(arguments[1][0])

    def _judge(self, host: Any) -> None:
        name = host.decode() if isinstance(host, bytes) else str(host)
        for each in self.seen:
            each.add(name)
        if host is not None and not _is_loopback(name):
            raise NotLoopbackError(f"{name} was asked for, and only loopback may be")


@contextmanager
def only_loopback() -> Iterator[set[str]]:
    """Refuse this process, in all its threads, every host but loopback.

    It works by Python's audit events and replaces nothing. It does not see other processes, or
    libraries that do not use Python's sockets.

    Yields:
        The hosts that were looked up or connected to so far, refused ones too.

    Example:
        >>> import socket
        >>> with only_loopback() as hosts:
        ...     found = socket.getaddrinfo("127.0.0.1", 80)
        >>> hosts
        {'127.0.0.1'}
    """
    _WATCH.install()
    seen: set[str] = set()
    _WATCH.seen = [*_WATCH.seen, seen]
    try:
        yield seen
    finally:
        # By identity: two blocks may have seen the same hosts.
        _WATCH.seen = [each for each in _WATCH.seen if each is not seen]


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


_WATCH = _Watch()
