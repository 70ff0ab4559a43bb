"""What is shown of job sets with more jobs, and of stores with more sets, than anyone reads."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pexpect
import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.store_samples import (
    NOON,
    create,
    draft,
    hand_over,
    must_claim,
    step,
    submission,
)

STATES = {
    "done": range(40),
    "cancelled": range(40, 42),
    "failed": range(42, 45),
    "active": range(45, 60),
    "in doubt": range(60, 61),
    "planned": range(61, 100),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store with a set of 100 jobs in many states, ``sweep``."""
    store = tmp_path_factory.mktemp("many") / "store.db"
    path = [JobState.SUBMITTING, JobState.ACTIVE, JobState.COLLECTING]
    opened = open_store(store)
    hand_over(opened, [[f"c{n}"] for n in range(100)])
    token = must_claim(opened)
    opened.complete_job_set(token)
    for state, indices in STATES.items():
        end = JobState(state)
        for index in indices:
            if end is JobState.PLANNED:
                continue
            steps = [submission(opened, index, f"tag {index}")]
            way = path[: path.index(end)] if end in path else path
            way = way[:1] if end is JobState.IN_DOUBT else way
            for before, after in zip(way, [*way[1:], end], strict=True):
                steps.append(step(opened, index, before, after, error=str(after)))
            assert all(opened.advance(token, steps))
    opened.release(token)
    opened.close()
    return store


@pytest.fixture
def many(store, made):
    """The store of the command line is one with the set ``sweep``."""
    shutil.copy(made, store)


def shown_jobs(outcome):
    lines = outcome.out.splitlines()
    header = next(n for n, line in enumerate(lines) if line.startswith("JOB "))
    return [int(line.split()[0]) for line in lines[header + 1 :]]


def test_the_jobs_that_need_attention_are_shown_first_and_none_crowds_out_the_others(qjm, many):
    outcome = qjm("show", "sweep")
    assert "Jobs         40 done, 3 failed, 2 cancelled, 1 in doubt, 15 queued, 39 planned" in (
        outcome.out
    )
    jobs = shown_jobs(outcome)
    assert len(jobs) == 20
    assert jobs[:4] == [42, 43, 44, 60]
    assert jobs[4:] == [*range(45, 51), *range(37, 42), *range(61, 66)]


def test_it_is_said_how_many_jobs_are_not_shown_and_how_to_see_them(qjm, many):
    outcome = qjm("show", "sweep")
    job_set_id = json.loads(qjm("list", "--json").out)[0]["job_set_id"]
    assert outcome.err == (
        f"80 jobs are not shown: qjm show {job_set_id} --all, or qjm show {job_set_id} --jobs "
        "NUMBER\n"
    )
    assert "1 job is not shown" in qjm("show", "sweep", "--jobs", 99).err
    for option in (["--all"], ["--jobs", 100], ["--jobs", 1000]):
        whole = qjm("show", "sweep", *option)
        assert (shown_jobs(whole), whole.err) == (list(range(100)), "")


@pytest.mark.parametrize(("number", "jobs"), [(0, []), (1, [42]), (5, [42, 60, 45, 41, 61])])
def test_as_few_jobs_are_shown_as_are_asked_for(qjm, many, number, jobs):
    outcome = qjm("show", "sweep", "--jobs", number)
    assert shown_jobs(outcome) == jobs
    assert f"{100 - number} jobs are not shown" in outcome.err


def test_json_lists_all_jobs_in_order_unless_told_otherwise(qjm, many):
    whole = json.loads(qjm("show", "sweep", "--json").out)
    assert [job["index"] for job in whole["job_list"]] == list(range(100))
    assert whole["jobs_not_listed"] == 0
    some = json.loads(qjm("show", "sweep", "--json", "--jobs", 5).out)
    assert len(some["job_list"]) == 5
    assert some["jobs_not_listed"] == 95
    none = json.loads(qjm("show", "sweep", "--json", "--jobs", 0).out)
    assert none["job_list"] == []
    assert whole.keys() == some.keys() == none.keys()
    assert all(job in whole["job_list"] for job in some["job_list"])


@pytest.mark.parametrize(
    "words", [("show", "sweep", "--jobs"), ("log", "sweep", "--last"), ("list", "--limit")]
)
def test_a_number_and_all_contradict_each_other(qjm, many, words):
    outcome = qjm(*words, 3, "--all")
    assert (outcome.code, outcome.out) == (2, "")
    assert words[-1] in outcome.err
    assert qjm(*words, -1).code == 2


