"""The sockets of a service: reads requests, and sends each reply in its manner."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.testing.emulator.messages import Manner, Reply, Request
from qiskit_job_manager.testing.emulator.refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qiskit_job_manager.testing.emulator.service import EmulatedService

MOST_BYTES = 256 << 20
_PIECE_BYTES = 1 << 16
_LINGER_NOT = struct.pack("ii", 1, 0)


class EmulatorServer(ThreadingHTTPServer):
    """Listens on loopback from the start, with a daemon thread for each connection.

    Args:
        service: Answers the requests.
        port: Where to listen; 0: any free port.
    """

    request_queue_size = 128

    def __init__(self, service: EmulatedService, port: int) -> None:
        self.service = service
        self._open: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        self._stopping = False
        super().__init__(_here(port), ConnectionHandler)
        self._thread = threading.Thread(target=self._serve, name="emulator", daemon=True)
        self._thread.start()

    def stop(self) -> list[threading.Thread]:
        """Close the port and all connections but the caller's; return their threads."""
        self._stopping = True
        with contextlib.suppress(OSError), socket.create_connection(_here(self.server_port)):
            pass  # wakes the thread that waits for connections
        self._thread.join()
        self.server_close()
        return self._hang_up()

    def _serve(self) -> None:
        while not self._stopping:
            self.handle_request()

    def server_bind(self) -> None:
        """Bind without a name look-up, which the base class would make."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection on a thread of its own, known to `stop` before it starts."""
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        with self._lock:
            self._open[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                del self._open[threading.current_thread()]

    def _hang_up(self) -> list[threading.Thread]:
        with self._lock:
            others = [
                (thread, connection)
                for thread, connection in self._open.items()
                if thread is not threading.current_thread()
            ]
            for _, connection in others:
                _shut_down(connection)
        return [thread for thread, _ in others]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that went away, and print any other error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class ConnectionHandler(BaseHTTPRequestHandler):
    """Serves one connection, which may bring several requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: EmulatorServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's name
        """Write no log."""

    def do_GET(self) -> None:
        """Serve a request."""
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  # the base's names

    def _serve(self) -> None:
        try:
            request = Request(self.command, self.path, self._body(), self._token())
        except RefusedError as refusal:
            self.close_connection = True
            reply = Reply.refusing(refusal)
        else:
            reply = self.server.service.answer(request)
        sent = self._send(reply)
        if reply.result_of is not None:
            sent = sent if reply.has_result else 0
            complete = reply.has_result and sent == len(reply.body)
            self.server.service.note_sent(reply.result_of, sent, complete=complete)

    def _body(self) -> bytes:
        said = self.headers.get("Content-Length", "0")
        if not (said.isascii() and said.isdigit()):
            raise RefusedError(400, "bad_length", f"Content-Length is {said!r}")
        if int(said) > MOST_BYTES:
            raise RefusedError(413, "too_large", f"a body may have {MOST_BYTES} bytes")
        return self.rfile.read(int(said))

    def _token(self) -> str | None:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        return token if kind == "Bearer" else None

    # -- the manners ------------------------------------------------------------------------------

    def _send(self, reply: Reply) -> int:
        """Send a reply; return how many bytes of its body went."""
        if reply.manner is not Manner.WHOLE:
            self.close_connection = True
        match reply.manner:
            case Manner.RESET:
                _reset(self.connection)
                return 0
            case Manner.CLOSE:
                return 0
        try:
            self._send_head(reply)
        except OSError:
            self.close_connection = True
            return 0
        match reply.manner:
            case Manner.HALF:
                return self._send_pieces([reply.body[: len(reply.body) // 2]])
            case Manner.DRIP:
                return self._drip(reply)
        return self._send_pieces(_pieces(reply.body))

    def _send_head(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _drip(self, reply: Reply) -> int:
        ends_within = self.server.service.ends_within
        single_bytes = (reply.body[place : place + 1] for place in range(len(reply.body)))
        return self._send_pieces(each for each in single_bytes if not ends_within(reply.drip_s))

    def _send_pieces(self, pieces: Iterable[bytes]) -> int:
        sent = 0
        try:
            for piece in pieces:
                self.wfile.write(piece)
                sent += len(piece)
        except OSError:  # the client went away
            self.close_connection = True
        return sent


def _here(port: int) -> tuple[str, int]:
    return ("127.0.0.1", port)


def _pieces(body: bytes) -> Iterator[bytes]:
    """Cut a body, so that the ledger shows how much was sent when a client went away."""
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]


def _reset(connection: socket.socket) -> None:
    """Close a connection with RST: it must neither linger nor be shut down before."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    os.close(connection.detach())


def _shut_down(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may have ended just now
        connection.shutdown(socket.SHUT_RDWR)
