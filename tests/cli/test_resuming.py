"""Going on with job sets where they stopped, and what is told of those that cannot."""

from __future__ import annotations

import json
import shutil

import pytest

from qiskit_job_manager import backends
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.cloud_service import Endpoint, Fate, Faults, Trouble, Way
from qiskit_job_manager.testing.store_samples import create, draft

pytestmark = pytest.mark.usefixtures("often")

DONE = "4 circuits in 4 jobs: 4 done"


@pytest.fixture
def left(run_on, cloud):
    """Leaves a set on the cloud, handed over and running; the cloud goes on at the next word."""

    def left(*names, **how):
        cloud.faults = Faults(jobs_at_once=0)
        for name in names:
            assert run_on(name, "--no-wait", **how).code == 0
        cloud.faults = Faults()

    return left


@pytest.fixture
def not_installed(monkeypatch):
    """Have blind clouds no longer open here, as if their package were gone."""
    really = backends.open_backend

    def open_backend(uri):
        if "blind" in uri:
            raise ModuleNotFoundError("No module named 'vendor'")
        return really(uri)

    return lambda: monkeypatch.setattr(backends, "open_backend", open_backend)


def test_where_nothing_is_left_to_do_nothing_is_done(qjm, run_on):
    assert run_on("done").code == 0
    outcome = qjm("resume")
    assert (outcome.code, outcome.out) == (0, "All job sets have ended.\n")
    assert json.loads(qjm("resume", "--json").out) == []


def test_all_sets_go_on_oldest_first_and_nothing_is_sent_again(qjm, left, cloud):
    left("a", "b", "c")
    outcome = qjm("resume")
    assert outcome.code == 0
    assert outcome.out.splitlines() == [f"{name}: {DONE}" for name in "abc"]
    assert set(cloud.books().submissions_by_tag().values()) == {1}
    assert cloud.books().submissions_by_payload().total() == 12


def test_named_sets_go_on_and_no_others(qjm, left, shown):
    left("a", "b", "c")
    outcome = qjm("resume", "a", "c", shown("c")["job_set_id"], "--json")
    assert outcome.code == 0
    assert [(s["name"], s["success"]) for s in json.loads(outcome.out)] == [
        ("a", True),
        ("c", True),
    ]
    assert shown("b")["ended"] is False
    assert qjm("resume", "a", "nobody").code == 1


def test_a_set_whose_backend_is_not_installed_is_one_message_and_holds_up_no_other(
    qjm, left, not_installed, shown
):
    left("gone", variant="blind")
    left("here")
    not_installed()
    outcome = qjm("resume")
    assert outcome.code == 1
    assert outcome.out == f"here: {DONE}\n"
    (error,) = (line for line in outcome.err.splitlines() if line.startswith("Error: "))
    for part in ("'gone'", "No module named 'vendor'", "can be read"):
        assert part in error
    for words in (["show", "gone"], ["list"], ["log", "gone"], ["results", "gone"]):
        assert qjm(*words).code in {0, 3}
    for words in (["wait", "gone"], ["resume", "gone"]):
        refused = qjm(*words)
        assert refused.code == 1
        assert sum(line.startswith("Error: ") for line in refused.err.splitlines()) == 1


def test_the_worst_outcome_gives_the_exit_code(qjm, left, cloud):
    left("late")
    cloud.faults = Faults(jobs_at_once=0)
    outcome = qjm("resume", "--timeout", "0")
    assert outcome.code == 4
    assert "go on with: qjm resume" in outcome.err
    cloud.faults = Faults()
    assert qjm("resume").code == 0


def test_experiments_without_result_give_three(qjm, run_on, cloud):
    cloud.tell(Fate.FAILS)
    cloud.faults = Faults(jobs_at_once=0)
    assert run_on("half", "--no-wait").code == 0
    cloud.faults = Faults()
    assert qjm("resume").code == 3


def test_a_set_that_needs_the_user_is_told_of_and_not_waited_for(qjm, run_on, cloud):
    cloud.script(Endpoint.SUBMIT, Trouble(Way.RESET, after=True))
    assert run_on("doubtful", variant="blind").code == 3
    outcome = qjm("resume")
    assert outcome.code == 3
    assert "qjm resubmit " in outcome.err
    assert "qjm abandon " in outcome.err


def test_an_incomplete_hand_over_says_what_to_do(qjm, store):
    opened = open_store(store)
    create(opened, draft("torn"))
    opened.close()
    assert qjm("resume").code == 0
    outcome = qjm("resume", "torn")
    assert outcome.code == 1
    assert "was not handed over completely" in outcome.err
    assert "not all handed over" in qjm("list").out
    assert "not all circuits have been handed over" in qjm("show", "torn").out


def test_a_copied_store_is_read_and_driven_only_once_it_was_adopted(qjm, left, store, tmp_path):
    left("set")
    copy = tmp_path / "copy.db"
    shutil.copy(store, copy)
    for words in (["resume"], ["resume", "set"], ["wait", "set"]):
        refused = qjm("--store", copy, *words)
        assert refused.code == 1
        assert sum(line.startswith("Error: ") for line in refused.err.splitlines()) == 1
    assert "qjm adopt" in qjm("--store", copy, "resume").err
    assert qjm("--store", copy, "show", "set").code == 0
    assert qjm("--store", copy, "adopt").code == 2
    assert qjm("--store", copy, "adopt", "--yes").code == 0
    assert qjm("--store", copy, "resume").out == f"set: {DONE}\n"
