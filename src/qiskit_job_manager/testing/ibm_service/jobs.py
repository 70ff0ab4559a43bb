"""The emulator's jobs: accepts them within its limits, runs and describes them."""

from __future__ import annotations

import hashlib
import json
import queue
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.testing.ibm_service.faults import Fate
from qiskit_job_manager.testing.ibm_service.ledger import Submission
from qiskit_job_manager.testing.ibm_service.programs import run
from qiskit_job_manager.testing.ibm_service.refusals import RefusedError

if TYPE_CHECKING:
    from qiskit_job_manager.testing.ibm_service.faults import Behaviour
    from qiskit_job_manager.testing.ibm_service.ledger import Ledger
    from qiskit_job_manager.testing.ibm_service.programs import Engine

MOCK = "mock_"
"""What the names of stand-ins begin with; they run dry runs."""

PROGRAMS = ("sampler", "estimator", "executor")
_PENDING = ("Queued", "Running")
_FAILING = (Fate.FAILS, Fate.FAILS_UNREADABLE)


@dataclass(slots=True)
class Job:
    """A job, as the emulator knows it."""

    id: str
    said: dict[str, Any]
    fate: Fate
    behaviour: Behaviour
    accepted_s: float = field(default_factory=time.monotonic)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: str = "Queued"
    reason: str | None = None
    reason_code: int | None = None
    result: str | None = None
    read: bool = False
    began: datetime | None = None
    finished: datetime | None = None

    @property
    def tags(self) -> list[str]:
        """Its tags now."""
        return list(self.said.get("tags", ()))

    @property
    def private(self) -> bool:
        """Whether its result can be read once."""
        return bool(self.said.get("private"))

    def end(self, status: str, reason: str | None = None, code: int | None = None) -> None:
        """Reach a final status."""
        self.status, self.reason, self.reason_code = status, reason, code
        self.finished = datetime.now(UTC)

    @property
    def is_dry_run(self) -> bool:
        """Whether it was sent to the stand-in of a backend, which charges nothing."""
        return str(self.said["backend"]).startswith(MOCK)

    def described(self, *, with_params: bool = False, usage_lag_s: float = 0.0) -> dict[str, Any]:
        """Return a job as IBM describes it.

        Args:
            with_params: Whether to include its parameters.
            usage_lag_s: Seconds from its end until its usage is final.
        """
        state: dict[str, Any] = {"status": self.status}
        if self.reason is not None:
            state |= {"reason": self.reason, "reason_code": self.reason_code}
        told = {
            "id": self.id,
            "backend": self.said["backend"],
            "state": state,
            "status": self.status,
            "program": {"id": self.said["program_id"]},
            "created": _stamp(self.created),
            "cost": self.said.get("cost", 0),
            "tags": self.tags,
            "private": self.private,
            "usage": self._usage(usage_lag_s),
        }
        if self.said.get("session_id"):
            told["session_id"] = self.said["session_id"]
        if with_params and not self.private:
            told["params"] = self.said["params"]
        return told

    def metrics(self, usage_lag_s: float = 0.0) -> dict[str, Any]:
        """Return the times and the usage of a job as IBM describes them; see `described`."""
        moments = {"created": self.created, "running": self.began, "finished": self.finished}
        return {
            "timestamps": {name: at and _stamp(at) for name, at in moments.items()},
            "usage": self._usage(usage_lag_s),
        }

    def _usage(self, lag_s: float) -> dict[str, Any]:
        # As with IBM, the usage may change until it is final.
        now = datetime.now(UTC)
        final = self.finished is not None and now >= self.finished + timedelta(seconds=lag_s)
        used_s = 1.0 if final and self.status == "Completed" else 0.0
        if self.status == "Running" and self.began is not None:
            on_qpu_s = (now - self.began).total_seconds() - self.behaviour.preparing_s
            used_s = max(on_qpu_s, 0.0)
        return {"qpu_charge_time_seconds": used_s, "status": "complete" if final else "pending"}


