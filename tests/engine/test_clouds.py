"""What clouds do beside running jobs: refuse large ones, post twice, and charge for usage."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, datetime

from qiskit_job_manager.codec.circuits import unpack
from qiskit_job_manager.errors import (
    SubmissionDeferredError,
    SubmissionTooLargeError,
    TransientBackendError,
)
from qiskit_job_manager.model import RawResult, RemoteFigures, RequestKind
from qiskit_job_manager.results import ResultSource
from qiskit_job_manager.testing import Call, LoseAnswer, Raise, Repeat

CLOUD = {"findable": True, "listing_lag_s": 5.0, "may_duplicate": True}


# -- jobs that are too large ------------------------------------------------------------------


def limit_size(backend, most):
    """Have a backend refuse jobs of more than so many circuits."""
    submit = backend.submit

    def strict(payload, options, tag, labels=()):
        count = len(unpack(payload))
        if count > most:
            raise SubmissionTooLargeError(f"{count} circuits are too many")
        return submit(payload, options, tag, labels)

    backend.submit = strict


def test_a_job_refused_for_its_size_is_halved_until_it_fits_and_experiments_keep_their_places(
    make_bench, circuits
):
    bench = make_bench(findable=True)
    limit_size(bench.backend, 3)
    record = bench.job_set(circuits(20), per_job=10, shots=100)
    bench.drive(record)
    bench.run(record)
    jobs = bench.jobs(record)
    assert {job.state for job in jobs} == {"done"}
    assert sorted((job.start, job.stop) for job in jobs) == [
        *((0, 2), (2, 5), (5, 7), (7, 10)),
        *((10, 12), (12, 15), (15, 17), (17, 20)),
    ]
    assert bench.store.job_set(record.job_set_id).n_jobs == len(jobs) == 8
    assert [job.index for job in jobs] == list(range(8))
    source = ResultSource(bench.store, record)
    names = [source.experiment(index, partial=False).header["name"] for index in range(20)]
    assert names == [f"c{index}" for index in range(20)]
    assert bench.store.totals(record.key).experiments == {"done": 20}
    assert len(bench.sent()) == 8


def test_a_halved_job_tells_why_and_goes_on_after_a_crash(make_bench, circuits):
    bench = make_bench(findable=True)
    limit_size(bench.backend, 2)
    record = bench.job_set(circuits(4), per_job=4)
    bench.drive(record)
    bench.step(2)
    bench.crash()
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 2}
    story = [event for event in bench.store.events(record.key, 0) if event.event == "halved"]
    assert "too many" in story[0].cause
    assert "experiment 2" in story[0].cause


def test_one_experiment_that_is_too_large_alone_fails_with_the_backends_words(make_bench, circuits):
    bench = make_bench(findable=True)
    limit_size(bench.backend, 0)
    record = bench.job_set(circuits(3), per_job=3)
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"failed": 3}
    assert {job.error for job in bench.jobs(record)} == {"1 circuits are too many"}


# -- twins ------------------------------------------------------------------------------------


def test_what_the_client_posted_twice_is_found_cancelled_and_told_of(make_bench, circuits, caplog):
    bench = make_bench(**CLOUD)
    bench.backend.script(Call.SUBMIT, Repeat())
    record = bench.job_set(circuits(3))
    bench.drive(record)
    with caplog.at_level(logging.WARNING, "qiskit_job_manager"):
        bench.run(record)
    assert bench.states(record) == {"done": 3}
    recorded = {job.remote_id for job in bench.jobs(record)}
    (twin,) = {each.remote_id for each in bench.backend.ledger.accepted} - recorded
    cancels = [about for call, about in bench.backend.ledger.calls if call is Call.CANCEL]
    assert cancels == [twin]
    assert [r.message for r in caplog.records if twin in r.message]
    told = [e.cause for e in bench.store.events(record.key, 0) if e.event == "twin"]
    assert len(told) == 1
    assert twin in told[0]
    assert bench.store.requests(record.key) == []
    assert bench.backend.ledger.count(Call.FIND_DUPLICATES) == 1


def test_twins_are_looked_for_even_when_the_driver_died_before_it_could(make_bench, circuits):
    bench = make_bench(**CLOUD)
    bench.backend.script(Call.SUBMIT, Repeat())
    record = bench.job_set(circuits(1))
    bench.drive(record)
    while bench.states(record) != {"done": 1}:
        bench.step()
        bench.clock.advance(0.5)
    assert [word.kind for word in bench.store.requests(record.key)] == [
        RequestKind.DUPLICATE_SEARCH
    ]
    bench.crash()
    assert [each.key for each in bench.store.unfinished()] == [record.key]
    bench.drive(record)
    bench.run(record)
    assert bench.backend.ledger.count(Call.CANCEL) == 1
    assert bench.store.unfinished() == []


def test_what_was_accepted_although_it_was_refused_is_cancelled(make_bench, circuits):
    bench = make_bench(**CLOUD)
    bench.backend.script(Call.SUBMIT, LoseAnswer(SubmissionDeferredError("429, as it were")))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 1}
    first, _ = [each.remote_id for each in bench.backend.ledger.accepted]
    assert (Call.CANCEL, first) in bench.backend.ledger.calls


def test_a_listing_that_never_answers_does_not_hold_the_set_for_ever(make_bench, circuits):
    bench = make_bench(**CLOUD)
    bench.backend.script(Call.FIND_DUPLICATES, *[Raise(ConnectionResetError("reset"))] * 50)
    record = bench.job_set(circuits(2))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 2}
    assert not bench.engine.drives(record.key)
    assert bench.backend.ledger.count(Call.FIND_DUPLICATES) == 5


def test_jobs_carry_the_sets_label_and_the_users_tags(make_bench, circuits):
    bench = make_bench(**CLOUD)
    record = bench.job_set(circuits(2), tags=("mine", "ü"))
    bench.drive(record)
    bench.run(record)
    labels = {each.labels for each in bench.backend.ledger.accepted}
    assert labels == {(f"qjm-set-{record.job_set_id}", "mine", "ü")}


# -- usage ------------------------------------------------------------------------------------


def with_figures(backend, figures):
    fetch = backend.fetch

    def fetch_with_figures(remote_id):
        raw = fetch(remote_id)
        return RawResult(raw.format, raw.data, figures)

    backend.fetch = fetch_with_figures


def test_what_the_backend_measured_is_kept_with_the_attempt_and_summed(make_bench, circuits):
    bench = make_bench(findable=True, usage_s=2.0)
    times = [datetime(2026, 11, 21, hour, tzinfo=UTC) for hour in (9, 10, 11)]
    figures = RemoteFigures(3.5, *times, "batch-1")
    with_figures(bench.backend, figures)
    record = bench.job_set(circuits(2))
    bench.drive(record)
    bench.step()
    before = bench.store.usage(record.key)
    assert (before.measured_s, before.estimated_s) == (0.0, 4.0)
    bench.run(record)
    assert [bench.store.attempts(job.key)[0].figures for job in bench.jobs(record)] == [figures] * 2
    after = bench.store.usage(record.key)
    assert (after.measured_s, after.estimated_s) == (7.0, 0.0)


def test_nothing_is_sent_beyond_the_usage_that_was_allowed(make_bench, circuits):
    bench = make_bench(findable=True, usage_s=2.0)
    record = bench.job_set(circuits(5), max_usage_s=5.0)
    bench.drive(record)
    bench.run(record, within_s=60)
    assert bench.states(record) == {"done": 2, "planned": 3}
    assert bench.backend.ledger.count(Call.CANCEL) == 0
    bench.store.set_max_usage(record.key, 8.0)
    bench.run(record, within_s=60)
    assert bench.states(record) == {"done": 4, "planned": 1}
    bench.store.set_max_usage(record.key, None)
    bench.run(record, within_s=60)
    assert bench.states(record) == {"done": 5}


def test_what_was_refused_costs_nothing(make_bench, circuits):
    bench = make_bench(findable=True, usage_s=2.0)
    bench.backend.script(Call.SUBMIT, *[Raise(SubmissionDeferredError("later"))] * 4)
    record = bench.job_set(circuits(2), max_usage_s=4.0)
    bench.drive(record)
    bench.run(record, within_s=600)
    assert Counter(bench.states(record)) == {"done": 2}


# -- outages ----------------------------------------------------------------------------------


def test_a_wait_that_the_backend_asked_for_is_kept_whatever_others_are_told(make_bench, circuits):
    bench = make_bench(findable=True)
    busy = TransientBackendError("429", retry_after_s=40.0)
    bench.backend.script(Call.STATUSES, Raise(busy), Raise(busy))
    record = bench.job_set(circuits(2))
    bench.drive(record)
    began_s = bench.clock.monotonic()
    bench.run(record)
    assert bench.states(record) == {"done": 2}
    assert bench.clock.monotonic() - began_s >= 40.0
