"""The page on events names every event that is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qiskit_job_manager.lifecycle import Event
from qiskit_job_manager.lifecycle.table import TRANSITIONS
from qiskit_job_manager.views.phrases import event_words

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
TOLD = re.compile(r'(?:"event": |_said\(|_tell\(\s*|_log_fields\(|_log\(\s*)"([a-z ]+)"')


def logged():
    sources = (ROOT / "src" / "qiskit_job_manager").rglob("*.py")
    return {name for path in sources for name in TOLD.findall(path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("event", sorted(Event))
def test_each_event_of_a_job_stands_with_its_states(event):
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| `{event}` |")]
    told = {
        (before, cells[3])
        for row in rows
        for cells in [[cell.strip() for cell in row.strip("|").split("|")]]
        for before in cells[2].split(", ")
    }
    assert told == {(str(s), str(a)) for (s, e), a in TRANSITIONS.items() if e is event}


@pytest.mark.parametrize("event", sorted(Event))
def test_the_words_of_the_log_stand_beside_each_event_and_differ(event):
    words = event_words(event)
    assert f"| `{event}` | {words} |" in PAGE
    assert words != event
    others = {event_words(each) for each in Event if each is not event}
    # A request of the user has one name for jobs in doubt, and one for jobs that have ended.
    assert words not in others or event in {Event.RESUBMITTED, Event.REVIVED}


def test_each_event_that_is_logged_is_named():
    names = logged()
    assert {"driving", "callback failed", "serving"} <= names
    assert {name for name in names if f"`{name}`" not in PAGE} == set()