class Jobs:
    """All jobs. Safe to use from any thread; one thread of its own runs the programs.

    Args:
        ledger: Records submissions, results and cancellations.
        engine: What runs the programs.

    Attributes:
        behaviour: Its limits and times; may be replaced at any time.
    """

    def __init__(self, ledger: Ledger, engine: Engine, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self._ledger = ledger
        self._engine = engine
        self._jobs: dict[str, Job] = {}
        self._accepted_s: list[float] = []  # of deleted jobs too: they count for the limit
        self._lock = threading.RLock()
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ibm-programs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop running programs."""
        self._waiting.put(None)
        self._thread.join(5.0)

    def submit(self, said: dict[str, Any], size: int, fate: Fate) -> Job:
        """Accept a submission.

        Raises:
            RefusedError: It exceeds a limit, or a field is missing or wrong.
        """
        pubs = _pubs_of(said)
        with self._lock:
            self._check_size(pubs, size)
            self._check_pace()
            job = Job(
                f"ibm{len(self._accepted_s):06d}{hashlib.sha256(_text(said)).hexdigest()[:11]}",
                said,
                fate,
                self.behaviour,
            )
            self._jobs[job.id] = job
            self._accepted_s.append(job.accepted_s)
            self._ledger.note_submission(_submission(job, pubs))
        self._waiting.put(job)
        return job

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            RefusedError: There is none.
        """
        with self._lock:
            if job_id not in self._jobs:
                raise RefusedError(404, 1291, f"Job not found. Job ID: {job_id}")
            return self._jobs[job_id]

    def listed(self) -> list[Job]:
        """Return the jobs that listings show, newest first."""
        latest_s = time.monotonic() - self.behaviour.listing_lag_s
        with self._lock:
            return [job for job in reversed(self._jobs.values()) if job.accepted_s <= latest_s]

    def is_pending(self, job: Job) -> bool:
        """Whether a job has not ended."""
        return job.status in _PENDING

    def hand_out(self, job_id: str) -> str | None:
        """Return a job's result; ``None``: it has not ended. A private result can be read once.

        Raises:
            RefusedError: There is none, or it was read before.
        """
        with self._lock:
            job = self.get(job_id)
            if self.is_pending(job) or job.status == "Cancelled":
                return None
            gone = job.fate is Fate.FAILS_UNREADABLE or (job.private and job.read)
            if gone or job.result is None:
                raise RefusedError(404, 1291, f"No results of job {job_id}")
            job.read = True
            self._ledger.note_handed_out(job_id)
            return job.result

    def cancel(self, job_id: str, reason: str | None = None, code: int | None = None) -> None:
        """Cancel a job, for a reason if it was not asked for.

        Raises:
            RefusedError: It has ended, or there is none.
        """
        with self._lock:
            job = self.get(job_id)
            if not self.is_pending(job):
                raise RefusedError(409, 1293, f"Job {job_id} is already final")
            job.end("Cancelled", reason, code)
            self._ledger.note_cancelled(job_id)

    def delete(self, job_id: str) -> None:
        """Forget a job.

        Raises:
            RefusedError: There is none.
        """
        with self._lock:
            del self._jobs[self.get(job_id).id]
            self._ledger.note_deleted(job_id)

    # -- limits -----------------------------------------------------------------------------------

    def _check_size(self, pubs: int, size: int) -> None:
        most_pubs, most_bytes = self.behaviour.most_pubs, self.behaviour.most_bytes
        if most_pubs is not None and pubs > most_pubs:
            raise RefusedError(413, 1001, f"{pubs} PUBs are too many, of {most_pubs}")
        if most_bytes is not None and size > most_bytes:
            raise RefusedError(413, 1001, f"{size} bytes are too many, of {most_bytes}")

    def _check_pace(self) -> None:
        pending, pace = self.behaviour.most_pending, self.behaviour.submissions_per_minute
        waiting = sum(map(self.is_pending, self._jobs.values()))
        if pending is not None and waiting >= pending:
            text = f"You have reached the limit of {pending} pending jobs. Please wait for a job"
            raise RefusedError(400, 3458, f"{text} to complete or cancel one")
        minute_ago_s = time.monotonic() - 60
        if pace is not None and sum(at_s > minute_ago_s for at_s in self._accepted_s) >= pace:
            raise RefusedError(429, 1202, "Too many requests")

    # -- running ----------------------------------------------------------------------------------

    def _work(self) -> None:
        while (job := self._waiting.get()) is not None:
            if job.fate is not Fate.QUEUED:
                self._run(job)

    def _run(self, job: Job) -> None:
        left_s = job.accepted_s + job.behaviour.service_time_s - time.monotonic()
        if left_s > 0:
            threading.Timer(left_s, self._finish, [job]).start()
        else:
            self._finish(job)

    def _finish(self, job: Job) -> None:
        with self._lock:
            if not self.is_pending(job):
                return
            job.status, job.began = "Running", datetime.now(UTC)
        result, reason = self._outcome(job)
        if job.behaviour.running_s > 0:
            threading.Timer(job.behaviour.running_s, self._end, [job, result, reason]).start()
        else:
            self._end(job, result, reason)

    def _end(self, job: Job, result: str | None, reason: str | None) -> None:
        with self._lock:
            if not self.is_pending(job):
                return
            job.result = result
            if job.fate is Fate.CANCELLED:
                job.end("Cancelled", "cancelled by somebody", 5202)
            elif job.fate is Fate.RAN_TOO_LONG:
                job.end("Cancelled", "the job ran too long", 1305)
            elif reason is not None:
                job.end("Failed", reason, 8054)
            else:
                job.end("Completed")

    def _outcome(self, job: Job) -> tuple[str | None, str | None]:
        """Return a job's result, and the reason if it failed."""
        if job.fate in _FAILING:
            return "the control electronics lost lock", "the control electronics lost lock"
        if job.fate is not Fate.RUNS:
            return None, None
        try:
            return run(job.said["program_id"], job.said["params"], self._engine), None
        except Exception as error:  # noqa: BLE001  # whatever users sent: their job has failed
            return str(error), f"{type(error).__name__}: {error}"


def _submission(job: Job, pubs: int) -> Submission:
    return Submission(
        job_id=job.id,
        tags=tuple(job.tags),
        program=job.said["program_id"],
        pubs=pubs,
        params_digest=hashlib.sha256(_text(job.said["params"])).hexdigest(),
        private=job.private,
        backend=job.said["backend"],
        session_id=job.said.get("session_id"),
    )


def _pubs_of(said: dict[str, Any]) -> int:
    program, params = said.get("program_id"), said.get("params")
    if program not in PROGRAMS:
        raise RefusedError(404, 1292, f"Program not found: {program}")
    if not isinstance(params, dict):
        raise RefusedError(400, 1217, "params must be an object")
    try:
        return len(params["quantum_program"]["items"] if program == "executor" else params["pubs"])
    except (KeyError, TypeError) as error:
        raise RefusedError(400, 1217, f"params lack what {program} needs: {error!r}") from error


def _text(said: dict[str, Any]) -> bytes:
    return json.dumps(said, sort_keys=True).encode()


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
