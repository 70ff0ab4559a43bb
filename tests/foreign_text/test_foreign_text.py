"""Texts of others: no secret stays in them, and nothing that a database or terminal cannot hold."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiskit_job_manager import foreign_text
from qiskit_job_manager.errors import RemoteJobFailedError
from qiskit_job_manager.foreign_text import clean, know_secret, storable
from qiskit_job_manager.model import JobState, RemoteFigures, RemoteState, RemoteStatus
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.store_samples import (
    NOON,
    hand_over,
    must_claim,
    step,
    submission,
)

TOKEN = "k9Qz77secretW3xT5yLmN0pR"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9"

SHAPES = {
    "header, dict": f"401: {{'Authorization': 'Bearer {TOKEN}', 'Accept': 'json'}}",
    "header, line": f"> Authorization: Bearer {TOKEN}\n> Accept: json",
    "header, basic": f"Authorization: Basic {base64.b64encode(f'u:{TOKEN}'.encode()).decode()}",
    "header, apikey": f"authorization: apikey {TOKEN}",
    "header, no scheme": f"Authorization: {TOKEN}",
    "header, bytes": f"[(b'Authorization', b'Bearer {TOKEN}')]".replace("', b'", "': b'"),
    "bearer alone": f"sent 'Bearer {TOKEN}' to the service",
    "query": f"failed: /v1/jobs?access_token={TOKEN}&x=1",
    "query, key": f"GET /v1/jobs?key={TOKEN} failed",
    "query, signature": f"https://s3.example.org/o?X-Amz-Signature={TOKEN}&X-Amz-Date=1 gave 403",
    "query, security token": f"https://s3.example.org/o?X-Amz-Security-Token={TOKEN} gave 403",
    "user info": f"https://user:{TOKEN}@api.example.org/v1 failed",
    "token as user": f"https://{TOKEN}@api.example.org/v1 failed",
    "JSON": f'{{"error": "bad", "apiToken": "{TOKEN}"}}',
    "JSON in JSON": json.dumps({"body": json.dumps({"api_key": TOKEN})}),
    "JSON, password": f'{{"username": "me", "password": "{TOKEN}"}}',
    "keyword": f"Service(channel='x', token='{TOKEN}') failed",
    "keyword, no quotes": f"Service(token={TOKEN}, channel=x) failed",
    "header, X-API-Key": f"X-API-Key: {TOKEN}",
    "header, X-Auth-Token": f"{{'X-Auth-Token': '{TOKEN}'}}",
    "cookie": f"Cookie: session={TOKEN}; theme=dark",
    "in words": f"invalid token {TOKEN}",
    "in words, quoted": f"The API key '{TOKEN}' has expired",
    "in words, password": f"password {TOKEN} was refused",
    "client secret": f"client_secret={TOKEN}&grant_type=x",
    "refresh token": f'{{"refresh_token":"{TOKEN}"}}',
    "AWS": f"aws_secret_access_key = {TOKEN}",
    "line break": f"token:\n  {TOKEN}",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_secret_does_not_pass_in_any_shape(shape):
    text = SHAPES[shape]
    assert TOKEN not in clean(text)
    assert base64.b64encode(f"u:{TOKEN}".encode()).decode() not in clean(text)
    assert "***" in clean(text)
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    "token",
    [JWT, "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "AKIAIOSFODNN7EXAMPLE", "hf_abcdefghijkl01"],
)
def test_tokens_that_are_known_by_their_form_do_not_pass(token):
    assert clean(f"got {token} back") == "got *** back"


def test_a_private_key_does_not_pass():
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----"
    assert clean(f"cannot read {key}, sorry") == "cannot read ***, sorry"


def test_the_rest_of_a_text_stays():
    assert clean(SHAPES["query"]) == "failed: /v1/jobs?access_token=***&x=1"
    assert clean(SHAPES["user info"]) == "https://user:***@api.example.org/v1 failed"
    assert clean(SHAPES["JSON"]) == '{"error": "bad", "apiToken": "***"}'
    assert clean(SHAPES["keyword"]) == "Service(channel='x', token='***') failed"
    assert clean(SHAPES["header, line"]) == "> Authorization: Bearer ***\n> Accept: json"


@pytest.mark.parametrize(
    "text",
    [
        "job cd8f2f9c2a9e1b7c5d3e4f6a7b8c9d0e failed: 429 Too Many Requests",
        "the key 'shots' is unknown; did you mean 'shot'?",
        "Authentication failed: log in again",
        "the token has expired",
        "write postgresql://user@host:port/database.",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "qubit 3 is out of range\n\tat line 5",
        "Maße: 5 µs, \u00a0 日本語",
        "",
    ],
)
def test_a_text_without_a_secret_stays_as_it_is(text):
    assert clean(text) == text


def test_what_the_environment_holds_is_redacted_wherever_it_stands(monkeypatch):
    value = "p4ss w/rd+ü!x"
    monkeypatch.setenv("MY_SERVICE_PASSWORD", value)
    monkeypatch.setattr(foreign_text, "_known", foreign_text._KnownSecrets())
    for form in (value, quote(value, safe=""), base64.b64encode(value.encode()).decode()):
        assert clean(f"it said: {form}!") == "it said: ***!"
    assert clean("nothing here") == "nothing here"


def test_saved_accounts_are_redacted(monkeypatch, tmp_path):
    path = tmp_path / "accounts.json"
    path.write_text(json.dumps({"default": {"token": "opaque-and-saved-01"}, "odd": 5}))
    monkeypatch.setattr(foreign_text, "_ACCOUNTS", path)
    monkeypatch.setattr(foreign_text, "_known", foreign_text._KnownSecrets())
    assert clean("refused (opaque-and-saved-01)") == "refused (***)"
    path.write_text("no JSON")
    monkeypatch.setattr(foreign_text, "_known", foreign_text._KnownSecrets())
    assert clean("refused") == "refused"


def test_an_adapter_can_name_a_secret(monkeypatch):
    monkeypatch.setattr(foreign_text, "_known", foreign_text._KnownSecrets())
    know_secret("only the adapter knows")
    assert clean("it said: only the adapter knows") == "it said: ***"


def test_short_values_and_paths_of_the_environment_are_no_secrets(monkeypatch):
    monkeypatch.setenv("AUTH_MODE", "none")
    monkeypatch.setenv("CREDENTIALS_FILE", "/home/me/credentials.json")
    monkeypatch.setattr(foreign_text, "_known", foreign_text._KnownSecrets())
    assert clean("none of /home/me/credentials.json") == "none of /home/me/credentials.json"


@pytest.mark.parametrize(
    "text",
    ["a" * 300_000, "token " * 50_000, "://" * 100_000, '"token":"' * 30_000, "eyJ.a" * 60_000],
)
def test_a_long_text_that_was_made_to_be_slow_is_not(text):
    """Where the time grew with the square, each would take hours."""
    assert TOKEN not in clean(f"{text} token={TOKEN}")


# -- characters -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("no answer: \ud800", "no answer: \\ud800"),
        ("a\0b", "a\\x00b"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202egpj", "abc\\u202egpj"),
        ("two\r\nlines", "two\nlines"),
        ("over\rwritten", "over\\rwritten"),
    ],
)
def test_what_does_harm_is_escaped(text, harmless):
    assert clean(text) == harmless


@given(st.text(st.characters()))
def test_every_text_can_be_stored_and_cleaned_again(text):
    with closing(sqlite3.connect(":memory:")) as database:
        for each in (clean(text), storable(text)):
            assert database.execute("SELECT ?", [each]).fetchone() == (each,)
            assert "\0" not in each
    assert clean(clean(text)) == clean(text)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_what_can_be_stored_is_an_id_as_it_is(text):
    assert storable(text) == text


# -- where texts of others come in ----------------------------------------------------------------

LEAK = f"401: Bearer {TOKEN} \ud800"


def test_errors_of_this_package_are_clean():
    error = RemoteJobFailedError(LEAK)
    assert str(error) == error.message == "401: Bearer *** \\ud800"
    assert TOKEN not in repr(error)


def test_what_the_store_keeps_of_a_step_is_clean(tmp_path):
    store = open_store(tmp_path / "store.db")
    hand_over(store, [["a"], ["b"]])
    token = must_claim(store)
    status = RemoteStatus(RemoteState.ERROR, message=LEAK)
    steps = [
        submission(store, 0, "tag-0"),
        submission(store, 1, "tag-1"),
        step(store, 0, JobState.SUBMITTING, JobState.ACTIVE, remote_id="id \0 \ud800"),
        step(store, 0, JobState.ACTIVE, JobState.FAILED, error=LEAK, cause=LEAK, status=status),
        step(store, 1, JobState.SUBMITTING, JobState.ACTIVE, remote_id="good"),
    ]
    assert store.advance(token, steps) == [True] * len(steps)
    assert store.append_event(token, NOON, 0, "looked", LEAK)
    assert store.store_usage(token, {"tag-1": RemoteFigures(session_id="s \ud800")})
    bad, good = store.jobs(token.job_set_key)
    assert (bad.error, bad.status.message) == ("401: Bearer *** \\ud800",) * 2
    assert (bad.remote_id, good.remote_id) == ("id \\x00 \\ud800", "good")
    causes = [event.cause for event in store.events(token.job_set_key) if event.cause]
    assert causes == ["401: Bearer *** \\ud800"] * 2
    assert store.attempts(good.key)[0].figures.session_id == "s \\ud800"
    store.close()
    for path in tmp_path.iterdir():
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()