def test_a_terminal_gets_the_latest_events_and_a_pipe_gets_all(qjm, qjm_terminal, many):
    whole = qjm("log", "sweep").out.splitlines()
    assert len(whole) > 200
    terminal = qjm_terminal("log", "sweep", size=(24, 200))
    latest = terminal.read().splitlines()
    assert latest[:100] == whole[-100:]
    assert latest[100].startswith("Earlier events are not shown: qjm log ")
    some = qjm("log", "sweep", "--last", 7)
    assert some.out.splitlines() == whole[-7:]
    assert "--last NUMBER" in some.err
    assert qjm("log", "sweep", "--last", len(whole)).err == ""
    of_one = json.loads(qjm("log", "sweep", 45, "--last", 1, "--json").out)
    assert [(each["job"], each["after"]) for each in of_one] == [(45, "active")]


@pytest.fixture
def sets(store):
    """60 job sets, the newest ``set 59``, every third tagged."""
    opened = open_store(store)
    for number in range(60):
        at = NOON + timedelta(minutes=number)
        tags = ("third",) if number % 3 == 0 else ()
        create(opened, draft(f"set {number}", created_at=at, tags=tags))
    opened.close()


def test_of_many_job_sets_the_newest_are_listed(qjm, sets):
    outcome = qjm("list")
    lines = outcome.out.splitlines()[1:]
    assert len(lines) == 50
    assert "set 59" in lines[0]
    assert "set 10" in lines[-1]
    assert outcome.err == "There are older job sets; --all or --limit NUMBER shows them.\n"
    whole = qjm("list", "--all")
    assert (len(whole.out.splitlines()), whole.err) == (61, "")
    assert qjm("list", "--limit", 60).err == ""


def test_a_limit_counts_the_sets_that_are_as_asked_for(qjm, sets):
    some = json.loads(qjm("list", "--tag", "third", "--limit", 2, "--json").out)
    assert [each["name"] for each in some] == ["set 57", "set 54"]
    assert len(json.loads(qjm("list", "--json").out)) == 60


STUCK = "asking for the status has failed 40 times since 03:12:00 UTC: no event loop"


@pytest.fixture
def stuck(store):
    """A set whose only job is active, and asked about in vain."""
    opened = open_store(store)
    hand_over(opened, [["c"]])
    token = must_claim(opened, "5f 4711 lab1 2026-11-27T19:03:00Z")
    opened.complete_job_set(token)
    path = [JobState.SUBMITTING, JobState.ACTIVE]
    steps = [submission(opened, 0, "tag"), step(opened, 0, *path, remote_id="r", error=STUCK)]
    assert all(opened.advance(token, steps))
    yield opened, token
    opened.close()


@pytest.mark.parametrize("is_driven", [True, False])
def test_what_keeps_a_set_from_going_on_and_who_drives_it_are_shown(qjm, stuck, is_driven):
    opened, token = stuck
    if not is_driven:
        opened.release(token)
    shown, listed = qjm("show", "sweep").out, qjm("list").err
    assert f"Trouble      {STUCK}" in shown
    assert f"sweep: {STUCK}" in listed
    who = "process 4711 on lab1, which started at 2026-11-27T19:03:00Z"
    assert (f"Driven by    {who}" in shown) is is_driven
    assert ("Driven by    nobody; go on with: qjm resume" in shown) is not is_driven
    assert ("No process drives 1 unfinished job set" in listed) is not is_driven
    values = json.loads(qjm("show", "sweep", "--json").out)
    assert (values["trouble"], values["driven"]) == (STUCK, is_driven)


def test_waiting_for_a_set_that_another_process_drives_says_so_at_once(qjm, stuck):
    outcome = qjm("wait", "sweep", "--timeout", "0.1")
    assert "is driven by process 4711 on lab1" in outcome.err
    assert f"trouble: {STUCK}" in outcome.err
    assert outcome.code == 4


def test_the_fake_devices_are_listed_as_they_can_be_typed(qjm):
    pytest.importorskip("qiskit_ibm_runtime")
    names = qjm("backends", "fake").out.splitlines()
    assert "fake:torino" in names
    assert len(names) > 50
    refused = qjm("backends", "nothing")
    assert (refused.code, "these kinds have: fake" in refused.err) == (2, True)


OWNER = "5f 4711 lab1 2026-11-27T19:03:00Z"


@pytest.fixture
def local(store):
    """A set of two local jobs, of which one runs, and the token of its driver."""
    opened = open_store(store)
    create(opened, draft("sweep", volatile=True))
    hand_over(opened, [["c"], ["d"]])
    token = must_claim(opened, OWNER)
    opened.complete_job_set(token)
    path = [JobState.SUBMITTING, JobState.ACTIVE]
    assert all(
        opened.advance(token, [submission(opened, 0, "tag"), step(opened, 0, *path, remote_id="r")])
    )
    yield opened, token
    opened.close()


