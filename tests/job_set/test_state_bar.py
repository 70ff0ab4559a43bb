"""The bar that is divided among the states of jobs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiskit_job_manager.displays.terminal_bar import cells_of, state_bar
from qiskit_job_manager.views import colours

COUNTED = st.lists(st.integers(1, 10**9), min_size=1, max_size=12).map(
    lambda counts: list(zip(colours.labels(), counts, strict=False))
)


@given(COUNTED, st.integers(1, 200))
def test_a_bar_is_as_wide_as_asked_and_shows_each_state_where_there_is_room(states, width):
    cells = cells_of(states, width)
    assert sum(number for _, number in cells) == width
    assert [label for label, _ in cells] == [label for label, _ in states]
    if len(states) <= width:
        assert all(number for _, number in cells)


@given(COUNTED)
def test_the_parts_of_a_wide_bar_are_in_proportion(states):
    whole, width = sum(count for _, count in states), 1000
    for (_, count), (_, number) in zip(states, cells_of(states, width), strict=True):
        assert abs(number - width * count / whole) <= len(states)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_bar_of_cancelled_jobs_does_not_look_full(encoding):
    done = state_bar([("done", 15)], 30, encoding).plain
    mostly = state_bar([("done", 2), ("cancelled", 13)], 30, encoding).plain
    assert len(set(done)) == 1
    assert mostly.count(done[0]) == 4
    assert mostly.endswith("/" * 26)
    mostly.encode(encoding)


@pytest.mark.parametrize("label", colours.labels())
def test_states_without_a_result_never_look_like_done(label):
    done = state_bar([("done", 1)], 5, "utf-8").plain
    assert (state_bar([(label, 1)], 5, "utf-8").plain == done) is (label == "done")


def test_a_set_without_jobs_has_an_empty_bar():
    planned = state_bar([("planned", 1)], 5, "utf-8").plain
    assert state_bar([], 5, "utf-8").plain == planned
