"""``qjm watch``: on terminals of all sizes, by lines, as JSON; and that it only looks on."""

from __future__ import annotations

import json
import os
import re

import pexpect
import pytest

RUN = ("--backend", "basic", "--shots", "10", "--max-experiments-per-job", "1")
HOSTILE = "../a/b\n\x1b[31m<b>=1+1</b>\u202e\U0001f600量子" + "x" * 200
SIZES = {"small": (24, 80), "large": (50, 200), "narrow": (20, 20)}


@pytest.fixture
def later(qjm, folder):
    """A set of four jobs with a name that harms whoever obeys it, which nobody drives."""
    assert qjm("run", folder, *RUN, "--name", HOSTILE, "--no-wait").code == 0
    (job_set,) = json.loads(qjm("list", "--json").out)
    return job_set["job_set_id"]


def end_of(terminal: pexpect.spawn) -> str:
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.before


def words_of(text: str) -> str:
    """What a person reads: without control sequences and line breaks."""
    return "".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).split())


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_it_looks_on_at_any_size_until_ctrl_c_and_changes_nothing(qjm, qjm_terminal, later, size):
    before = qjm("show", later, "--json").out
    terminal = qjm_terminal("watch", later, size=size)
    terminal.expect("Pace")
    terminal.expect("\x1b")  # it is drawn in place
    terminal.sendintr()
    seen = terminal.before + end_of(terminal)
    assert terminal.exitstatus == 130
    assert "Stoppedwatching;thejobsetisnotchanged." in words_of(seen)
    assert "Traceback" not in seen
    assert qjm("show", later, "--json").out == before


def test_a_screen_shows_names_states_and_what_needs_the_user_without_harm(qjm_terminal, later):
    terminal = qjm_terminal("watch", later, NO_COLOR="1", size=SIZES["large"])
    terminal.expect(r"Nobody drives it\. Go on with: qjm resume " + later)
    seen = terminal.before
    terminal.sendintr()
    seen += end_of(terminal)
    assert "\x1b[31m" not in seen
    assert "\u202e" not in seen
    assert r"../a/b\n\x1b[31m<b>=1+1</b>\u202e" in seen
    assert "0 of 4 circuits" in seen
    assert "EXPERIMENTS" in seen


def test_it_shows_another_process_drive_and_leaves_when_the_set_has_ended(
    qjm_terminal, qjm_process, later
):
    terminal = qjm_terminal("watch", later, size=SIZES["small"])
    terminal.expect("Nobody drives it")
    driver = qjm_process("resume", later)
    seen = end_of(terminal)
    assert terminal.exitstatus == 0
    assert "4 of 4 jobs" in seen
    driver.ended()
    assert driver.returncode == 0


def test_without_a_terminal_it_prints_lines(qjm, qjm_process, later):
    assert qjm("wait", later).code == 0
    process = qjm_process("watch", later)
    out, err = process.ended()
    assert (process.returncode, err) == (0, "")
    assert "4 of 4 circuits \u00b7 4 of 4 jobs \u00b7 4 done" in out.splitlines()[0]
    assert "\x1b" not in out


def test_as_json_it_prints_an_object_a_line(qjm, later):
    assert qjm("wait", later).code == 0
    outcome = qjm("watch", later, "--json")
    (look,) = map(json.loads, outcome.out.splitlines())
    assert outcome.code == 0
    assert look["jobs_by_state"] == look["experiments_by_state"] == {"done": 4}
    assert (look["ended"], look["driven"], look["name"]) == (True, False, HOSTILE)


def test_a_set_that_is_deleted_meanwhile_ends_it_with_an_error(qjm, qjm_process, later):
    process = qjm_process("watch", later, "--json")
    assert json.loads(process.stdout.readline())["ended"] is False
    from qiskit_job_manager.manager import JobManager

    with JobManager() as manager:
        job_set = manager.find(later)
        job_set.cancel()
        job_set.wait()
        job_set.delete()
    _, err = process.ended()
    assert process.returncode in {1, 3}, err
    assert "Traceback" not in err


PLAIN = {
    "dumb": {"TERM": "dumb"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.mark.parametrize("environment", PLAIN.values(), ids=PLAIN)
def test_terminals_that_can_do_less_show_what_they_can(qjm_terminal, later, environment):
    terminal = qjm_terminal("watch", later, **environment, size=SIZES["small"])
    terminal.expect("4 jobs|0/4")
    terminal.sendintr()
    seen = terminal.before + end_of(terminal)
    assert terminal.exitstatus == 130
    assert "Traceback" not in seen
    if "TERM" not in environment:
        assert seen.isascii()
        assert r"\u91cf\u5b50" in words_of(seen)


def test_a_reader_that_goes_away_ends_it(qjm_process, later):
    reading, writing = os.pipe()
    os.close(reading)
    process = qjm_process("watch", later, stdout=writing)
    os.close(writing)
    _, err = process.ended()
    assert (process.returncode, err) == (141, "")


def test_every_table_shows_hostile_names_without_harm(qjm, later):
    qjm("tag", later, "--add", HOSTILE)
    for words in (["list"], ["show", later], ["tag", later, "--add", "x"], ["doctor"]):
        shown = qjm(*words).out
        assert "\\x1b[31m" in shown
        assert not {"\x1b", "\u202e"} & set(shown)


def test_a_name_of_ten_thousand_characters_is_cut_where_it_is_watched(qjm, later):
    assert qjm("rename", later, "n" * 10_000).code == 0
    assert qjm("cancel", later).code == 0
    assert max(map(len, qjm("watch", later).out.splitlines())) < 400
