"""A TCP proxy before a server, which fails as networks and machines do."""

from __future__ import annotations

import contextlib
import socket
import threading


class _Pair:
    """One connection of a client, and the one to the server that belongs to it."""

    def __init__(self, client, server, swallows):
        self.sockets = (client, server)
        self.forwards = threading.Event()
        if not swallows:
            self.forwards.set()
        self._threads = [
            threading.Thread(target=self._forward, args=way, daemon=True)
            for way in (self.sockets, self.sockets[::-1])
        ]
        for thread in self._threads:
            thread.start()

    def _forward(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.forwards.wait()
                target.sendall(data)
        self.cut()

    def close(self):
        self.cut()
        for thread in self._threads:
            thread.join()
        for each in self.sockets:
            each.close()

    def cut(self):
        for each in self.sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self.forwards.set()


class Proxy:
    """Forwards connections to a port of this machine, until it swallows or cuts them.

    Args:
        port: That of the server.

    Attributes:
        port: Its own.
    """

    def __init__(self, port):
        self._to = port
        self._swallows = False
        self._pairs = []
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._to))
                except OSError:  # the server is down
                    client.close()
                    continue
                with self._lock:
                    self._pairs.append(_Pair(client, server, self._swallows))

    def swallow(self):
        """Take all bytes, and pass none on: no packet arrives, no connection is closed."""
        with self._lock:
            self._swallows = True
            for pair in self._pairs:
                pair.forwards.clear()

    def accept(self):
        """Forward new connections; those that it swallows stay dead, as after a fail-over."""
        with self._lock:
            self._swallows = False

    def forward(self):
        """Forward all, with what was swallowed."""
        self.accept()
        for pair in self._pairs:
            pair.forwards.set()

    def cut(self):
        """Cut all connections, and forward new ones."""
        self.accept()
        with self._lock:
            for pair in self._pairs:
                pair.cut()

    def close(self):
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._server.close()
        for pair in self._pairs:
            pair.close()
