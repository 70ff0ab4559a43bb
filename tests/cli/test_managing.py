"""Deleting, tagging, renaming, and finding job sets by what they are like."""

from __future__ import annotations

import json

import pytest

RUN = ("--backend", "basic", "--shots", "10")


@pytest.fixture
def three(qjm, folder):
    """Sets ``first`` and ``second``, which ended, and ``later``, which has not begun."""
    for name, tag in (("first", "blue"), ("second", "red")):
        done = qjm("run", folder / "flip.qasm", *RUN, "--name", name, "--tag", tag, "--tag", "all")
        assert done.code == 0
    assert qjm("run", folder / "flip.qasm", *RUN, "--name", "later", "--no-wait").code == 0


@pytest.fixture
def names(qjm):
    """The names that ``qjm list`` shows with some options."""
    return lambda *options: [
        each["name"] for each in json.loads(qjm("list", "--json", *options).out)
    ]


def test_what_is_deleted_is_gone_with_its_results(qjm, three, names):
    outcome = qjm("delete", "first", "second", "first", "--yes")
    assert (outcome.code, outcome.out) == (0, "2 job sets deleted.\n")
    assert names() == ["later"]
    assert qjm("results", "first").code == 1


def test_nothing_is_deleted_unasked_where_there_is_nobody_to_ask(qjm, three, names):
    outcome = qjm("delete", "first")
    assert (outcome.code, outcome.out) == (2, "")
    assert "first" in outcome.err
    assert len(names()) == 3


def test_if_one_has_not_ended_none_is_deleted(qjm, three, names):
    outcome = qjm("delete", "first", "later", "--yes")
    assert outcome.code == 1
    assert "'later' has not ended" in outcome.err
    assert "qjm cancel" in outcome.err
    assert len(names()) == 3


def test_deleting_as_json_tells_what_was_deleted(qjm, three):
    (deleted,) = json.loads(qjm("delete", "first", "--yes", "--json").out)
    assert (deleted["name"], deleted["success"]) == ("first", True)


def test_tags_are_replaced_then_added_then_removed(qjm, three):
    assert qjm("tag", "first", "--add", "new", "--remove", "blue").out == "all\nnew\n"
    words = ("--replace", "x", "--replace", "y", "--add", "z", "--remove", "y", "--json")
    assert json.loads(qjm("tag", "first", *words).out)["tags"] == ["x", "z"]
    assert qjm("tag", "first").code == 2


def test_a_set_has_its_new_name_and_no_other_set_may_take_it(qjm, three, names):
    assert qjm("rename", "first", "1st").out == "first is now called 1st.\n"
    assert "1st" in names()
    taken = qjm("rename", "second", "1st")
    assert (taken.code, taken.out) == (1, "")
    assert "'1st'" in taken.err
    assert qjm("rename", "second", " ").code == 1


LIKE = {
    ("--state", "done"): ["second", "first"],
    ("--state", "unfinished"): ["later"],
    ("--state", "ended", "--state", "unfinished"): ["later", "second", "first"],
    ("--state", "in-doubt"): [],
    ("--tag", "all"): ["second", "first"],
    ("--tag", "all", "--tag", "red"): ["second"],
    ("--name", "*r*t"): ["first"],
    ("--backend", "basic*"): ["later", "second", "first"],
    ("--backend", "aer"): [],
    ("--since", "1h"): ["later", "second", "first"],
    ("--since", "2999-01-01"): [],
    ("--until", "2999-01-01"): ["later", "second", "first"],
    ("--until", "1h"): [],
    ("--since", "1h", "--until", "2999-01-01", "--name", "later"): ["later"],
    ("--since", "2020-01-01T00:00", "--name", "later"): ["later"],
}


def test_the_list_shows_what_meets_all_options(three, names):
    assert {options: names(*options) for options in LIKE} == LIKE


