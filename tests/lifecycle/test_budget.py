"""What each fact about a job, and each field of the budget, changes in what is decided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qiskit_job_manager.lifecycle import Budget, Call, CallKind, Event, Situation, Take, decide
from qiskit_job_manager.model import JobState, RemoteState

NOW_S = 10.0
ROOM = Budget(submissions=100, calls=100)
PLANNED, DOUBT, ACTIVE = (
    Situation(job_key=1, state=state)
    for state in (JobState.PLANNED, JobState.IN_DOUBT, JobState.ACTIVE)
)


def decided(*jobs, idle=(), now_s=NOW_S, **budget):
    return decide(jobs, now_s, replace(ROOM, **budget), idle)


def numbered(job, keys, **facts):
    return [replace(job, job_key=key, **facts) for key in keys]


def calls(kind, *keys):
    return [Call(kind, key) for key in keys]


# -- the fields of the budget -----------------------------------------------------------------


@pytest.mark.parametrize(("allowed", "sent"), [(-1, 0), (0, 0), (1, 1), (2, 2), (9, 3)])
def test_as_many_jobs_are_sent_as_the_limits_allow_the_first_ones(allowed, sent):
    jobs = numbered(PLANNED, [1, 2, 3])
    assert decided(*jobs, submissions=allowed) == calls(CallKind.SUBMIT, 1, 2, 3)[:sent]


@pytest.mark.parametrize(("free", "begun"), [(-1, 0), (0, 0), (1, 1), (2, 2), (9, 3)])
def test_no_more_calls_are_begun_than_there_are_free_threads(free, begun):
    jobs = numbered(ACTIVE, [1, 2, 3])
    assert decided(*jobs, calls=free) == calls(CallKind.STATUS, 1, 2, 3)[:begun]


@pytest.mark.parametrize(("free", "fetched"), [(0, 0), (1, 0), (2, 1), (3, 2), (9, 2)])
def test_an_enquiry_about_many_jobs_takes_one_thread(free, fetched):
    asked = numbered(ACTIVE, [1, 2])
    ended = numbered(ACTIVE, [3, 4], remote=RemoteState.DONE)
    about_all = calls(CallKind.STATUS, 1, 2) if free else []
    found = decided(*asked, *ended, calls=free, bulk_status=True)
    assert found == about_all + calls(CallKind.FETCH, 3, 4)[:fetched]


@pytest.mark.parametrize(("free", "begun"), [(-1, 0), (0, 0), (1, 1), (9, 2)])
def test_calls_that_wait_for_results_have_places_of_their_own(free, begun):
    jobs = numbered(ACTIVE, [1, 2])
    assert decided(*jobs, awaits=free, calls=0) == calls(CallKind.AWAIT, 1, 2)[:begun]


def test_what_is_begun_to_be_waited_for_is_not_asked_about_too():
    jobs = numbered(ACTIVE, [1, 2])
    both = [Call(CallKind.AWAIT, 1), Call(CallKind.STATUS, 2)]
    assert decided(*jobs, awaits=1) == both
    assert decided(*jobs, awaits=1, bulk_status=True) == both


@pytest.mark.parametrize("bulk", [True, False])
def test_a_job_that_is_waited_for_is_asked_about_only_where_that_costs_nothing(bulk):
    waited = replace(ACTIVE, awaited=True)
    assert decided(waited, bulk_status=bulk) == (calls(CallKind.STATUS, 1) if bulk else [])


def test_where_one_job_is_asked_about_all_are_that_cost_no_more():
    idle = [
        *numbered(ACTIVE, [2], ready_s=99.0),
        *numbered(ACTIVE, [3], ready_s=99.0, busy=True),
        *numbered(ACTIVE, [4], ready_s=99.0, remote=RemoteState.DONE),
        *numbered(ACTIVE, [5], ready_s=99.0, remote=RemoteState.CANCELLED),
        *numbered(DOUBT, [6], ready_s=99.0),
        *numbered(ACTIVE, [7], ready_s=99.0, remote=RemoteState.GONE),
    ]
    assert decided(ACTIVE, idle=idle, bulk_status=True) == calls(CallKind.STATUS, 1, 2)
    assert decided(ACTIVE, idle=idle) == calls(CallKind.STATUS, 1)


def test_nothing_is_asked_about_all_where_nothing_is_due():
    late = replace(ACTIVE, ready_s=99.0)
    assert decided(PLANNED, idle=[late], bulk_status=True) == calls(CallKind.SUBMIT, 1)


@pytest.mark.parametrize("state", [JobState.ACTIVE, JobState.IN_DOUBT])
def test_what_died_with_its_process_is_known_to_be_gone(state):
    job = Situation(job_key=1, state=state, remote=RemoteState.GONE)
    event = Event.ABSENT if state is JobState.IN_DOUBT else Event.DIED
    cause = "its process ended, and the job with it"
    assert decided(job, volatile=True) == [Take(event, 1, cause)]


def test_what_a_lasting_backend_does_not_have_any_more_is_lost():
    gone = replace(ACTIVE, remote=RemoteState.GONE)
    cause = "the backend does not have the job any more"
    assert decided(gone) == [Take(Event.VANISHED, 1, cause)]


def test_a_doubt_is_settled_as_the_backend_allows():
    assert decided(DOUBT) == []
    assert decided(DOUBT, findable=True) == calls(CallKind.FIND, 1)
    assert decided(DOUBT, idempotent=True) == calls(CallKind.SUBMIT, 1)
    assert decided(DOUBT, idempotent=True, findable=True) == calls(CallKind.SUBMIT, 1)
    assert decided(DOUBT, idempotent=True, submissions=0) == []


def test_two_look_ups_that_found_nothing_prove_absence_and_one_does_not():
    once, twice = (replace(DOUBT, look_ups=count) for count in (1, 2))
    assert decided(once, findable=True) == calls(CallKind.FIND, 1)
    absent = Take(Event.ABSENT, 1, "the backend has no job with its tag")
    assert decided(twice, findable=True) == [absent]
    assert decided(twice) == []


@pytest.mark.parametrize("cancels", [True, False])
def test_only_a_backend_that_can_cancel_is_asked_to(cancels):
    job = replace(ACTIVE, cancel_requested=True)
    kind = CallKind.CANCEL if cancels else CallKind.STATUS
    assert decided(job, cancels=cancels) == calls(kind, 1)
    assert decided(replace(job, cancel_sent=True), cancels=cancels) == calls(CallKind.STATUS, 1)


def test_a_backend_can_cancel_unless_it_says_otherwise():
    budget = Budget(submissions=0, calls=1)
    job = replace(ACTIVE, cancel_requested=True)
    assert decide([job], NOW_S, budget) == calls(CallKind.CANCEL, 1)
    assert budget == Budget(
        submissions=0,
        calls=1,
        awaits=0,
        volatile=False,
        idempotent=False,
        findable=False,
        listing_lag_s=0.0,
        bulk_status=False,
        cancels=True,
    )


def test_a_job_that_has_to_wait_holds_up_no_other():
    waiting = [*numbered(ACTIVE, [1], busy=True), *numbered(ACTIVE, [2], ready_s=99.0)]
    assert decided(*waiting, replace(ACTIVE, job_key=3)) == calls(CallKind.STATUS, 3)


# -- the facts about a job ---------------------------------------------------------------------


def test_calls_come_in_the_order_of_their_urgency():
    jobs = [
        replace(PLANNED, job_key=1),
        replace(ACTIVE, job_key=2),
        replace(DOUBT, job_key=3),
        replace(ACTIVE, job_key=4, cancel_requested=True),
        replace(ACTIVE, job_key=5, remote=RemoteState.ERROR),
        Situation(job_key=6, state=JobState.COLLECTING, has_result=True),
        Situation(job_key=7, state=JobState.COLLECTING),
    ]
    assert decided(*jobs, findable=True) == [
        Call(CallKind.UNDERSTAND, 6),
        Call(CallKind.FETCH, 5),
        Call(CallKind.FETCH, 7),
        Call(CallKind.CANCEL, 4),
        Call(CallKind.FIND, 3),
        Call(CallKind.STATUS, 2),
        Call(CallKind.SUBMIT, 1),
    ]


def test_nothing_is_asked_before_its_time():
    early, due = (replace(ACTIVE, ready_s=NOW_S + wait_s) for wait_s in (0.1, 0.0))
    assert decided(early) == []
    assert decided(due) == calls(CallKind.STATUS, 1)


def test_nothing_is_waited_for_before_its_time():
    early, due = (replace(ACTIVE, await_s=NOW_S + wait_s) for wait_s in (0.1, 0.0))
    assert decided(early, awaits=1) == calls(CallKind.STATUS, 1)
    assert decided(due, awaits=1) == calls(CallKind.AWAIT, 1)


@pytest.mark.parametrize(
    "facts",
    [
        {"state": JobState.COLLECTING},
        {"awaited": True},
        {"remote": RemoteState.DONE},
        {"remote": RemoteState.CANCELLED},
        {"remote": RemoteState.GONE},
        {"cancel_requested": True},
    ],
)
def test_only_what_goes_on_is_waited_for(facts):
    found = decided(replace(ACTIVE, **facts), awaits=1)
    assert CallKind.AWAIT not in [getattr(each, "kind", None) for each in found]


@pytest.mark.parametrize("remote", [RemoteState.DONE, RemoteState.ERROR])
def test_the_result_of_a_job_that_has_ended_is_fetched_once(remote):
    ended = replace(ACTIVE, remote=remote)
    assert decided(ended) == calls(CallKind.FETCH, 1)
    assert decided(replace(ended, awaited=True)) == []
    assert decided(replace(ended, cancel_requested=True)) == calls(CallKind.FETCH, 1)


@pytest.mark.parametrize("state", list(JobState))
def test_nothing_is_decided_about_a_job_while_a_call_about_it_is_under_way(state):
    busy = Situation(job_key=1, state=state, busy=True, cancel_requested=True)
    assert decided(busy, volatile=True, findable=True, bulk_status=True) == []


@pytest.mark.parametrize("state", [state for state in JobState if state.is_final])
def test_nothing_is_decided_about_a_job_that_has_ended(state):
    assert decided(Situation(job_key=1, state=state), findable=True, idempotent=True) == []


def test_what_follows_by_itself_is_taken_with_its_cause():
    jobs = [
        replace(PLANNED, job_key=1, cancel_requested=True),
        Situation(job_key=2, state=JobState.SUBMITTING),
        replace(ACTIVE, job_key=3, remote=RemoteState.CANCELLED, cancel_requested=True),
        replace(ACTIVE, job_key=4, remote=RemoteState.CANCELLED),
        replace(ACTIVE, job_key=5, remote=RemoteState.OUT_OF_REACH),
    ]
    reach = "only the process that sent the job could ask the backend about it, and it has ended"
    assert decided(*jobs, calls=0, submissions=0) == [
        Take(Event.DROPPED, 1, "cancelled before it was sent"),
        Take(Event.UNANSWERED, 2, "no answer to the submission was recorded"),
        Take(Event.STOPPED, 3, "cancelled on the backend, as asked"),
        Take(Event.STOPPED, 4, "cancelled on the backend, by somebody else"),
        Take(Event.OUT_OF_REACH, 5, reach),
    ]


def test_a_volatile_job_in_doubt_is_sent_again_under_its_tag_where_that_gives_the_same_job():
    """The scheduler of a cluster may still have it, though the process that sent it has ended."""
    assert decided(DOUBT, volatile=True, idempotent=True) == calls(CallKind.SUBMIT, 1)
    (taken,) = decided(DOUBT, volatile=True)
    assert taken.event is Event.ABSENT
