"""Usage that is worked out after a result was fetched: it is summed all the same."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from qiskit_job_manager.engine.usage_polling import FIRST_PAUSE_S, MOST_TRIES
from qiskit_job_manager.model import RawResult, RemoteFigures, RequestKind
from qiskit_job_manager.testing import Call, Raise

LATE = {"findable": True, "reports_usage_late": True}
BEGAN = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


@pytest.fixture
def make_late(make_bench, circuits):
    """A bench and a job set on a backend that tells times with results, and usage later."""

    def make(count=3, **how):
        bench = make_bench(usage_s=2.0, **LATE)
        fetch = bench.backend.fetch

        def fetched(remote_id):
            raw = fetch(remote_id)
            return RawResult(raw.format, raw.data, RemoteFigures(started_at=BEGAN))

        bench.backend.fetch = fetched
        return bench, bench.job_set(circuits(count), **how)

    return make


def work_out(bench, usage_s):
    for each in bench.backend.ledger.accepted:
        bench.backend.work_out(each.remote_id, RemoteFigures(usage_s=usage_s))


def run_until(bench, record, states):
    bench.drive(record)
    for _ in range(200):
        if bench.states(record) == states:
            return
        bench.step()
        bench.clock.advance(0.5)
    raise AssertionError(bench.states(record))


def run_until_done(bench, record):
    run_until(bench, record, {"done": record.n_jobs})


def asked(bench):
    return bench.backend.ledger.count(Call.MEASURED)


def test_usage_that_came_late_is_asked_for_together_and_summed(make_late):
    bench, record = make_late()
    run_until_done(bench, record)
    assert bench.store.usage(record.key).measured_s == 0.0
    work_out(bench, 1.5)
    bench.run(record)
    usage = bench.store.usage(record.key)
    assert (usage.measured_s, usage.estimated_s) == (4.5, 0.0)
    assert asked(bench) == 1
    assert bench.store.unfinished() == []
    [attempt] = bench.store.attempts(bench.jobs(record)[0].key)
    assert attempt.figures == RemoteFigures(usage_s=1.5, started_at=BEGAN)


def test_it_is_asked_for_by_the_next_driver(make_late):
    bench, record = make_late()
    run_until_done(bench, record)
    bench.crash()
    assert [word.kind for word in bench.store.requests(record.key)] == [RequestKind.USAGE_POLL]
    assert [each.key for each in bench.store.unfinished()] == [record.key]
    work_out(bench, 1.0)
    bench.drive(record)
    bench.run(record)
    assert bench.store.usage(record.key).measured_s == 3.0
    assert bench.store.unfinished() == []


@pytest.mark.parametrize("trouble", [None, ConnectionResetError("reset")])
def test_it_is_asked_for_a_few_times_with_longer_and_longer_pauses(make_late, trouble):
    bench, record = make_late()
    if trouble is not None:
        bench.backend.script(Call.MEASURED, *[Raise(trouble)] * 20)
    begun_s = bench.clock.monotonic()
    bench.drive(record)
    bench.run(record)
    assert asked(bench) == MOST_TRIES
    assert bench.clock.monotonic() - begun_s > FIRST_PAUSE_S * 4 ** (MOST_TRIES - 1)
    assert bench.store.unfinished() == []
    assert bench.store.usage(record.key).estimated_s == 6.0


def test_where_nothing_is_missing_nothing_is_asked(make_bench, circuits):
    bench = make_bench(**LATE)
    fetch = bench.backend.fetch

    def fetched(remote_id):
        raw = fetch(remote_id)
        return RawResult(raw.format, raw.data, RemoteFigures(usage_s=1.0))

    bench.backend.fetch = fetched
    record = bench.job_set(circuits(2))
    bench.drive(record)
    bench.run(record, within_s=FIRST_PAUSE_S)
    assert bench.store.unfinished() == []
    assert asked(bench) == 0


def test_what_more_is_sent_later_is_asked_for_as_well(make_late):
    """A limit of usage holds the second job back until the usage of the first is known."""
    bench, record = make_late(count=2, max_usage_s=3.0)
    run_until(bench, record, {"done": 1, "planned": 1})
    work_out(bench, 0.5)
    run_until(bench, record, {"done": 2})
    work_out(bench, 0.5)
    bench.run(record)
    assert bench.store.usage(record.key).measured_s == 1.0
    assert asked(bench) == 2
