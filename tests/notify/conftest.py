"""A service on loopback that Apprise reaches over HTTP, and that may hang or refuse."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("apprise", reason="the extra notify is not installed")

SECRET = "T0pS3cretT0kenOfTheHook"


class Service:
    """What was told, and how the service answers.

    Attributes:
        told: What it took: titles and bodies.
        came: How many requests came, those that it refused or let hang included.
        answers: ``"takes"``, ``"refuses"`` or ``"hangs"``.
    """

    def __init__(self):
        self.told = []
        self.came = 0
        self.answers = "takes"
        self.goes_on = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.came += 1
                if service.answers == "hangs":
                    service.goes_on.wait(120)
                    return
                if service.answers == "takes":
                    service.told.append(json.loads(body))
                self.send_response(200 if service.answers == "takes" else 403)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"json://127.0.0.1:{self._server.server_port}/{SECRET}?rto=60"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def titles(self):
        return [each["title"] for each in self.told]

    def close(self):
        self.goes_on.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service():
    service = Service()
    yield service
    service.close()


@pytest.fixture(scope="session")
def secret():
    return SECRET


@pytest.fixture
def circuit():
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, name="one")
    circuit.measure_all()
    return circuit
