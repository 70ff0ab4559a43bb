# /// script
# dependencies = ["qiskit-ionq"]
# ///
"""IonQ's client, over a service on loopback."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector
from qiskit_ionq import IonQProvider

PACKAGES = ("qiskit-ionq",)


class Service(BaseHTTPRequestHandler):
    """As much of IonQ's API v0.4 as the client uses for circuits of X gates."""

    jobs: ClassVar[dict[str, dict]] = {}
    results: ClassVar[dict[str, object]] = {}

    def do_POST(self):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if said["shots"] > 10_000:
            self.answer(400, {"statusCode": 400, "message": "shots: at most 10000"})
            return
        if said["type"] == "ionq.qasm3.v1":
            self.answer(400, {"statusCode": 400, "message": "OpenQASM 3 is not simulated here"})
            return
        name = f"job-{len(self.jobs)}"
        inner = said["input"]
        many = inner.get("circuits")
        circuits = [each["circuit"] for each in many] if many else [inner["circuit"]]
        found = [probabilities(each, inner["qubits"]) for each in circuits]
        children = [f"{name}-{place}" for place in range(len(found))] if many else None
        self.results[name] = dict(zip(children, found, strict=True)) if many else found[0]
        self.jobs[name] = {
            "id": name,
            "status": "completed",
            "type": said["type"],
            "metadata": said["metadata"],
            "stats": {"qubits": inner["qubits"], "circuits": len(found)},
            "child_job_ids": children,
            "execution_duration_ms": 5,
            "results": {"probabilities": {"url": f"/v0.4/jobs/{name}/results"}},
        }
        self.answer(200, {"id": name, "status": "submitted"})

    def do_GET(self):
        parts = self.path.partition("?")[0].strip("/").split("/")
        name = parts[2]
        if name not in self.jobs:
            self.answer(404, {"statusCode": 404, "message": "no such job"})
        else:
            self.answer(200, self.results[name] if len(parts) > 3 else self.jobs[name])

    def answer(self, status, said):
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Keep quiet."""


def probabilities(gates, qubits):
    circuit = QuantumCircuit(qubits)
    for gate in gates:
        places = gate.get("targets") or [gate["target"]]
        for place in places:
            {"x": circuit.x, "not": circuit.x, "z": circuit.z, "h": circuit.h}.get(
                gate["gate"], lambda place, gate=gate: rotate(circuit, gate, place)
            )(place)
    found = Statevector(circuit).probabilities()
    return {str(number): float(p) for number, p in enumerate(found) if p > 1e-9}


def rotate(circuit, gate, place):
    getattr(circuit, gate["gate"])(gate["rotation"], place)


SERVER = ThreadingHTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=SERVER.serve_forever, daemon=True).start()


def backend():
    url = f"http://127.0.0.1:{SERVER.server_port}/v0.4"
    return IonQProvider("no-token", url=url).get_backend("ionq_simulator")


again = backend


def trouble(provider):
    from checks import basis_state

    return provider.prepared([basis_state(1)]), {"shots": 20_000}
