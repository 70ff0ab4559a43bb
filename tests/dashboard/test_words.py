"""The pages call the states of jobs as the command line does, in every list, filter and picture."""

from __future__ import annotations

import json
import re

import pytest

from qiskit_job_manager.model import JobState, RemoteState, RemoteStatus
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.store_samples import (
    create,
    draft,
    hand_over,
    must_claim,
    step,
    submission,
    the_set,
)

SETS = {"queue": "2 queued", "here": "1 running", "dead": "1 interrupted"}
"""Each set with a part of what ``qjm list`` says of its jobs."""


@pytest.fixture
def store(tmp_path):
    """A store whose sets have active jobs of all kinds: its path; one set is driven here."""
    path = tmp_path / "store.db"
    opened = open_store(path)
    for number, (name, volatile) in enumerate((("queue", False), ("here", True), ("dead", True))):
        create(opened, draft(f"seed {number}", name="sweep", volatile=volatile))
        hand_over(opened, [["a"], ["b"], ["c"], ["d"]])
        token = must_claim(opened)
        opened.complete_job_set(token)
        begin(opened, token, 0, f"{name} 0", None)
        if name == "queue":
            begin(opened, token, 1, f"{name} 1", RemoteStatus(RemoteState.QUEUED, 7, None))
            begin(opened, token, 2, f"{name} 2", RemoteStatus(RemoteState.RUNNING, None, None))
        opened.rename(the_set(opened).key, name)
        if name != "here":
            opened.release(token)
    yield path
    opened.close()


def begin(store, token, index, tag, status):
    """Make a job active."""
    accepted = step(
        store,
        index,
        JobState.SUBMITTING,
        JobState.ACTIVE,
        remote_id=tag,
        status=status,
        event="accepted",
    )
    assert all(store.advance(token, [submission(store, index, tag), accepted]))


def words_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def paths(client):
    for each in client.get("/api/sets.json").json():
        one = f"/sets/{each['job_set_id']}"
        tails = ("", "/jobs", "/jobs/0", "/results", "/results/0", "/sweep", "/log")
        yield from (one + tail for tail in tails)
        yield f"/plan?action=cancel&set={each['job_set_id']}"


def test_no_page_shows_a_word_for_states_that_the_command_line_does_not(opened, store):
    client = opened(store)
    for path in ("/", "/store", *paths(client)):
        page = client.get(path)
        assert page.status_code == 200
        found = re.findall(r".{40}\bactive\b.{40}", f"{words_of(page)} {page.text}")
        assert found == [], path


def test_the_list_has_the_states_of_the_command_line(opened, store):
    from typer.testing import CliRunner

    from qiskit_job_manager.cli.app import app

    printed = CliRunner().invoke(app, ["--store", str(store), "list", "--format", "json"])
    listed = CliRunner().invoke(app, ["--store", str(store), "list"]).stdout
    text = words_of(opened(store).get("/"))
    assert {each["name"] for each in json.loads(printed.stdout)} == set(SETS)
    for states in ("1 running, 2 queued, 1 planned", "1 running, 3 planned"):
        assert states in " ".join(listed.split())
        assert states.replace(",", "") in text
    assert "1 interrupted 3 planned" in text


@pytest.mark.parametrize("name", SETS)
def test_the_pages_of_a_set_have_them_too(opened, store, name):
    client = opened(store)
    (one,) = (s["job_set_id"] for s in client.get("/api/sets.json").json() if s["name"] == name)
    for path in (f"/sets/{one}", f"/plan?action=cancel&set={one}"):
        assert SETS[name] in words_of(client.get(path)), path
    word = SETS[name].split()[1]
    for path in (f"/sets/{one}/jobs/0", f"/sets/{one}/results/0"):
        page = client.get(path)
        assert f'<span class="dot s-{word}"' in page.text, path
        assert word in words_of(page)


@pytest.mark.parametrize(
    ("state", "sets", "jobs"),
    [
        ("running", {"queue", "here"}, {"queue": [2], "here": [0], "dead": []}),
        ("queued", {"queue"}, {"queue": [0, 1], "here": [], "dead": []}),
        ("interrupted", {"dead"}, {"queue": [], "here": [], "dead": [0]}),
        ("active", {"queue", "here", "dead"}, {"queue": [0, 1, 2], "here": [0], "dead": [0]}),
        ("planned", {"queue", "here", "dead"}, {"queue": [3], "here": [1, 2, 3]}),
    ],
)
def test_sets_and_jobs_are_found_by_the_words_that_are_shown(opened, store, state, sets, jobs):
    client = opened(store)
    found = client.get(f"/api/sets.json?state={state}").json()
    assert {each["name"] for each in found} == sets
    assert (
        len(client.get(f"/?state={state}").text.split('type="checkbox" name="set"'))
        == len(sets) + 1
    )
    ids = {each["name"]: each["job_set_id"] for each in client.get("/api/sets.json").json()}
    for name, wanted in jobs.items():
        listed = client.get(f"/api/sets/{ids[name]}.json?state={state}").json()["job_list"]
        assert [each["index"] for each in listed] == wanted, name
    for path in (f"/?state={state}", f"/sets/{ids['queue']}/jobs?state={state}"):
        assert f"<option selected>{state}</option>" in client.get(path).text


def test_a_word_that_is_no_state_is_refused_with_the_one_that_is_near(opened, store):
    page = opened(store).get("/?state=runing")
    assert page.status_code == 400
    text = words_of(page).replace("&#39;", "")
    assert "planned, submitting, in-doubt, running, queued, interrupted, collecting" in text
    assert "Did you mean running?" in text
