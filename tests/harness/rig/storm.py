"""A backend in bad weather: calls and jobs fail by chance, by the clock of the test."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import lru_cache

from qiskit_job_manager.codec.results import encode_result
from qiskit_job_manager.errors import (
    CredentialsError,
    SubmissionDeferredError,
    SubmissionInDoubtError,
    TransientBackendError,
)
from qiskit_job_manager.model import Blob, ExperimentKind, RemoteState, RemoteStatus
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing import JobStory, ScriptedBackend
from qiskit_job_manager.testing.samples import expected_counts

SHOTS = 40
CLBITS = 8
FATES = {
    "runs": RemoteState.DONE,
    "fails": RemoteState.ERROR,
    "fails in part": RemoteState.DONE,
    "vanishes": RemoteState.GONE,
    "is cancelled": RemoteState.CANCELLED,
}


@dataclass(frozen=True)
class Weather:
    """How a backend behaves; times in seconds on the test's clock.

    Attributes:
        can: What it can do. Half of the listing's lag is a lag of accepting: a request may arrive
            after its sender has given up.
        rate: Share of the calls that fail.
        outages: Start and end of the times in which nothing works.
        logins: Start and end of the times in which the credentials have expired.
        fates: Share of the jobs with another fate than running, by fate.
        service_s: How long a job runs, at most.
        loses_results: Whether the answer to a fetch may be lost on its way.
    """

    can: Capabilities = field(default_factory=lambda: Capabilities(findable=True, listing_lag_s=2))
    rate: float = 0.2
    outages: tuple = ()
    logins: tuple = ()
    fates: dict = field(default_factory=dict)
    service_s: float = 5.0
    loses_results: bool = False


def payload_of(names):
    """Return names in place of encoded circuits: results depend on the names alone."""
    return Blob("names/1", json.dumps(list(names)).encode())


def names_in(payload):
    return json.loads(payload.data)


class Storm:
    """A `Backend` with troubles from a seeded generator; its inner one has the ledger.

    Attributes:
        fates: The fate of each accepted job, by remote id.
        late: Submissions that will arrive although their sender got an error.
        failed: How many calls failed on purpose.
    """

    def __init__(self, clock, weather, chance):
        lag_s = weather.can.listing_lag_s / 2
        self.inner = ScriptedBackend(
            clock,
            replace(weather.can, listing_lag_s=lag_s),
            run=self._run,
            count=lambda payload: len(names_in(payload)),
        )
        self.name = "storm"
        self.uri = None
        self.account = "storm"
        self.takes = ExperimentKind.CIRCUIT
        self.capabilities = weather.can
        self.fates = {}
        self.late = []
        self.failed = 0
        self._due_s = {}
        self._clock = clock
        self._weather = weather
        self._chance = chance
        self._begun_s = clock.monotonic()

    @property
    def ledger(self):
        return self.inner.ledger

    def limits(self):
        return self.inner.limits()

    def check(self, experiment, index, options):
        pass

    # -- the calls ------------------------------------------------------------------------------

    def submit(self, payload, options, tag, labels=()):
        self.move()
        self._outage(submits=True)
        if self._chance.random() >= self._weather.rate:
            return self._accept(payload, options, tag)
        self.failed += 1
        match self._chance.randrange(7):
            case 0:
                raise ConnectionResetError("reset before it arrived")
            case 1:
                self._accept(payload, options, tag)
                raise ConnectionResetError("reset after it was accepted")
            case 2:
                arrives_s = self._now_s() + self._chance.random() * self._late_s
                self.late.append((arrives_s, payload, dict(options), tag))
                raise TimeoutError("timed out while it was on its way")
            case 3:
                self._accept(payload, options, tag)
                raise SubmissionInDoubtError("502 after it was accepted")
            case 4:
                raise SubmissionInDoubtError("500 before it was accepted")
            case 5:
                raise SubmissionDeferredError("429", 3.0)
            case _:
                raise SubmissionDeferredError("429")

    def estimate_usage_s(self, circuits, shots):
        return None

    def find(self, tag):
        self._read()
        return self.inner.find(tag)

    def statuses(self, remote_ids):
        self._read()
        known = self.inner.statuses(remote_ids)
        if len(known) > 1 and self._chance.random() < self._weather.rate:
            known.pop(self._chance.choice(list(known)))
        return known

    def fetch(self, remote_id):
        self._read()
        result = self.inner.fetch(remote_id)
        if self._weather.loses_results and self._chance.random() < self._weather.rate:
            raise ConnectionResetError("reset while the result was on its way")
        return result

    def cancel(self, remote_id):
        self._read()
        self.inner.cancel(remote_id)
        if remote_id in self.ledger.cancelled and self._due_s.pop(remote_id, None) is not None:
            self.fates[remote_id] = "is cancelled"

    def error_message(self, remote_id):
        self._read()
        return self.inner.error_message(remote_id) or f"{remote_id} {self.fates[remote_id]}"

    # -- behind them ----------------------------------------------------------------------------

    @property
    def _late_s(self):
        return self._weather.can.listing_lag_s / 2

    def _now_s(self):
        return self._clock.monotonic() - self._begun_s

    def _read(self):
        self.move()
        self._outage(submits=False)
        if self._chance.random() >= self._weather.rate:
            return
        self.failed += 1
        match self._chance.randrange(3):
            case 0:
                raise ConnectionResetError("reset")
            case 1:
                raise TransientBackendError("503")
            case _:
                raise TransientBackendError("429", 2.0)

    def _outage(self, *, submits):
        now_s = self._now_s()
        if any(start <= now_s < stop for start, stop in self._weather.logins):
            raise CredentialsError("the token has expired")
        if any(start <= now_s < stop for start, stop in self._weather.outages):
            if not submits:
                raise TransientBackendError("out of reach")
            if self._chance.random() < 0.5:
                raise SubmissionDeferredError("out of reach")
            raise ConnectionResetError("reset by an outage")

    def _accept(self, payload, options, tag):
        fate = self._draw_fate()
        if self.capabilities.idempotent and self.ledger.submissions_by_tag()[tag]:
            return self.inner.submit(payload, options, tag)
        if fate == "fails in part":
            self.inner.tell(JobStory((RemoteStatus(RemoteState.RUNNING),), self._run_in_part))
        else:
            self.inner.tell(JobStory((RemoteStatus(RemoteState.RUNNING),)))
        remote_id = self.inner.submit(payload, options, tag)
        self.fates[remote_id] = fate
        # Half of all jobs end at once, the others take their time.
        service_s = self._weather.service_s * max(0.0, 2 * self._chance.random() - 1)
        self._due_s[remote_id] = self._now_s() + service_s
        return remote_id

    def _draw_fate(self):
        point = self._chance.random()
        for fate, share in self._weather.fates.items():
            if point < share:
                return fate
            point -= share
        return "runs"

    def move(self):
        """Do what is due: late submissions arrive, and jobs end."""
        now_s = self._now_s()
        for late in [each for each in self.late if each[0] <= now_s]:
            self.late.remove(late)
            self._accept(*late[1:])
        for remote_id in [key for key, due_s in self._due_s.items() if due_s <= now_s]:
            del self._due_s[remote_id]
            fate = self.fates[remote_id]
            self.inner.finish(remote_id, RemoteStatus(FATES[fate], message=f"it {fate}"))

    def _run(self, payload, options, n_experiments):
        return result_of(tuple(names_in(payload)), options.get("shots", SHOTS), failed=())

    def _run_in_part(self, payload, options, n_experiments):
        names = tuple(names_in(payload))
        every_other = tuple(range(0, len(names), 2))
        return result_of(names, options.get("shots", SHOTS), failed=every_other)


@lru_cache(1000)  # the cases of a harness have the same experiments
def result_of(names, shots, *, failed):
    from qiskit.result import Result

    experiments = [
        {
            "shots": shots,
            "success": offset not in failed,
            "status": "ERROR: cold" if offset in failed else "DONE",
            "data": {} if offset in failed else {"counts": expected_counts(name, CLBITS, shots)},
            "header": {"name": name, "memory_slots": CLBITS, "creg_sizes": [["c", CLBITS]]},
            "meas_level": 2,
        }
        for offset, name in enumerate(names)
    ]
    whole = {
        "backend_name": "storm",
        "backend_version": "1",
        "job_id": "",
        "success": not failed,
        "status": "COMPLETED",
        "results": experiments,
    }
    return encode_result(Result.from_dict(whole))
