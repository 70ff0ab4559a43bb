"""Names that are close to one that was mistyped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiskit_job_manager.views.close_names import close_names, did_you_mean

NAMES = ["sweep", "rb-2026", "dropped", "ansatz_03", "ansatz_13", "ansatz_30"]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("swep", "sweep"),
        ("Sweep", "sweep"),
        ("drop", "dropped"),
        ("RB_2026", "rb-2026"),
        ("ansatz_3", "ansatz_03"),
        ("ansatz 03", "ansatz_03"),
    ],
)
def test_the_closest_name_comes_first(typed, first):
    assert close_names(typed, NAMES)[0] == first


@pytest.mark.parametrize("typed", ["", "xyzzy", " ", "s" * 10_000])
def test_nothing_is_offered_where_nothing_is_close(typed):
    assert close_names(typed, [*NAMES, "s" * 9_999, ""]) == []


def test_at_most_three_are_offered_in_words():
    assert did_you_mean("ansatz", NAMES).count("ansatz") == 3
    assert did_you_mean("swep", NAMES) == ". Did you mean 'sweep'?"
    assert did_you_mean("xyzzy", NAMES) == ""


@given(st.text(), st.lists(st.text()))
def test_whatever_is_typed_the_answer_is_among_the_names(typed, names):
    assert set(close_names(typed, names)) <= set(names)
