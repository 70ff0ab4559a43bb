"""Who comes in, what they may do, and that nothing that others named acts."""

from __future__ import annotations

import re

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.dashboard.guard import Place

HOSTILE_ORIGINS = ["http://evil.example", "null", "", "http://127.0.0.1:9999", "file://"]


def test_without_a_token_nothing_of_the_store_is_shown(opened, set_id):
    client = opened(log_in=False)
    for path in ("/", f"/sets/{set_id('sweep')}", "/store", "/plan", "/mark.json"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert "sweep" not in answer.text


def test_a_token_works_once_and_leaves_the_address(opened):
    client = opened(log_in=False)
    token = client.dashboard.sessions.token
    first = client.get(f"/?token={token}")
    cookie = first.headers["set-cookie"]
    assert first.status_code == 200
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert token not in first.text + cookie
    assert client.get("/").status_code == 200
    client.cookies.clear()
    assert client.get(f"/?token={token}").status_code == 403
    assert client.get("/").status_code == 401
    assert client.get(f"/?token={client.dashboard.sessions.token}").status_code == 200


def test_a_new_token_is_told_when_one_was_used(opened):
    client, told = opened(log_in=False), []
    sessions = client.dashboard.sessions
    sessions.on_new_token = told.append
    client.get("/?token=wrong")
    assert told == []
    client.get(f"/?token={sessions.token}")
    assert told == [sessions.token]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8642", "", "a@evil", "[bad"])
def test_a_wrong_host_is_refused(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1:9000", "[::1]:8642", "10.0.0.7"])
def test_addresses_and_tunnels_are_let_in(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", HOSTILE_ORIGINS)
def test_another_page_cannot_change_anything(client, set_id, origin):
    fields = {"action": "tag", "set": set_id("later"), "value": "owned"}
    answer = client.post("/do", data=fields, headers={"Origin": origin})
    assert answer.status_code == 403


def test_a_form_without_the_key_of_the_session_is_refused(client, set_id):
    fields = {"action": "tag", "set": set_id("later"), "value": "owned", "key": "guess"}
    answer = client.post("/do", data=fields, headers={"Origin": "http://127.0.0.1:8642"})
    assert answer.status_code == 409
    assert "too old" in answer.text


def test_a_get_changes_nothing(client, set_id):
    answer = client.get("/do", params={"action": "cancel", "set": set_id("later")})
    assert answer.status_code == 405


def test_read_only_has_no_button_and_refuses_every_post(opened, set_id):
    client = opened(read_only=True)
    headers = {"Origin": "http://127.0.0.1:8642"}
    for path in ("/", f"/sets/{set_id('later')}", f"/plan?action=cancel&set={set_id('later')}"):
        page = client.get(path)
        assert page.status_code == 200
        assert 'method="post"' not in page.text
        assert "Cancel …" not in page.text
    for path in ("/do", "/", "/nothing"):
        assert client.post(path, data={"action": "cancel"}, headers=headers).status_code == 403


def test_a_form_that_is_too_large_is_refused(client):
    headers = {"Origin": "http://127.0.0.1:8642"}
    answer = client.post("/do", data={"value": "x" * 100_000}, headers=headers)
    assert answer.status_code == 413


def test_every_answer_forbids_script_and_style_of_others(client, set_id):
    for path in ("/", f"/sets/{set_id('sweep')}", "/nothing", "/static/dashboard.js", "/mark.json"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


def test_no_page_has_inline_script_or_style(client, set_id):
    one = set_id("sweep")
    tails = ("", "/jobs", "/jobs/0", "/results", "/results/3", "/sweep", "/log", "/compare?i=1&i=2")
    for path in ("/", "/store", *(f"/sets/{one}{tail}" for tail in tails)):
        text = client.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text), path


def test_what_others_named_is_shown_and_inert(opened, hostile_store):
    client = opened(hostile_store)
    with JobManager(hostile_store) as manager:
        [one] = [each.job_set_id() for each in manager.job_sets()]
    seen = ""
    for tail in ("", "/jobs", "/jobs/0", "/jobs/6", "/results", "/results/0", "/log"):
        page = client.get(f"/sets/{one}{tail}")
        assert page.status_code == 200, page.text
        seen += page.text
    seen += client.get("/").text + client.get("/store").text
    seen += client.get(f"/plan?action=delete&set={one}").text
    assert "<script>document" not in seen
    assert "<img" not in seen
    assert not re.search(r'href="\s*javascript:', seen)
    assert not set(seen) & set("\u202e\u202c\x1b\x00")
    assert "\\u202e" in seen
    assert "{{ 7 * 7 }}" in seen
    assert "&lt;script&gt;" in seen


def test_a_script_reads_with_its_key_alone(opened):
    client = opened(log_in=False)
    assert client.get("/api/sets.json").status_code == 401
    key = client.dashboard.sessions.script_key
    headers = {"Authorization": f"Bearer {key}"}
    assert client.get("/api/sets.json", headers=headers).status_code == 200
    assert client.get("/", headers=headers).status_code == 401
    assert client.post("/do", headers=headers).status_code == 401


def test_a_prefix_of_a_proxy_stays_in_no_link(opened, set_id):
    client = opened(place=Place(host="127.0.0.1", port=8642, prefix="/user/ann/proxy/8642"))
    one = set_id("sweep")
    page = client.get(f"/user/ann/proxy/8642/sets/{one}")
    assert page.status_code == 200
    assert 'href="../static/dashboard.css' in page.text
    assert not re.search(r'(href|action|src)="/', page.text)


def test_a_frame_has_its_key_in_the_path_and_names_who_may_frame_it(opened):
    client = opened(log_in=False)
    session = client.dashboard.sessions.open(is_framed=True)
    page = client.get(f"/s/{session.key}/", headers={"Host": "hub.example.org"})
    assert page.status_code == 200
    assert "frame-ancestors 'self' http://localhost:*" in page.headers["content-security-policy"]
    assert "x-frame-options" not in page.headers
    assert client.get("/s/guess/").status_code == 401