def test_a_list_that_is_empty_by_its_options_says_so(qjm, three):
    outcome = qjm("list", "--tag", "nothing")
    assert (outcome.code, outcome.out) == (
        0,
        "No job set passes these filters; qjm list without options shows all.\n",
    )


@pytest.mark.parametrize(
    "when", ["yesterday", "3 fortnights", "99999999w", "2026-13-01", "-1d", ""]
)
def test_a_moment_that_is_none_is_wrong_usage(qjm, when):
    for option in ("--since", "--until"):
        outcome = qjm("list", f"{option}={when}")
        assert (outcome.code, outcome.out) == (2, "")
        assert option in outcome.err


def test_two_moments_between_which_nothing_is_are_refused(qjm, three):
    outcome = qjm("list", "--since", "1h", "--until", "2h")
    assert (outcome.code, outcome.out) == (1, "")
    assert "since must be the earlier one" in " ".join(outcome.err.split())


def test_results_as_json_can_be_asked_for_as_everywhere(qjm, three):
    assert qjm("results", "first", "--json").out == qjm("results", "first", "--format", "json").out


def test_a_note_is_written_read_shown_and_removed(qjm, three):
    outcome = qjm("note", "first")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "first has no note.\n")
    assert qjm("note", "first", "Outliers\nfrom 17 \x1b[31m").out == "Outliers\nfrom 17 \\x1b[31m\n"
    assert qjm("note", "first").out == "Outliers\nfrom 17 \\x1b[31m\n"
    shown = qjm("show", "first").out
    assert "\nNote         Outliers\n             from 17 \\x1b[31m\n" in shown
    for words in (("note", "first"), ("show", "first"), ("list",)):
        found = json.loads(qjm(*words, "--json").out)
        found = next(s for s in found if s["name"] == "first") if words == ("list",) else found
        assert found["note"] == "Outliers\nfrom 17 \x1b[31m", words
    outcome = qjm("note", "first", "x" * 4001)
    assert (outcome.code, outcome.out) == (1, "")
    assert "4,001 characters; it may have 4,000" in outcome.err
    assert qjm("note", "first", "").err == "first has no note.\n"
    assert "Note" not in qjm("show", "first").out
    assert json.loads(qjm("show", "first", "--json").out)["note"] is None


@pytest.fixture
def cut_off(monkeypatch):
    """Have a deletion interrupted after its first transaction."""
    from qiskit_job_manager.stores import delete

    def interrupt(_removal):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(delete, "_TURN_S", 0.0)
        patch.setattr(delete._Removal, "give_way", interrupt)
        yield patch


def test_a_deletion_that_was_cut_off_is_told_of_and_finished_by_deleting_again(
    qjm, three, names, cut_off
):
    ids = {each["name"]: each["job_set_id"] for each in json.loads(qjm("list", "--json").out)}
    cut = qjm("delete", "first", "second", "--yes")
    assert (cut.code, cut.out) == (130, "")
    assert f"qjm delete {ids['first']} {ids['second']}" in cut.err
    assert names() == ["later", "second"]
    told = qjm("list")
    assert "first" not in told.out
    assert f"first is half deleted. To finish: qjm delete {ids['first']}\n" in told.err
    for words in (("show", "first"), ("results", ids["first"]), ("log", ids["first"][:8])):
        refused = qjm(*words)
        assert (refused.code, refused.out) == (1, "")
        assert "'first'" in refused.err
        assert "qjm delete" in refused.err
    cut_off.undo()
    finished = json.loads(qjm("delete", "first", "--json").out)
    rest = {"job_set_id": ids["first"], "name": "first", "half_deleted": True}
    assert finished == [rest]
    assert "half deleted" not in qjm("list").err
    assert "no job set 'first'" in qjm("delete", "first", "--yes").err


def test_doctor_tells_of_what_is_half_deleted(qjm, three, cut_off):
    qjm("delete", "first", "--yes")
    outcome = qjm("doctor")
    assert outcome.code == 5
    assert "first: half deleted" in outcome.out
