"""What job sets run in and on is looked at beside the jobs, and holds up none of them."""

from __future__ import annotations

import threading

import pytest

from qiskit_job_manager.codec.snapshots import encode_snapshot, read_snapshot
from qiskit_job_manager.engine.backend_calls import DEADLINES_S
from qiskit_job_manager.engine.call_pool import CallPool
from qiskit_job_manager.engine.observations import PAUSE_S
from qiskit_job_manager.errors import TransientBackendError
from qiskit_job_manager.lifecycle import CallKind
from qiskit_job_manager.model import ObservationKind, RemoteState
from qiskit_job_manager.testing import JobStory

OWN = encode_snapshot({"python": "3.11"})
HERE = {"findable": True}


class Device:
    """Says how a backend is calibrated; counts how often it was asked."""

    def __init__(self, bench):
        self.content = {"n": 0}
        self.asked = 0
        bench.backend.calibration = self

    def __call__(self):
        self.asked += 1
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


@pytest.fixture
def make(make_bench, circuits):
    def make(count=3, stories=(), **can):
        bench = make_bench(**(can or HERE))
        bench.engine = bench.new_engine(environment=lambda: OWN)
        bench.backend.tell(*stories)
        return bench, Device(bench), bench.job_set(circuits(count))

    return make


def seen(bench, record, kind=ObservationKind.CALIBRATION):
    """What was seen of a kind: the content, or the note."""
    return [
        each.note if each.sha256 is None else read_snapshot(bench.store.snapshot(each.sha256))
        for each in bench.store.observations(record.key)
        if each.kind is kind
    ]


def test_the_process_and_the_calibration_are_recorded(make):
    bench, _, record = make()
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 3}
    assert seen(bench, record) == [{"n": 0}]
    assert seen(bench, record, ObservationKind.ENVIRONMENT) == [{"python": "3.11"}]


def test_a_calibration_while_jobs_run_is_seen_at_their_end(make):
    bench, device, record = make(1, [JobStory.ending(RemoteState.DONE, queued=1, running=2)])
    bench.drive(record)
    bench.step(2)
    device.content = {"n": 1}
    bench.run(record)
    assert seen(bench, record) == [{"n": 0}, {"n": 1}]
    assert device.asked == 2


def test_while_jobs_end_it_is_looked_at_now_and_then(make):
    bench, device, record = make(40)
    bench.drive(record)
    asked = []
    for _ in range(200):
        bench.step()
        bench.clock.advance(60.0)
        asked.append(device.asked)
    assert bench.states(record) == {"done": 40}
    assert device.asked <= 2 + 200 * 60 / PAUSE_S


def test_what_dies_with_the_process_is_looked_at_once(make):
    bench, device, record = make(3, volatile=True)
    bench.drive(record)
    bench.run(record)
    assert (device.asked, seen(bench, record)) == (1, [{"n": 0}])


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (TransientBackendError("503 token=k9Qz77secret12"), "503 token=***"),
        (RuntimeError(""), "RuntimeError"),
        (ValueError("x" * 10_000), "x" * 500),
    ],
)
def test_a_calibration_that_cannot_be_had_is_said_and_stops_nothing(make, raised, said):
    bench, device, record = make()
    device.content = raised
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 3}
    assert seen(bench, record) == [said]


def test_a_calibration_that_cannot_be_kept_is_said(make):
    bench, device, record = make()
    loop = {}
    loop["a"] = loop["b"] = loop
    device.content = loop
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 3}
    assert "more than 1,000,000 values" in seen(bench, record)[0]


def test_a_backend_without_a_calibration_has_no_observation(make):
    bench, device, record = make()
    device.content = None
    bench.drive(record)
    bench.run(record)
    assert seen(bench, record) == []
    assert bench.states(record) == {"done": 3}


def test_what_a_process_runs_in_is_recorded_once_while_it_stays_the_same(make):
    bench, _, record = make(1, [JobStory.ending(RemoteState.DONE, queued=3)])
    for own in (OWN, OWN, encode_snapshot({"python": "3.12"})):
        bench.engine = bench.new_engine(environment=lambda own=own: own)
        bench.drive(record)
        bench.step(2)
        bench.crash()
    own = seen(bench, record, ObservationKind.ENVIRONMENT)
    assert own == [{"python": "3.11"}, {"python": "3.12"}]


def test_without_provenance_nothing_is_asked(make):
    bench, device, record = make()
    bench.engine = bench.new_engine()
    bench.drive(record)
    bench.run(record)
    assert (device.asked, bench.store.observations(record.key)) == (0, [])


def test_a_look_that_hangs_holds_up_no_job_and_is_given_up(make, wait_until):
    bench, _, record = make(3)
    hangs, go_on = threading.Event(), threading.Event()

    def hang():
        hangs.set()
        go_on.wait()

    bench.backend.calibration = hang
    pool = CallPool(4, 4, lambda: None)
    bench.engine = bench.new_engine(pool=pool, environment=lambda: OWN)
    bench.drive(record)

    def ticked_until(condition):
        def tick():
            bench.step()
            bench.clock.advance(0.05)
            return condition()

        wait_until(tick)

    ticked_until(lambda: bench.states(record) == {"done": 3})
    assert hangs.is_set()
    assert bench.engine.drives(record.key)
    bench.clock.advance(DEADLINES_S[CallKind.OBSERVE])
    ticked_until(lambda: not bench.engine.drives(record.key))
    assert seen(bench, record) == ["no answer within the deadline; the call was given up"]
    go_on.set()
    pool.close()


def test_a_store_that_is_away_while_it_is_looked_at_stops_nothing(make, monkeypatch):
    from qiskit_job_manager.errors import StoreBusyError

    bench, _, record = make()

    def busy(*_):
        raise StoreBusyError("busy")

    monkeypatch.setattr(bench.store, "observe", busy)
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 3}
