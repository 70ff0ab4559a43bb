"""No order of steps, pauses, deaths and lost answers breaks a promise about submitting.

Two drivers and two jobs, each pair of faults, each kind of backend and of store; every world that
can be reached is visited. And each rule is needed: without it, a broken promise is found.
"""

from __future__ import annotations

import itertools
from dataclasses import fields
from functools import cache

import pytest
from submission import exploration
from submission.protocol import BackendKind, Case, Fault, Rules, StoreKind

explore = cache(exploration.explore)
FAULTS = (Fault.PAUSE, Fault.CRASH, Fault.NETWORK)


@pytest.mark.parametrize("store", list(StoreKind))
@pytest.mark.parametrize("backend", list(BackendKind))
@pytest.mark.parametrize(
    "faults", [*itertools.combinations(FAULTS, 2), (Fault.CRASH, Fault.RESTORE)]
)
def test_no_two_faults_break_a_promise(faults, backend, store):
    found = explore(Case(backend, store, faults))
    assert (found.violation, found.story) == (None, ())
    assert 0 < found.ends < found.worlds


@pytest.mark.parametrize("backend", list(BackendKind))
def test_with_a_kernel_lock_three_faults_break_no_promise(backend):
    found = explore(Case(backend, StoreKind.KERNEL_LOCK, FAULTS))
    assert (found.violation, found.story) == (None, ())


def test_a_client_that_posts_twice_breaks_no_promise():
    found = explore(Case(BackendKind.FINDABLE, StoreKind.LEASE, (Fault.REPOST, Fault.NETWORK)))
    assert (found.violation, found.story) == (None, ())


def test_a_user_who_resubmits_a_job_in_doubt_gets_one_more_and_all_ends():
    faults = (Fault.RESUBMIT, Fault.NETWORK, Fault.CRASH)
    found = explore(Case(BackendKind.BLIND, StoreKind.LEASE, faults))
    assert (found.violation, found.story) == (None, ())


FINDABLE, LEASE, LOCK = BackendKind.FINDABLE, StoreKind.LEASE, StoreKind.KERNEL_LOCK
NEEDED = [
    ("fence", FINDABLE, LEASE, (Fault.PAUSE, Fault.NETWORK), "the job of another attempt"),
    *(("intent_first", kind, LOCK, (Fault.CRASH,), "paid for twice") for kind in BackendKind),
    ("waits_for_lag", FINDABLE, LOCK, (Fault.NETWORK,), "paid for twice"),
    ("checks_at_act", FINDABLE, LEASE, (Fault.PAUSE,), "paid for twice"),
    ("searches_after_expiry", FINDABLE, LEASE, (Fault.PAUSE, Fault.NETWORK), "no report says so"),
    ("doubts_reposts", FINDABLE, LEASE, (Fault.REPOST, Fault.NETWORK), "paid for twice"),
    *(
        ("searches_restored", kind, LOCK, (Fault.CRASH, Fault.RESTORE), "paid for twice")
        for kind in BackendKind
    ),
]


@pytest.mark.parametrize(("rule", "backend", "store", "faults", "words"), NEEDED)
def test_without_a_rule_a_promise_is_broken(rule, backend, store, faults, words):
    whole = explore(Case(backend, store, faults))
    assert whole.violation is None
    broken = explore(Case(backend, store, faults, Rules(**{rule: False})))
    assert words in (broken.violation or "")
    assert broken.story


def test_every_rule_is_shown_to_be_needed():
    assert {rule for rule, *_ in NEEDED} == {field.name for field in fields(Rules)}
