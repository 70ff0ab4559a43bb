"""What is decided is legal, within the budget, and never pays twice."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from qiskit_job_manager.lifecycle import (
    Budget,
    Call,
    CallKind,
    Event,
    Situation,
    Take,
    after_failed_run,
    decide,
    growing_wait_s,
    next_state,
    poll_interval_s,
    proves_absence,
)
from qiskit_job_manager.model import JobState, RemoteState, RetryPolicy

situations = st.builds(
    Situation,
    job_key=st.just(0),
    state=st.sampled_from(list(JobState)),
    busy=st.booleans(),
    ready_s=st.sampled_from([0.0, 5.0, 50.0]),
    remote=st.none() | st.sampled_from(list(RemoteState)),
    has_result=st.booleans(),
    cancel_requested=st.booleans(),
    cancel_sent=st.booleans(),
    doubted_s=st.just(0.0),
    look_ups=st.integers(0, 3),
)
budgets = st.builds(
    Budget,
    submissions=st.integers(-2, 5),
    calls=st.integers(-1, 8),
    volatile=st.booleans(),
    idempotent=st.booleans(),
    findable=st.booleans(),
    bulk_status=st.booleans(),
    cancels=st.booleans(),
    feeds_workers=st.booleans(),
)
NOW_S = 10.0


@st.composite
def sets_of_jobs(draw):
    jobs = draw(st.lists(situations, max_size=12))
    return [
        Situation(**{f: getattr(job, f) for f in Situation.__slots__ if f != "job_key"}, job_key=i)
        for i, job in enumerate(jobs)
    ]


@settings(deadline=None)
@given(sets_of_jobs(), budgets)
def test_decisions_are_legal_one_a_job_and_within_the_budget(jobs, budget):
    decisions = decide(jobs, NOW_S, budget)
    by_key = {job.job_key: job for job in jobs}
    keys = [d.job_key for d in decisions]
    asked = [by_key[d.job_key] for d in decisions if getattr(d, "kind", None) is CallKind.STATUS]
    together = budget.bulk_status and any(job.ready_s <= NOW_S for job in asked)
    assert len(keys) == len(set(keys))
    for decision in decisions:
        job = by_key[decision.job_key]
        assert not job.busy
        assert not job.state.is_final
        if isinstance(decision, Take):
            assert next_state(job.state, decision.event) is not None
        else:
            assert job.ready_s <= NOW_S or (together and decision.kind is CallKind.STATUS)
    calls = [d for d in decisions if isinstance(d, Call)]
    submissions = [c for c in calls if c.kind is CallKind.SUBMIT]
    assert len(submissions) <= max(budget.submissions, 0)
    counted = [c for c in calls if not (budget.bulk_status and c.kind is CallKind.STATUS)]
    assert len(counted) <= max(budget.calls, 0)


@settings(deadline=None)
@given(sets_of_jobs(), budgets)
def test_a_job_in_doubt_is_sent_only_to_a_backend_that_takes_a_tag_once(jobs, budget):
    doubted = {job.job_key for job in jobs if job.state is JobState.IN_DOUBT}
    for decision in decide(jobs, NOW_S, budget):
        if decision.job_key not in doubted:
            continue
        if isinstance(decision, Call) and decision.kind is CallKind.SUBMIT:
            assert budget.idempotent
        if isinstance(decision, Take):
            proved = budget.findable and jobs[decision.job_key].look_ups >= 2
            assert decision.event is Event.ABSENT
            assert budget.volatile or proved


@settings(deadline=None)
@given(sets_of_jobs(), budgets)
def test_nothing_that_is_to_be_cancelled_is_sent(jobs, budget):
    cancelled = {job.job_key for job in jobs if job.cancel_requested}
    for decision in decide(jobs, NOW_S, budget):
        if isinstance(decision, Call) and decision.kind is CallKind.SUBMIT:
            job = jobs[decision.job_key]
            assert decision.job_key not in cancelled or job.state is JobState.IN_DOUBT


def test_with_room_every_job_that_can_move_does():
    """A job never waits for anything but a call, a time, a limit, or the user's word."""
    room = Budget(submissions=100, calls=100, findable=True)
    for state in (s for s in JobState if not s.is_final):
        assert decide([Situation(job_key=1, state=state)], NOW_S, room), state
    blind = Budget(submissions=100, calls=100)
    assert not decide([Situation(job_key=1, state=JobState.IN_DOUBT)], NOW_S, blind)


def test_results_are_fetched_before_anything_is_sent():
    jobs = [
        Situation(job_key=1, state=JobState.PLANNED),
        Situation(job_key=2, state=JobState.ACTIVE),
        Situation(job_key=3, state=JobState.COLLECTING),
    ]
    one = Budget(submissions=5, calls=1)
    assert decide(jobs, NOW_S, one) == [Call(CallKind.FETCH, 3)]


def test_a_look_up_before_the_listings_lag_has_passed_proves_nothing():
    assert not proves_absence(asked_s=14.9, doubted_s=10.0, listing_lag_s=5.0)
    assert proves_absence(asked_s=15.0, doubted_s=10.0, listing_lag_s=5.0)


@given(st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_a_failed_run_is_repeated_only_within_the_policy_and_never_once_cancelled(
    attempts, most, cancelled
):
    event = after_failed_run(attempts, RetryPolicy(max_attempts=most), cancel_requested=cancelled)
    assert (event is Event.RETRIED) == (attempts < most and not cancelled)
    assert event in (Event.RETRIED, Event.BROKE)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_grow_to_a_ceiling_and_are_never_none(failures, chance):
    policy = RetryPolicy(first_wait_s=0.5, longest_wait_s=30.0)
    wait_s = growing_wait_s(failures, policy, chance)
    assert 0.05 <= wait_s <= 30.0
    assert wait_s <= 0.5 * 2 ** min(failures - 1, 40)


@given(st.floats(0, 1e7), st.booleans())
def test_polling_slows_down_with_age_within_bounds(age_s, local):
    interval_s = poll_interval_s(age_s, local=local)
    assert 0.005 <= interval_s <= 30.0
    assert poll_interval_s(age_s * 2, local=local) >= interval_s


def test_workers_are_fed_while_results_of_others_are_stored():
    """Three of four calls may send jobs; the queue of a cloud holds enough."""
    ended = {"state": JobState.ACTIVE, "remote": RemoteState.DONE}
    jobs = [Situation(job_key=key, **ended) for key in range(20)]
    jobs += [Situation(job_key=key, state=JobState.PLANNED) for key in range(20, 40)]

    def kinds(submissions, calls, *, feeds_workers):
        room = Budget(submissions=submissions, calls=calls, feeds_workers=feeds_workers)
        return Counter(each.kind for each in decide(jobs, NOW_S, room))

    assert kinds(20, 8, feeds_workers=True) == {CallKind.FETCH: 2, CallKind.SUBMIT: 6}
    assert kinds(3, 8, feeds_workers=True) == {CallKind.FETCH: 5, CallKind.SUBMIT: 3}
    assert kinds(0, 8, feeds_workers=True) == {CallKind.FETCH: 8}
    assert kinds(20, 8, feeds_workers=False) == {CallKind.FETCH: 8}
