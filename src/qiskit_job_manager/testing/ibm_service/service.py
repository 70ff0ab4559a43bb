"""The emulator in this process and its control."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from qiskit_job_manager.testing.emulator.messages import Manner, Reply, Request
from qiskit_job_manager.testing.emulator.server import EmulatorServer
from qiskit_job_manager.testing.emulator.service import EmulatedService
from qiskit_job_manager.testing.ibm_service.control_request import ControlRequest
from qiskit_job_manager.testing.ibm_service.devices import Devices
from qiskit_job_manager.testing.ibm_service.fault_schedule import FaultSchedule
from qiskit_job_manager.testing.ibm_service.faults import (
    Behaviour,
    Fate,
    Kind,
    Rule,
    Trouble,
)
from qiskit_job_manager.testing.ibm_service.jobs import Jobs
from qiskit_job_manager.testing.ibm_service.ledger import Books, Ledger
from qiskit_job_manager.testing.ibm_service.programs import Engine
from qiskit_job_manager.testing.ibm_service.refusals import RefusedError
from qiskit_job_manager.testing.ibm_service.request_handler import RequestHandler

if TYPE_CHECKING:
    from pathlib import Path

_JOIN_WITHIN_S = 5.0


class IBMService(EmulatedService):
    """An emulator of IBM Quantum that listens while the ``with`` block lasts.

    Args:
        behaviour: How it behaves.
        port: Where to listen on 127.0.0.1; 0: any free port.
        engine: What runs programs.
        snapshots: Names of the client's snapshots that are its backends: ``manila`` (5 qubits) is
            the backend ``ibm_manila``.
        ledger: A file for the ledger, which may have the lines of an earlier emulator; ``None``:
            memory only.

    Raises:
        InvalidArgumentError: The client lacks a snapshot, or a backend of the behaviour is unknown.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        port: int = 0,
        engine: Engine = Engine.FAST,
        snapshots: tuple[str, ...] = ("manila",),
        ledger: str | Path | None = None,
    ) -> None:
        behaviour = behaviour or Behaviour()
        self._devices = Devices(snapshots)
        self._devices.check_names(behaviour)
        super().__init__()
        self._schedule = FaultSchedule(behaviour)
        self._ledger = Ledger(ledger)
        self._jobs = Jobs(self._ledger, engine, behaviour)
        self._handler = RequestHandler(
            self._jobs, self._devices, self._schedule, self._ledger, behaviour
        )
        self._server = EmulatorServer(self, port)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """End it, and every connection; harmless when it has ended."""
        if self._ending.is_set():
            return
        self._ending.set()
        for thread in self._server.stop():
            thread.join(_JOIN_WITHIN_S)
        self._jobs.close()
        self._ledger.close()

    # -- control ----------------------------------------------------------------------------------

    @property
    def behaviour(self) -> Behaviour:
        """How it behaves; may be replaced at any time."""
        return self._handler.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._devices.check_names(behaviour)
        self._handler.behaviour = self._jobs.behaviour = self._schedule.behaviour = behaviour

    def add(self, *rules: Rule) -> None:
        """Add rules; of several that apply to a request, the oldest wins."""
        self._schedule.add(rules)

    def script(self, kind: Kind, *troubles: Trouble) -> None:
        """Set the troubles of the next requests of a kind, one each."""
        self.add(*(Rule(kind=kind, trouble=each, times=1) for each in troubles))

    def clear(self) -> None:
        """Forget all rules and fates."""
        self._schedule.clear()

    def tell(self, *fates: Fate) -> None:
        """Set the fates of the next jobs that are accepted, one each."""
        self._schedule.fates.extend(fates)

    def revoke_tokens(self) -> None:
        """Refuse all tokens that were given until now."""
        self._handler.revoke_tokens()

    def books(self) -> Books:
        """Return a copy of the ledger so far."""
        return self._ledger.books()

    # -- for the server ---------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        if request.path == "/control":
            return self._controlled(request)
        self.ends_within(self.behaviour.latency_s)
        reply = self._handler.answer(request)
        if reply is not None:
            return reply
        self._ending.wait()
        return Reply(manner=Manner.CLOSE)

    def note_sent(self, job_id: str, bytes_sent: int, *, complete: bool) -> None:  # noqa: ARG002
        """Record that a result has left."""
        if complete:
            self._ledger.note_sent_whole(job_id)

    def _controlled(self, request: Request) -> Reply:
        try:
            if request.method == "POST":
                self._apply(ControlRequest.of_json(json.loads(request.body or b"{}")))
            return Reply.of(self._ledger.as_json())
        except ValueError as error:
            refusal = RefusedError(400, 0, f"this request cannot be handled: {error}")
            return Reply.refusing(refusal)

    def _apply(self, asked: ControlRequest) -> None:
        # The part that may be refused comes first: either all of it is done, or nothing.
        if asked.behaviour is not None:
            self.behaviour = asked.behaviour
        if asked.clear:
            self.clear()
        self.add(*asked.rules)
        self.tell(*asked.fates)
        if asked.revoke:
            self.revoke_tokens()
