"""Which groups each state belongs to; a new state has to be given its own."""

from __future__ import annotations

import pytest

from qiskit_job_manager.model import JobState

GROUPS = {
    "planned": {"is_waiting"},
    "submitting": {"is_running", "is_under_way", "may_arrive", "is_pending"},
    "in doubt": {"needs_user", "is_under_way", "may_arrive"},
    "active": {"is_running", "is_under_way", "is_accepted", "is_pending"},
    "collecting": {"is_running", "is_under_way", "is_accepted"},
    "done": {"is_final"},
    "failed": {"is_final", "has_failed"},
    "cancelled": {"is_final"},
    "lost": {"is_final", "has_failed"},
}
ALL_GROUPS = {name for name, value in vars(JobState).items() if isinstance(value, property)}


@pytest.mark.parametrize("state", list(JobState))
def test_each_state_is_in_its_groups_and_in_no_other(state):
    assert {name for name in ALL_GROUPS if getattr(state, name) is True} == GROUPS[state.value]


@pytest.mark.parametrize("state", list(JobState))
def test_each_state_waits_is_under_way_or_has_ended(state):
    assert state.is_waiting + state.is_under_way + state.is_final == 1
