"""The cloud in this process: a server on loopback and its control."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.testing.cloud_service.account import Account
from qiskit_job_manager.testing.cloud_service.fault_schedule import FaultSchedule
from qiskit_job_manager.testing.cloud_service.faults import (
    Endpoint,
    Fate,
    Faults,
    Outage,
    Trouble,
)
from qiskit_job_manager.testing.cloud_service.job_queue import JobQueue
from qiskit_job_manager.testing.cloud_service.ledger import Books, Ledger
from qiskit_job_manager.testing.cloud_service.request_handler import RequestHandler
from qiskit_job_manager.testing.cloud_service.simulation import Engine
from qiskit_job_manager.testing.emulator.messages import Reply, Request
from qiskit_job_manager.testing.emulator.refusals import RefusedError
from qiskit_job_manager.testing.emulator.server import EmulatorServer
from qiskit_job_manager.testing.emulator.service import EmulatedService

if TYPE_CHECKING:
    from pathlib import Path

    from qiskit_job_manager.ports import Clock

_JOIN_WITHIN_S = 5.0


class CloudService(EmulatedService):
    """A cloud that listens while the ``with`` block lasts.

    Other processes control it by `CloudControl`.

    Args:
        faults: How it behaves.
        port: Where to listen on 127.0.0.1; 0: any free port.
        ledger: A file for the ledger, which may have the lines of an earlier cloud; ``None``:
            memory only.
        engine: What runs the circuits.
        token: The token that every request must have; ``None``: every request is admitted.
        clock: The clock of the queue and of the listing.

    Example:
        >>> from qiskit_job_manager.testing.cloud_service import CloudClient, CloudService
        >>> with CloudService() as cloud:
        ...     CloudClient(cloud.address).find("no such tag")
        []
    """

    def __init__(
        self,
        faults: Faults | None = None,
        *,
        port: int = 0,
        ledger: str | Path | None = None,
        engine: Engine = Engine.SAMPLER,
        token: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        self._schedule = FaultSchedule(faults or Faults())
        self._ledger = Ledger(ledger)
        self._account = Account(token)
        self._jobs = JobQueue(clock or SystemClock(), self._ledger, self._schedule, engine)
        self._handler = RequestHandler(self._jobs, self._schedule, self._account)
        self._switch = threading.RLock()
        self._timer: threading.Timer | None = None
        self._server: EmulatorServer | None = None
        self._listen(port)

    def close(self) -> None:
        """End it, and every connection; harmless when it has ended."""
        self._ending.set()
        with self._switch:
            self._forget_timer()
            for thread in self._stop_listening():
                thread.join(_JOIN_WITHIN_S)
            self._ledger.close()

    @property
    def address(self) -> str:
        """Host and port where it listens, or will listen after an outage."""
        return f"127.0.0.1:{self._port}"

    # -- control ----------------------------------------------------------------------------------

    @property
    def faults(self) -> Faults:
        """How it behaves; may be replaced at any time."""
        return self._schedule.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._schedule.faults = faults

    def script(self, endpoint: Endpoint, *troubles: Trouble | None) -> None:
        """Set the troubles of the next requests of a kind, one each; ``None``: no trouble."""
        self._schedule.script(endpoint, troubles)

    def tell(self, *fates: Fate) -> None:
        """Set the fates of the next jobs that are accepted, one each."""
        self._schedule.fates.extend(fates)

    def expire(self) -> None:
        """Refuse every request until the next login."""
        self._account.expired = True

    def log_in(self, token: str | None = None) -> None:
        """Admit requests with the token again.

        Raises:
            RefusedError: The token is not the right one.
        """
        self._account.log_in(token)

    def books(self) -> Books:
        """Return the ledger so far."""
        return self._ledger.books()

    def begin_outage(self, outage: Outage, seconds: float | None = None) -> None:
        """Make the whole cloud fail.

        Args:
            outage: How.
            seconds: For how long; ``None``: until `end_outage`.
        """
        with self._switch:
            self.end_outage()
            if outage is Outage.REFUSED:
                self._stop_listening()
            else:
                self._handler.outage = outage
            if seconds is not None:
                self._timer = threading.Timer(seconds, self.end_outage)
                self._timer.daemon = True
                self._timer.start()

    def end_outage(self) -> None:
        """End the outage, with all jobs still there; harmless when there is none."""
        with self._switch:
            self._forget_timer()
            self._handler.outage = None
            if self._server is None and not self._ending.is_set():
                self._listen(self._port)

    # -- for the server ---------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        controlled = self._control(request)
        if controlled is not None:
            return controlled
        self.ends_within(self.faults.latency_s)
        self._handler.linger(request, self.ends_within)
        return self._handler.answer(request)

    def note_sent(self, job_id: str, bytes_sent: int, *, complete: bool) -> None:
        """Record how much of a result has left."""
        self._jobs.note_sent(job_id, bytes_sent, complete=complete)

    def _control(self, request: Request) -> Reply | None:
        try:
            match request.method, request.path:
                case "GET", "/ledger":
                    return Reply.of({"entries": [asdict(each) for each in self.books().entries]})
                case "POST", "/login":
                    self.log_in(request.token)
                    return Reply.of({})
                case "POST", "/faults":
                    self._apply(request.json())
                    return Reply.of({})
        except RefusedError as refusal:
            return Reply.refusing(refusal)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            text = f"this request cannot be handled: {error!r}"
            return Reply.refusing(RefusedError(400, "bad_control", text))
        return None

    def _apply(self, said: dict[str, Any]) -> None:
        """Do what a control request asks for; nothing is done if a part of it is wrong.

        Raises:
            ValueError: It is not of the form that `CloudControl` sends.
        """
        faults = Faults.of_json(said["faults"]) if "faults" in said else None
        scripts = {
            Endpoint(name): [None if each is None else Trouble.of_json(each) for each in troubles]
            for name, troubles in said.get("script", {}).items()
        }
        fates = [Fate(each) for each in said.get("fates", ())]
        outage = Outage(said["outage"]) if said.get("outage") else None
        seconds = float(said["seconds"]) if outage else 0.0
        if faults is not None:
            self.faults = faults
        for endpoint, troubles in scripts.items():
            self.script(endpoint, *troubles)
        self.tell(*fates)
        if said.get("expire"):
            self.expire()
        if outage is not None:
            self.begin_outage(outage, seconds)

    # -- listening --------------------------------------------------------------------------------

    def _listen(self, port: int) -> None:
        self._server = EmulatorServer(self, port)
        self._port = int(self._server.server_address[1])

    def _stop_listening(self) -> list[threading.Thread]:
        """Close the port and all connections; return the threads of these connections."""
        server, self._server = self._server, None
        return [] if server is None else server.stop()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
