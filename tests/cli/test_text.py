"""Text for terminals."""

from __future__ import annotations

import re
import time
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiskit_job_manager.cli.output import (
    counted,
    escape,
    escape_lines,
    first_line,
    local_time,
    plural,
)
from qiskit_job_manager.model import JobState
from qiskit_job_manager.model.progress import Pace
from qiskit_job_manager.views.phrases import end

HARMLESS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.text())
def test_escaped_text_holds_nothing_that_a_terminal_obeys(text):
    assert not any(unicodedata.category(c) in HARMLESS for c in escape(text))


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "S"))))
def test_text_that_does_no_harm_stays_as_it_is(text):
    assert escape(text) == text


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Tokyo", "Pacific/Kiritimati"])
def time_zone(request, monkeypatch):
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


MOMENTS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 31, 12, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_any_moment_is_shown_in_any_time_zone(time_zone, moment):
    assert re.fullmatch(r"\d{1,4}-\d\d-\d\d \d\d:\d\d:\d\d", local_time(moment))
    assert "until about" in end(Pace(1.0, 1.0, 7e5, moment))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\r", r"a\nb\r"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\x9b31m", r"\x9b31m"),
        ("\udcff", r"\udcff"),
    ],
)
def test_escape_sequences_are_shown(text, shown):
    assert escape(text) == shown


def test_a_message_keeps_its_lines_and_nothing_else():
    assert escape_lines("one\n\x1btwo") == "one\n\\x1btwo"


@pytest.mark.parametrize(("text", "line"), [(None, ""), ("", ""), (" \n", ""), ("\n a\nb", "a")])
def test_only_the_first_line_of_a_message_is_shown_in_a_table(text, line):
    assert first_line(text) == line


def test_counts_follow_the_life_of_a_job_and_leave_out_what_does_not_occur():
    states = {JobState.DONE: 1200, JobState.PLANNED: 1, JobState.FAILED: 0}
    assert counted(states) == "1 planned, 1,200 done"


def test_one_of_a_thing_is_singular():
    assert [plural(n, "job") for n in (0, 1, 1200)] == ["0 jobs", "1 job", "1,200 jobs"]
