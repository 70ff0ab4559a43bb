"""The note of a job set on its page: written by a form, shown as text, and never lost unasked."""

from __future__ import annotations

import re
from html import unescape

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.testing.store_samples import the_set

ORIGIN = {"Origin": "http://127.0.0.1:8642"}
TEXT = "Outliers from 17 on. \u202e<b>bold</b>\n</textarea><script>document.title = 1</script>"


@pytest.fixture
def written(tmp_path):
    """A store with the job set ``sweep``: its path, its id, and what its note is now."""
    from qiskit_job_manager.stores import open_store

    path = tmp_path / "store.db"
    store = open_store(path)
    one = the_set(store).job_set_id
    yield path, one, lambda: store.job_set(one).note
    store.close()


def form_of(page):
    """The fields of the form of the note, as a browser would send them."""
    (form,) = re.findall(r'<form [^>]*class="note-form">.*?</form>', page.text, re.DOTALL)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    (text,) = re.findall(r"<textarea[^>]*>\n(.*)</textarea>", form, re.DOTALL)
    return fields | {"value": unescape(text).replace("\n", "\r\n")}


def test_a_note_is_saved_shown_as_text_and_edited(opened, written):
    path, one, note = written
    client = opened(path)
    fields = form_of(client.get(f"/sets/{one}"))
    assert fields["value"] == ""
    answer = client.post("/do", data=fields | {"value": TEXT.replace("\n", "\r\n")}, headers=ORIGIN)
    assert (answer.status_code, answer.headers["location"]) == (303, f"./sets/{one}?did=note&n=1")
    assert note() == TEXT
    for tail in ("", "/jobs", "/results", "/log"):
        page = client.get(f"/sets/{one}{tail}")
        assert "&lt;script&gt;document" in page.text
        assert "\\u202e" in page.text
        assert not re.search("<b>bold|<script>doc|</textarea><script", page.text)
        assert "\u202e" not in page.text
    again = form_of(client.get(f"/sets/{one}"))
    assert again["value"] == TEXT.replace("\n", "\r\n")
    client.post("/do", data=again | {"value": " \r\n "}, headers=ORIGIN)
    assert note() is None


def test_a_note_that_somebody_else_changed_is_not_replaced(opened, written):
    path, one, note = written
    client = opened(path)
    fields = form_of(client.get(f"/sets/{one}"))
    with JobManager(path) as manager:
        manager.find("sweep").update_note("theirs")
    answer = client.post("/do", data=fields | {"value": "ours"}, headers=ORIGIN)
    assert answer.status_code == 409
    assert "was changed since" in answer.text
    assert note() == "theirs"


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [("x" * 4001, 400, "4,001 characters; it may have 4,000"), ("\U0001f600" * 4000, 303, "")],
    ids=["too long", "as long as can be"],
)
def test_a_note_has_a_longest_length(opened, written, text, status, words):
    path, one, note = written
    client = opened(path)
    fields = form_of(client.get(f"/sets/{one}"))
    answer = client.post("/do", data=fields | {"value": text}, headers=ORIGIN)
    assert answer.status_code == status
    assert words in answer.text
    assert note() == (text if status == 303 else None)


def test_only_a_form_of_the_page_writes_a_note(opened, written):
    path, one, note = written
    client, watcher = opened(path), opened(path, read_only=True)
    fields = form_of(client.get(f"/sets/{one}")) | {"value": "owned"}
    assert "note-form" not in watcher.get(f"/sets/{one}").text
    assert watcher.post("/do", data=fields, headers=ORIGIN).status_code == 403
    assert client.post("/do", data=fields, headers={"Origin": "http://evil"}).status_code == 403
    answer = client.post("/do", data=fields | {"key": "guess"}, headers=ORIGIN)
    assert answer.status_code == 409
    assert client.get("/do", params=fields).status_code == 405
    assert note() is None


def test_texts_that_a_form_sends_back_are_those_that_it_was_given(hostile_store, opened, act):
    """Tags of all kinds can be removed, though what is shown of them is escaped."""
    client = opened(hostile_store)
    with JobManager(hostile_store) as manager:
        (job_set,) = manager.job_sets()
        for tag in job_set.tags():
            if len(tag) <= 500 and "\0" not in tag:
                act(client, "untag", job_set.job_set_id(), value=tag)
        assert [len(tag) > 500 or "\0" in tag for tag in job_set.tags()] == [True, True]
