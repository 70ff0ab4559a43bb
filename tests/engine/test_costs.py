"""A limit of the cost is kept to at the act, whatever happens before and after."""

from __future__ import annotations

import pytest

from qiskit_job_manager.model import Prices, RawResult, RemoteFigures
from qiskit_job_manager.testing import Call, LoseAnswer, Repeat

PRICES = Prices(currency="USD", per_second=1.0, per_shot=0.01, per_task=0.5)
ONE = 2.0 + 100 * 0.01 + 0.5  # of a job that is estimated at 2 s
CLOUD = {"findable": True, "may_duplicate": True, "listing_lag_s": 5.0}


@pytest.fixture
def make(make_bench, circuits):
    def make(count, max_cost, prices=PRICES, **can):
        bench = make_bench(usage_s=2.0, **({"findable": True} | can))
        record = bench.job_set(circuits(count), shots=100, prices=prices, max_cost=max_cost)
        return bench, record

    return make


def cost(bench, record):
    return record.prices.cost(bench.store.usage(record.key))


def rest(bench, record):
    """Step until nothing moves, with the clock."""
    bench.drive(record)
    for _ in range(300):
        bench.step()
        bench.clock.advance(1.0)


@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_so_many_are_sent_as_the_limit_allows(make, allowed):
    bench, record = make(5, allowed * ONE)
    rest(bench, record)
    assert len(bench.backend.ledger.accepted) == allowed
    assert bench.states(record) == {
        state: n for state, n in (("done", allowed), ("planned", 5 - allowed)) if n
    }
    assert cost(bench, record).total == pytest.approx(allowed * ONE)


def test_what_was_measured_makes_room(make):
    bench, record = make(5, 2 * ONE)
    fetch = bench.backend.fetch

    def measured(remote_id):
        raw = fetch(remote_id)
        return RawResult(raw.format, raw.data, RemoteFigures(usage_s=0.25))

    bench.backend.fetch = measured
    rest(bench, record)
    # Each took 0.25 s instead of 2 s: three of 1.75, and a fourth would be estimated at 3.5.
    assert len(bench.backend.ledger.accepted) == 3
    assert cost(bench, record).total == pytest.approx(3 * 1.75)
    assert cost(bench, record).estimated == 0.0


def test_duplicates_count(make):
    bench, record = make(5, 3 * ONE, **CLOUD)
    bench.backend.script(Call.SUBMIT, Repeat())
    bench.store.set_max_cost(record.key, ONE)
    rest(bench, record)
    assert len(bench.backend.ledger.accepted) == 2  # one job, twice
    assert cost(bench, record).total == pytest.approx(2 * ONE)
    bench.store.set_max_cost(record.key, 3 * ONE)
    rest(bench, record)
    assert len(bench.backend.ledger.accepted) == 3
    assert cost(bench, record).total == pytest.approx(3 * ONE)


def test_a_submission_without_an_answer_counts(make):
    bench, record = make(3, ONE, findable=False)
    bench.backend.script(Call.SUBMIT, LoseAnswer())
    rest(bench, record)
    assert bench.states(record) == {"in doubt": 1, "planned": 2}
    assert cost(bench, record).total == pytest.approx(ONE)


def test_the_next_driver_keeps_to_it_too(make):
    bench, record = make(4, 2 * ONE)
    bench.drive(record)
    for _ in range(20):
        bench.crash()
        bench.drive(record)
        bench.step()
        bench.clock.advance(1.0)
    rest(bench, record)
    assert len(bench.backend.ledger.accepted) == 2


def test_both_limits_hold(make_bench, circuits):
    bench = make_bench(usage_s=2.0, findable=True)
    record = bench.job_set(circuits(5), shots=100, prices=PRICES, max_cost=4 * ONE, max_usage_s=4.0)
    rest(bench, record)
    assert len(bench.backend.ledger.accepted) == 2


def test_a_job_whose_cost_is_not_known_is_not_sent(make_bench, circuits):
    bench = make_bench(findable=True)
    record = bench.job_set(circuits(2), shots=100, prices=PRICES, max_cost=1000.0)
    rest(bench, record)
    assert not bench.backend.ledger.accepted


def test_sums_of_tenths_reach_the_limit(make_bench, circuits):
    bench = make_bench(findable=True)
    tenth = Prices(currency="USD", per_task=0.1)
    record = bench.job_set(circuits(4), shots=1, prices=tenth, max_cost=0.3)
    rest(bench, record)
    assert len(bench.backend.ledger.accepted) == 3
