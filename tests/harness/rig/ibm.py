"""Bad weather between us and IBM's service, through its own, unmodified client.

Every request of the client may go wrong at the socket, before or after it has its effect; jobs
fail, or are cancelled by others; the manager is closed in the middle and another goes on. The
emulator's ledger is the judge.
"""

from __future__ import annotations

import random
import tempfile
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from qiskit import QuantumCircuit
from rig.tally import Tally

from qiskit_job_manager import JobManager, Limits, RetryPolicy
from qiskit_job_manager.backends.ibm import status
from qiskit_job_manager.errors import JobManagerError, JobManagerTimeoutError
from qiskit_job_manager.model import JobState
from qiskit_job_manager.results import source_of
from qiskit_job_manager.testing.ibm_service import (
    Behaviour,
    Fate,
    IBMService,
    Kind,
    Rule,
    Trouble,
    Way,
    account_environment,
    pointed,
)

LAG_S = 0.3
BACKEND = f"ibm:ibm_manila?listing_lag_s={LAG_S}"
PER_JOB = 2
SHOTS = 40
_PROMPT = RetryPolicy(first_wait_s=0.02, longest_wait_s=0.5)
_SUBMIT = (
    *(Trouble(way=way, after=after) for way in (Way.RESET, Way.CLOSE) for after in (False, True)),
    *(Trouble(status=status, after=after) for status in (500, 504) for after in (False, True)),
    Trouble(way=Way.HALF),
    Trouble(way=Way.HTML, after=True),
    Trouble(way=Way.LACKING, after=True),
    Trouble(status=429, code=1202),
    Trouble(status=429, code=1202, retry_after_s=0.0),
    Trouble(status=400, code=3458),
)
_READ = (
    *(Trouble(way=way) for way in (Way.RESET, Way.CLOSE, Way.HALF, Way.CUT)),
    *(Trouble(way=way) for way in (Way.HTML, Way.LACKING)),
    Trouble(status=503),
    Trouble(status=429, retry_after_s=0.0),
)
_READS = (Kind.LIST, Kind.JOB, Kind.RESULTS, Kind.METRICS, Kind.USAGE, Kind.BACKEND_STATUS)
_FATES = (Fate.FAILS, Fate.FAILS_UNREADABLE, Fate.CANCELLED)


def ibm_weather(folder, seed, rate=0.2, jobs=5, rules=None):
    """Drive one job set to its end in such weather, or under these rules alone, and judge it."""
    chance = random.Random(seed)
    with _service(folder, seed) as ibm:
        ibm.tell(
            *(chance.choice(_FATES) if chance.random() < 0.15 else Fate.RUNS for _ in range(9))
        )
        ibm.add(*(_rules(rate) if rules is None else rules))
        store = Path(tempfile.mkdtemp(dir=folder)) / "store.db"
        closings = _live(store, jobs, chance)
        ibm.clear()
        with JobManager(store) as manager:
            job_set = manager.retrieve_job_set("weather")
            try:
                job_set.results(timeout=60)
                job_set.wait_for_search(60)
            except JobManagerTimeoutError as error:
                return Tally(cases=1, violations=[f"seed {seed} did not end: {error}"])
            broken = [f"seed {seed}: {words}" for words in _judge(job_set, ibm.books())]
            return Tally(cases=1, crashes=closings, jobs=jobs, violations=broken)


@contextmanager
def _service(folder, seed):
    home = Path(tempfile.mkdtemp(dir=folder))
    with IBMService(Behaviour(seed=seed, listing_lag_s=LAG_S / 2)) as ibm:
        environment = account_environment(ibm.address)
        # Half a second between questions is short enough: no story waits for longer.
        often = mock.patch.multiple(status, SHORTEST_S=0.0, LONGEST_S=0.0)
        with pointed(ibm.address, home), mock.patch.dict("os.environ", environment), often:
            yield ibm


def _rules(rate):
    submits = [Rule(kind=Kind.SUBMIT, trouble=each, rate=rate / len(_SUBMIT)) for each in _SUBMIT]
    reads = [
        Rule(kind=kind, trouble=each, rate=rate / len(_READ)) for kind in _READS for each in _READ
    ]
    return [*submits, *reads]


def _live(store, jobs, chance):
    """Run the same script a few times, each cut off in the middle; return how often."""
    closings = 0
    for _ in range(chance.randrange(1, 4)):
        with JobManager(store) as manager:
            try:
                job_set = manager.run(
                    circuits(PER_JOB * jobs),
                    BACKEND,
                    name="weather",
                    shots=SHOTS,
                    max_experiments_per_job=PER_JOB,
                    limits=Limits(submissions_per_minute=10_000, pending_jobs=3),
                    retry=_PROMPT,
                    if_exists="resume",
                )
                job_set.wait(timeout=chance.uniform(0.1, 2.0))
            except JobManagerError:
                continue  # the service could not be reached; nothing was stored
            finally:
                closings += 1
    return closings


def _judge(job_set, books):
    """Say which promises were broken, if any."""
    recorded = {}
    source = source_of(job_set)
    errors = {job.index: job.error for job in source.store.jobs(source.record.key)}
    for job in job_set.managed_jobs():
        taken = [each for each in job.attempts() if each.remote_id is not None]
        recorded |= {each.remote_id: each.tag for each in taken}
        if not job.state.is_final:
            yield f"job {job.index} is {job.state}"
        if job.state is not JobState.DONE and not errors[job.index]:
            yield f"job {job.index} is {job.state} without a reason"
        if len(taken) > 1:
            yield f"job {job.index} was accepted {len(taken)} times"
    yield from _unaccounted(job_set, books, recorded)
    yield from _wrong_results(job_set)


def _unaccounted(job_set, books, recorded):
    told = " ".join(event.cause or "" for event in job_set.events() if event.event == "twin")
    for submission in books.submissions:
        job_id = submission.job_id
        if job_id in recorded:
            if recorded[job_id] not in submission.tags:
                yield f"{job_id} is recorded under another tag"
        elif job_id not in books.cancelled and job_id not in told:
            yield f"{job_id} was accepted, and is neither recorded nor cancelled nor told of"


def _wrong_results(job_set):
    results = job_set.results_so_far()
    for job in job_set.managed_jobs():
        if job.state is JobState.DONE:
            for index in range(job.start_index, job.end_index + 1):
                total = sum(results.get_counts(index).values())
                if total != SHOTS:
                    yield f"experiment {index} has {total} shots"


def circuits(count):
    """Return distinct circuits that the emulated device can run as they are."""
    made = []
    for index in range(count):
        circuit = QuantumCircuit(5, 2, name=f"c{index}")
        for _ in range(index + 1):
            circuit.x(index % 2)
        circuit.measure([0, 1], [0, 1])
        made.append(circuit)
    return made