@pytest.fixture
def interrupted(local):
    """The same set, when its process has ended."""
    opened, token = local
    opened.release(token)


def test_the_same_words_say_everywhere_that_a_local_job_was_interrupted(qjm, interrupted, store):
    words = "1 interrupted, 1 planned"
    assert f"idle, {words}" in qjm("list").out
    shown = qjm("show", "sweep").out
    assert f"Jobs         {words}\n" in shown
    assert "  interrupted\n" in shown
    assert "nobody; go on with: qjm resume" in shown
    assert [line.split()[2] for line in qjm("results", "sweep").out.splitlines()[1:]] == [
        "interrupted",
        "planned",
    ]
    with JobManager(store) as manager:
        job_set = manager.find("sweep")
        assert words in repr(job_set)
        assert "Jobs interrupted      1" in job_set.report()
        assert "Status: interrupted" in job_set.report()
        assert "1 interrupted" in job_set._repr_html_()
        assert "1 interrupted" in manager._repr_html_()
        assert job_set.managed_jobs()[0].detail == "interrupted"


def test_a_local_job_runs_while_its_process_lives(qjm, local):
    assert "1 running, 1 planned" in qjm("list").out
    assert "  running\n" in qjm("show", "sweep").out


def test_json_says_whether_anybody_drives_a_set_and_who(qjm, local):
    who = "process 4711 on lab1, which started at 2026-11-27T19:03:00Z"
    for asked in (("list",), ("show", "sweep")):
        found = json.loads(qjm(*asked, "--json").out)
        found = found[0] if asked == ("list",) else found
        assert (found["driven"], found["driver"]) == (True, who)
    opened, token = local
    opened.release(token)
    (listed,) = json.loads(qjm("list", "--json").out)
    assert (listed["driven"], listed["driver"]) == (False, None)


@pytest.mark.parametrize(
    ("state", "found"), [("interrupted", 1), ("active", 1), ("running", 0), ("queued", 0)]
)
def test_sets_are_found_by_the_words_that_are_shown(qjm, interrupted, state, found):
    assert len(json.loads(qjm("list", "--state", state, "--json").out)) == found


def test_how_long_it_will_take_is_known_once_jobs_have_ended(qjm, store):
    opened = open_store(store)
    hand_over(opened, [[f"c{n}"] for n in range(6)])
    token = must_claim(opened, OWNER)
    opened.complete_job_set(token)
    assert "0 of 6 circuits \u00b7 0 of 6 jobs\n" in qjm("show", "sweep").out
    now = datetime.now(UTC)
    path = [JobState.SUBMITTING, JobState.ACTIVE, JobState.COLLECTING, JobState.DONE]
    for index in range(2):
        ways = pairwise(path)
        at = now - timedelta(minutes=5)
        steps = [step(opened, index, *way, at=at) for way in ways]
        assert all(opened.advance(token, [submission(opened, index, f"t{index}"), *steps]))
    # Two in five minutes: four more take ten.
    assert "2 of 6 circuits \u00b7 2 of 6 jobs \u00b7 about 10 min left" in qjm("show", "sweep").out
    opened.release(token)
    opened.close()
    assert "left" not in qjm("show", "sweep").out


def test_the_log_tells_what_happened_in_the_users_words(qjm, folder):
    qjm("run", folder, "--backend", "basic", "--shots", "10", "--name", "four")
    told = [line.split("  ")[2].split(":")[0] for line in qjm("log", "four", "0").out.splitlines()]
    assert told == [
        "sending",
        "accepted by the backend",
        "ended on the backend",
        "result received",
        "result read (done)",
    ]


def test_job_sets_are_printed_as_csv_and_a_terminal_gets_no_escape_sequence(
    qjm, qjm_terminal, interrupted
):
    header, row = csv.reader(qjm("list", "--format", "csv").out.splitlines())
    assert dict(zip(header, row, strict=True))["jobs_planned"] == "1"
    assert len(list(csv.reader(qjm("list", "--format", "csv", "--limit", 0).out.splitlines()))) == 1
    assert json.loads(qjm("list", "--format", "json").out) == json.loads(qjm("list", "--json").out)
    assert qjm("rename", "sweep", "\x1b[31mred").code == 0
    terminal = qjm_terminal("list", "--format", "csv", NO_COLOR="1")
    terminal.expect(pexpect.EOF)
    assert "\x1b" not in terminal.before
    assert "\\x1b[31mred" in terminal.before
