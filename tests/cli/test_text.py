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
    escape,
    escape_lines,
    first_line,
    local_time,
    plural,
)
from qiskit_job_manager.model import JobState
from qiskit_job_manager.model.progress import Activity, Pace, Progress
from qiskit_job_manager.views.phrases import counted, end, how_far, left, shares, shown_in

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


def progress(jobs, experiments=None, *, n_experiments=60, complete=True):
    experiments = jobs if experiments is None else experiments
    return Progress(sum(jobs.values()), n_experiments, jobs, experiments, complete, 0)


def test_counts_begin_with_the_outcomes_and_leave_out_what_does_not_occur():
    states = {JobState.PLANNED: 1, JobState.DONE: 1200, JobState.FAILED: 0, JobState.CANCELLED: 2}
    assert counted(shares(progress(states))) == "1,200 done, 2 cancelled, 1 planned"


@pytest.mark.parametrize(
    ("activity", "words"),
    [
        (Activity(2, 1), "2 running, 1 queued"),
        (Activity(0, 3), "3 queued"),
        (Activity(0, 0), "3 interrupted"),
        (Activity(1, 1), "1 running, 1 queued, 1 interrupted"),
    ],
)
def test_active_jobs_run_wait_or_were_interrupted(activity, words):
    assert counted(shares(progress({JobState.ACTIVE: 3}), activity)) == words


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (
            progress({JobState.DONE: 6, JobState.PLANNED: 9}, {JobState.DONE: 24}),
            "24 of 60 circuits \u00b7 6 of 15 jobs \u00b7 about 60 s left",
        ),
        (
            progress({JobState.DONE: 2, JobState.CANCELLED: 13}, {JobState.DONE: 8}),
            "8 of 60 circuits \u00b7 2 of 15 jobs \u00b7 about 60 s left",
        ),
        (
            # Each of 60 experiments has its shots in two jobs.
            progress({JobState.DONE: 1, JobState.ACTIVE: 1}, dict.fromkeys(("done", "active"), 60)),
            "30 of 60 circuits \u00b7 1 of 2 jobs \u00b7 about 60 s left",
        ),
        (
            progress({JobState.DONE: 1}, n_experiments=1, complete=False),
            "1 of 1 circuit so far \u00b7 1 of 1 job \u00b7 about 60 s left",
        ),
    ],
)
def test_it_is_said_how_many_circuits_are_done_not_how_many_ended(shown, words):
    pace = Pace(5.0, left_s=60.0)
    assert how_far(shown, pace) == words
    assert shown_in(words, "ascii") == words.replace(" \u00b7", ",")
    assert shown_in(words, "utf-8") == words


@pytest.mark.parametrize("pace", [Pace(1.0), Pace(1.0, 1e-12, 1e18)])
def test_no_end_is_promised_that_nobody_knows(pace):
    assert (left(pace), end(pace)) == ("", "")


def test_one_of_a_thing_is_singular():
    assert [plural(n, "job") for n in (0, 1, 1200)] == ["0 jobs", "1 job", "1,200 jobs"]
