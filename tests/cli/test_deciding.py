"""The user's word: retry, resubmit, abandon, and what is done with duplicates."""

from __future__ import annotations

import json

import pexpect
import pytest

from qiskit_job_manager import backends
from qiskit_job_manager.manager import JobManager
from qiskit_job_manager.results import source_of
from qiskit_job_manager.testing.cloud_service import (
    CloudClient,
    Deed,
    Endpoint,
    Fate,
    Faults,
    Trouble,
    Way,
)

pytestmark = pytest.mark.usefixtures("often")

LOSE_ANSWER = Trouble(Way.RESET, after=True)


@pytest.fixture
def doubtful(run_on, cloud, shown) -> str:
    """A set of four jobs on a blind backend, of which two are in doubt; returns its id."""
    cloud.script(Endpoint.SUBMIT, LOSE_ANSWER, LOSE_ANSWER)
    assert run_on("doubtful", variant="blind").code == 3
    assert shown("doubtful")["jobs_by_state"] == {"in doubt": 2, "done": 2}
    return shown("doubtful")["job_set_id"]


def sent(cloud) -> int:
    return cloud.books().submissions_by_payload().total()


def in_doubt(shown) -> list[int]:
    jobs = shown("doubtful")["job_list"]
    return [job["index"] for job in jobs if job["state"] == "in doubt"]


# -- retry -----------------------------------------------------------------------------------------


def test_retry_sends_what_failed_and_only_that(run_on, qjm, cloud):
    cloud.tell(Fate.FAILS, Fate.RUNS, Fate.FAILS)
    assert run_on("half").code == 3
    before = sent(cloud)
    again = qjm("retry", "half")
    assert (again.code, again.out) == (0, "half: 4 circuits in 4 jobs: 4 done\n")
    assert sent(cloud) == before + 2


def test_retry_without_waiting_hands_over(run_on, qjm, cloud, shown):
    cloud.tell(Fate.FAILS)
    assert run_on("half").code == 3
    cloud.faults = Faults(jobs_at_once=0)
    assert qjm("retry", "half", "--no-wait").code == 0
    assert shown("half")["jobs_by_state"] == {"done": 3, "active": 1}


def test_where_nothing_failed_retry_sends_nothing(run_on, qjm, cloud):
    assert run_on("good").code == 0
    before = sent(cloud)
    again = qjm("retry", "good")
    assert again.code == 0
    assert "No job failed" in again.err
    assert sent(cloud) == before


# -- resubmit and abandon --------------------------------------------------------------------------


def test_list_and_show_point_out_what_needs_the_user(doubtful, qjm):
    commands = (f"qjm resubmit {doubtful}", f"qjm abandon {doubtful}")
    shown, listed = qjm("show", "doubtful").out, qjm("list")
    for command in commands:
        assert command in shown
        assert command in listed.err
    assert "2 jobs may or may not" in shown
    assert len(listed.out.splitlines()) == 2
    assert [each["needs_user"] for each in json.loads(qjm("list", "--json").out)] == [2]


def test_a_set_that_needs_nobody_has_nothing_pointed_out(run_on, qjm):
    assert run_on("good").err.count("needs you") == 0
    assert qjm("list").err == ""
    assert "qjm abandon" not in qjm("show", "good").out


def test_resubmit_is_refused_where_nobody_can_be_asked(doubtful, qjm, cloud, shown):
    before = sent(cloud)
    refused = qjm("resubmit", "doubtful")
    assert refused.code == 2
    assert "twice" in refused.err
    assert "--yes" in refused.err
    assert sent(cloud) == before
    assert len(in_doubt(shown)) == 2


def test_resubmit_sends_what_is_in_doubt_once_more(doubtful, qjm, cloud):
    before = sent(cloud)
    again = qjm("resubmit", "doubtful", "--yes")
    assert (again.code, again.out) == (0, "doubtful: 4 circuits in 4 jobs: 4 done\n")
    assert sent(cloud) == before + 2


def test_single_jobs_are_resubmitted_and_abandoned(doubtful, qjm, cloud, shown):
    before, (first, second) = sent(cloud), in_doubt(shown)
    assert qjm("resubmit", "doubtful", first, "--yes").code == 3
    assert in_doubt(shown) == [second]
    assert sent(cloud) == before + 1
    assert qjm("abandon", "doubtful", second).code == 0
    assert shown("doubtful")["jobs_by_state"] == {"done": 3, "cancelled": 1}
    assert sent(cloud) == before + 1


def test_abandon_needs_no_backend(doubtful, qjm, shown, monkeypatch):
    def refuse(uri):
        raise ModuleNotFoundError("No module named 'vendor'")

    monkeypatch.setattr(backends, "open_backend", refuse)
    assert qjm("abandon", "doubtful").code == 0
    assert shown("doubtful")["jobs_by_state"] == {"done": 2, "cancelled": 2}


@pytest.mark.parametrize("command", [("resubmit", "--yes"), ("abandon",)])
def test_a_job_that_is_not_in_doubt_is_named_and_nothing_done(doubtful, qjm, cloud, shown, command):
    before = sent(cloud)
    done = next(i for i in range(4) if i not in in_doubt(shown))
    word, *options = command
    doubted = in_doubt(shown)
    for index, named in ((done, f"Job {done} "), (99, "no job 99")):
        outcome = qjm(word, "doubtful", *doubted, index, *options)
        assert outcome.code == 1
        assert named in outcome.err
    assert sent(cloud) == before
    assert len(in_doubt(shown)) == 2


@pytest.mark.parametrize("command", ["resubmit", "abandon"])
def test_where_nothing_is_in_doubt_nothing_is_done(run_on, qjm, command):
    assert run_on("good").code == 0
    outcome = qjm(command, "good")
    assert outcome.code == 0
    assert "No job is in doubt" in outcome.err


@pytest.mark.parametrize(("answer", "code", "more"), [("n", 1, 0), ("y", 0, 2)])
def test_on_a_terminal_the_user_is_asked(doubtful, cloud, qjm_terminal, answer, code, more):
    before = sent(cloud)
    terminal = qjm_terminal("resubmit", "doubtful", TERM="dumb")
    terminal.expect("paid for twice.*Send again")
    terminal.sendline(answer)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == code
    assert sent(cloud) == before + more


# -- duplicates ------------------------------------------------------------------------------------


def test_duplicates_are_cancelled_and_their_ids_printed(run_on, qjm, cloud, store):
    cloud.faults = Faults(jobs_at_once=0)
    assert run_on("doubled", "--no-wait").code == 0
    with JobManager(store) as manager:
        job_set = manager.find("doubled")
        (attempt,) = job_set.managed_jobs()[1].attempts()
        source = source_of(job_set)
        payload = source.store.payload(source.store.jobs(source.record.key)[1].key)
    duplicate = CloudClient(cloud.address).submit(payload, {"shots": 10}, attempt.tag)
    outcome = qjm("cancel", "doubled", "--duplicates")
    assert (outcome.code, outcome.out) == (0, f"{duplicate}\n")
    assert json.loads(qjm("cancel", "doubled", "--duplicates", "--json").out) == {"cancelled": []}
    assert len(cloud.books().of(Deed.CANCELLED)) == 1
    cloud.faults = Faults()
    assert qjm("wait", "doubled").code == 0


def test_a_blind_backend_has_no_duplicates_to_find(run_on, qjm):
    assert run_on("blind", variant="blind").code == 0
    outcome = qjm("cancel", "blind", "--duplicates")
    assert outcome.code == 1
    assert "cannot look for jobs" in outcome.err
