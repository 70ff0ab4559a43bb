"""The table is whole: nothing unreachable, nothing unused, and no way to pay twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiskit_job_manager.lifecycle import TRANSITIONS, Event, next_state
from qiskit_job_manager.model import JobState

USERS_WORD = {Event.REVIVED, Event.RESUBMITTED, Event.REOPENED, Event.ABANDONED}
SENT_AGAIN_SAFELY = {Event.DEFERRED, Event.HALVED, Event.ABSENT, Event.DIED, Event.RETRIED}


# Written out a second time, in the words that are stored: a transition that is lost, added or
# turned elsewhere is a change of what stores say, and has to be made here too.
GOLDEN = """
planned: intended -> submitting
planned: dropped -> cancelled
submitting: accepted -> active
submitting: deferred -> planned
submitting: refused -> failed
submitting: halved -> planned
submitting: unanswered -> in doubt
in doubt: found -> active
in doubt: absent -> planned
in doubt: repeated -> submitting
in doubt: resubmitted -> planned
in doubt: abandoned -> cancelled
active: ended -> collecting
active: stopped -> cancelled
active: vanished -> lost
active: out of reach -> in doubt
active: died -> planned
collecting: stored -> collecting
collecting: understood -> done
collecting: broke -> failed
collecting: retried -> planned
collecting: gone -> lost
collecting: died -> planned
collecting: out of reach -> in doubt
failed: revived -> planned
failed: reopened -> active
lost: revived -> planned
lost: reopened -> active
cancelled: revived -> planned
"""


def test_the_table_is_what_was_agreed():
    rows = {f"{before}: {event} -> {after}" for (before, event), after in TRANSITIONS.items()}
    assert rows == set(GOLDEN.split("\n")) - {""}
    for (before, event), after in TRANSITIONS.items():
        assert next_state(before, event) is after


def test_every_event_is_used_and_every_state_can_be_reached():
    assert {event for _, event in TRANSITIONS} == set(Event)
    reached, frontier = {JobState.PLANNED}, [JobState.PLANNED]
    while frontier:
        state = frontier.pop()
        for (before, _), after in TRANSITIONS.items():
            if before is state and after not in reached:
                reached.add(after)
                frontier.append(after)
    assert reached == set(JobState)


@pytest.mark.parametrize("state", [s for s in JobState if not s.is_final])
def test_every_state_that_is_not_final_leads_to_done(state):
    reached, frontier = {state}, [state]
    while frontier:
        for after in (a for (b, _), a in TRANSITIONS.items() if b is frontier[-1]):
            if after not in reached:
                reached.add(after)
                frontier.insert(0, after)
        frontier.pop()
    assert JobState.DONE in reached


def test_only_the_users_word_leaves_a_final_state():
    leaving = {event for (before, event) in TRANSITIONS if before.is_final}
    assert leaving <= USERS_WORD
    assert not any(before is JobState.DONE for before, _ in TRANSITIONS)
    assert {e for before, e in TRANSITIONS if before is JobState.CANCELLED} == {Event.REVIVED}


def test_what_was_sent_is_planned_again_only_when_it_is_safe_or_the_user_says_so():
    back = {e for (before, e), after in TRANSITIONS.items() if after is JobState.PLANNED}
    assert back == SENT_AGAIN_SAFELY | {Event.REVIVED, Event.RESUBMITTED}


def test_a_job_in_doubt_is_never_sent_again_under_another_tag_without_proof_or_word():
    out_of_doubt = {e for (before, e) in TRANSITIONS if before is JobState.IN_DOUBT}
    assert out_of_doubt == {
        Event.FOUND,
        Event.ABSENT,
        Event.REPEATED,
        Event.RESUBMITTED,
        Event.ABANDONED,
    }


@given(st.lists(st.sampled_from(list(Event)), max_size=60))
def test_no_walk_leaves_the_table_and_an_illegal_event_changes_nothing(events):
    state = JobState.PLANNED
    for event in events:
        after = next_state(state, event)
        assert (after is None) == ((state, event) not in TRANSITIONS)
        state = after or state
        assert isinstance(state, JobState)
