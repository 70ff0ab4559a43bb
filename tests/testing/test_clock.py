from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from qiskit_job_manager.testing import FakeClock


def test_time_stands_still_until_it_is_moved(clock):
    assert (clock.now(), clock.monotonic()) == (clock.now(), clock.monotonic())


def test_both_times_move_together(clock):
    before, before_s = clock.now(), clock.monotonic()
    clock.advance(90.5)
    assert clock.now() - before == timedelta(seconds=90.5)
    assert clock.monotonic() - before_s == 90.5


def test_the_time_of_day_is_in_utc_wherever_it_began():
    noon = datetime(2026, 6, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    clock = FakeClock(noon)
    assert clock.now() == noon
    assert clock.now().tzinfo is UTC


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_time_never_goes_back(clock, seconds):
    before = clock.monotonic()
    with pytest.raises(ValueError, match="cannot be moved"):
        clock.advance(seconds)
    assert clock.monotonic() == before


def test_no_move_is_lost_between_threads(clock):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: clock.advance(1), range(800)))
    assert clock.monotonic() == 800
