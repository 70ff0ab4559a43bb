"""The judge of histories: a right store passes, and one that breaks its contract is caught."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread

import pytest
from rig.history import SUFFIX, Recorded, Recorder, Watched, read_histories
from rig.history_checker import violations

from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.store_samples import hand_over, step, submission, the_set


def call(name, begun, ended, answer=None, error=None, **asked):
    return Recorded(name, {"set": 1, **asked}, begun, ended, answer, error)


def create(begun, ended):
    return call("create_job_set", begun, ended, [1, "a", 1], owner="a")


def complete(begun, ended, error=None):
    return call("complete_job_set", begun, ended, None, error, token=[1, "a", 1])


def claim(begun, ended, fence, owner="a"):
    token = None if fence is None else [1, owner, fence]
    return call("claim", begun, ended, token, owner=owner)


def advance(begun, ended, landed, fence=1, owner="a", before="planned", after="submitting"):
    move = {"job": 7, "expected": before, "after": after, "new_tag": None, "remote_id": None}
    answer = None if landed is None else [landed]
    return call("advance", begun, ended, answer, token=[1, owner, fence], steps=[move])


def state(begun, ended, state):
    return call("jobs", begun, ended, [[7, state, None, None]])


RIGHT = {
    "one after the other": [create(0, 1), advance(2, 3, True), state(4, 5, "submitting")],
    "a read beside a write sees it": [
        create(0, 1),
        advance(2, 9, True),
        state(3, 4, "submitting"),
    ],
    "a read beside a write does not see it": [
        create(0, 1),
        advance(2, 9, True),
        state(3, 4, "planned"),
    ],
    "a stale write is refused": [create(0, 1), claim(2, 3, 2, "b"), advance(4, 5, False)],
    "a write beside the claim of another": [
        create(0, 1),
        claim(2, 9, 2, "b"),
        advance(3, 4, True),
    ],
    "an unknown write was done later": [
        create(0, 1),
        advance(2, None, None),
        state(3, 4, "planned"),
        state(5, 6, "submitting"),
    ],
    "an unknown write was never done": [
        create(0, 1),
        advance(2, None, None),
        claim(3, 4, 2, "b"),
        advance(5, 6, True, 2, "b"),
    ],
    "an unknown claim raised the fence": [
        create(0, 1),
        replace(claim(2, 3, None, "b"), ended_ns=None),
        advance(4, 5, False),
        claim(6, 7, 3, "c"),
    ],
    "its owner, who claimed again, may not complete a set with the earlier token": [
        create(0, 1),
        claim(2, 3, 2),
        complete(4, 5, "LeaseLostError"),
    ],
    "another may not complete a set": [
        create(0, 1),
        claim(2, 3, 2, "b"),
        complete(4, 5, "LeaseLostError"),
    ],
    "who made the set died, and may still have the lease": [claim(2, 3, None, "b")],
    "a write that raised was done": [
        create(0, 1),
        replace(advance(2, 3, None), error="StoreError"),
        state(4, 5, "submitting"),
    ],
}
WRONG = {
    "a stale write landed": [create(0, 1), claim(2, 3, 2, "b"), advance(4, 5, True)],
    "a write landed in another state": [
        create(0, 1),
        advance(2, 3, True),
        advance(4, 5, True),
    ],
    "a write was refused without a reason": [create(0, 1), advance(2, 3, False)],
    "a write is gone": [create(0, 1), advance(2, 3, True), state(4, 5, "planned")],
    "a read went back in time": [
        create(0, 1),
        advance(2, 9, True),
        state(3, 4, "submitting"),
        state(5, 6, "planned"),
    ],
    "two claims have the same fence": [create(0, 1), claim(2, 3, 1, "b")],
    "a driver that was replaced may stay": [
        create(0, 1),
        claim(2, 3, 2, "b"),
        call("renew", 4, 5, True, token=[1, "a", 1]),
    ],
    "a driver may not stay, though nobody else claimed": [
        create(0, 1),
        call("renew", 2, 3, False, token=[1, "a", 1]),
    ],
    "nobody drives, and yet a claim is refused": [
        create(0, 1),
        call("release", 2, 3, None, token=[1, "a", 1]),
        claim(4, 5, None),
    ],
    "a set is completed without the lease": [create(0, 1), claim(2, 3, 2, "b"), complete(4, 5)],
    "its owner, who claimed again, completes a set with the earlier token": [
        create(0, 1),
        claim(2, 3, 2),
        complete(4, 5),
    ],
    "its owner may not complete a set": [create(0, 1), complete(2, 3, "LeaseLostError")],
    "a stale request is settled": [
        create(0, 1),
        claim(2, 3, 2, "b"),
        call("finish_request", 4, 5, True, token=[1, "a", 1]),
    ],
    "a write that raised was done after its end": [
        create(0, 1),
        replace(advance(2, 3, None), error="StoreError"),
        state(4, 5, "planned"),
        state(6, 7, "submitting"),
    ],
}


@pytest.mark.parametrize("calls", RIGHT.values(), ids=RIGHT)
def test_what_a_right_store_may_answer_is_no_violation(calls):
    assert list(violations(calls)) == []


@pytest.mark.parametrize("calls", WRONG.values(), ids=WRONG)
def test_what_no_right_store_can_answer_is_a_violation(calls):
    assert len(list(violations(calls))) == 1


# -- real stores, and broken ones ---------------------------------------------------------------


class WithoutFence:
    """Takes the writes of earlier drivers as if they were the newest."""

    def __init__(self, store):
        self._store = store
        self._newest = None

    def __getattr__(self, name):
        return getattr(self._store, name)

    def claim(self, job_set_key, owner):
        self._newest = self._store.claim(job_set_key, owner)
        return self._newest

    def advance(self, token, steps):
        return self._store.advance(self._newest, steps)


class WithoutExpectedState:
    """Lets a step land in whatever state the job is."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def advance(self, token, steps):
        states = {job.key: job.state for job in self._store.jobs(token.job_set_key)}
        return self._store.advance(token, [replace(s, expected=states[s.job_key]) for s in steps])


class Right(WithoutFence):
    advance = property(lambda self: self._store.advance)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    location = tmp_path / "store.db"
    if request.param == "postgresql":
        location = request.getfixturevalue("postgresql_url")
    store = open_store(location)
    hand_over(store, [["a"], ["b"]])
    yield store
    store.close()


def two_drivers(store, watched):
    """One driver works, then another takes over, and the first goes on: all from two threads."""
    key = the_set(store).key
    first = watched.claim(key, "first")
    begin = [submission(store, 0, "t-1"), submission(store, 1, "t-2")]
    watched.advance(first, begin[:1])
    watched.release(first)
    watched.claim(key, "second")
    accepted = step(store, 0, JobState.SUBMITTING, JobState.ACTIVE, remote_id="r-1")
    threads = [
        Thread(target=watched.advance, args=(first, [each])) for each in (accepted, begin[1])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    watched.jobs(key)


@pytest.mark.parametrize(
    ("kind", "is_caught"), [(Right, False), (WithoutFence, True)], ids=["right", "no fence"]
)
def test_a_store_that_ignores_the_fence_is_caught(store, tmp_path, kind, is_caught):
    recorder = Recorder(tmp_path / f"one{SUFFIX}")
    two_drivers(store, Watched(kind(store), recorder))
    assert bool(list(violations(read_histories(tmp_path)))) is is_caught


@pytest.mark.parametrize(
    ("kind", "is_caught"),
    [(Right, False), (WithoutExpectedState, True)],
    ids=["right", "no expected state"],
)
def test_a_store_that_ignores_the_expected_state_is_caught(store, tmp_path, kind, is_caught):
    recorder = Recorder(tmp_path / f"one{SUFFIX}")
    watched = Watched(kind(store), recorder)
    token = watched.claim(the_set(store).key, "driver")
    for tag in ("t-1", "t-2"):
        watched.advance(token, [submission(store, 0, tag)])
    assert bool(list(violations(read_histories(tmp_path)))) is is_caught
