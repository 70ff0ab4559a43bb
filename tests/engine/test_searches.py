"""When the engine searches for duplicates, and when it asks for usage."""

from __future__ import annotations

import math

from qiskit_job_manager.engine.duplicate_submissions import DuplicateSearch
from qiskit_job_manager.engine.usage_polling import UsagePolling
from qiskit_job_manager.model import JobState, Request, RequestKind

SEARCH = Request(1, RequestKind.DUPLICATE_SEARCH, None)
POLL = Request(2, RequestKind.USAGE_POLL, None)
PLANNED, ACTIVE = JobState.PLANNED, JobState.ACTIVE
NEVER = math.inf


def search(lag_s=10.0, now_s=100.0, request=SEARCH):
    return DuplicateSearch(request, lag_s, now_s)


class TestDuplicateSearch:
    def test_the_first_one_is_a_lag_after_the_latest_submission(self):
        duplicates = search()
        assert duplicates.due_s([]) == 110.0
        duplicates.note_submission(130.0)
        assert duplicates.due_s([ACTIVE]) == 140.0
        duplicates.use_lag(2.0)
        assert duplicates.due_s([ACTIVE]) == 132.0

    def test_without_a_request_there_is_none(self):
        assert search(request=None).due_s([]) == NEVER

    def test_there_is_one_at_a_time(self):
        duplicates = search()
        duplicates.note_begin(110.0)
        assert duplicates.due_s([]) == NEVER
        assert not duplicates.is_over([])

    def test_it_is_over_when_it_was_asked_a_lag_after_the_latest_submission(self):
        duplicates = search()
        duplicates.note_begin(109.0)
        duplicates.note_end(109.0, well=True)
        assert not duplicates.is_over([])
        assert duplicates.due_s([]) == 110.0
        duplicates.note_begin(110.0)
        duplicates.note_end(110.0, well=True)
        assert duplicates.is_over([])
        assert duplicates.due_s([]) == NEVER
        duplicates.note_submission(111.0)
        assert not duplicates.is_over([])

    def test_it_is_not_over_while_a_job_may_arrive(self):
        duplicates = search()
        duplicates.note_end(110.0, well=True)
        assert not duplicates.is_over([JobState.IN_DOUBT])
        assert not duplicates.is_over([JobState.SUBMITTING])
        assert duplicates.is_over([ACTIVE])

    def test_while_more_is_sent_there_is_a_minute_between_two(self):
        duplicates = search()
        duplicates.note_begin(120.0)
        duplicates.note_end(120.0, well=True)
        duplicates.note_submission(121.0)
        assert duplicates.due_s([PLANNED]) == 180.0
        assert duplicates.due_s([ACTIVE]) == 131.0

    def test_one_that_fails_is_repeated_each_minute_and_five_times_in_all(self):
        duplicates = search()
        for begin_s in (110.0, 170.0, 230.0, 290.0, 350.0):
            assert not duplicates.is_over([])
            assert duplicates.due_s([]) == begin_s
            duplicates.note_begin(begin_s)
            duplicates.note_end(begin_s, well=False)
        assert duplicates.is_over([])

    def test_one_that_works_forgives_the_failures(self):
        duplicates = search()
        for well in (False, False, False, False, True, False):
            duplicates.note_end(105.0, well=well)
        assert not duplicates.is_over([])

    def test_where_a_former_driver_may_live_it_goes_on_each_minute_until_the_end(self):
        duplicates = search()
        duplicates.watches = True
        assert duplicates.due_s([ACTIVE]) == 110.0
        duplicates.note_begin(200.0)
        duplicates.note_end(200.0, well=True)
        assert not duplicates.is_over([ACTIVE])
        assert duplicates.due_s([ACTIVE]) == 260.0
        assert duplicates.is_over([])


class TestUsagePolling:
    def poll(self, missing=True, states=()):
        polling = UsagePolling(POLL, 100.0)
        polling.look(states, 100.0, lambda: missing)
        return polling

    def test_where_nothing_is_missing_nothing_is_asked(self):
        polling = self.poll(missing=False)
        assert polling.is_over
        assert polling.due_s == NEVER

    def test_nothing_is_asked_before_it_is_known_what_is_missing(self):
        polling = UsagePolling(POLL, 100.0)
        assert not polling.is_over
        assert polling.due_s == NEVER

    def test_without_a_request_nothing_is_asked(self):
        polling = UsagePolling(None, 100.0)
        polling.look([], 100.0, lambda: True)
        assert polling.due_s == NEVER

    def test_it_is_asked_four_times_after_longer_and_longer_pauses(self):
        polling, now_s = self.poll(), 100.0
        for pause_s in (15.0, 60.0, 240.0, 960.0):
            assert not polling.is_over
            assert polling.due_s == now_s + pause_s
            polling.note_begin()
            assert polling.due_s == NEVER
            assert not polling.is_over
            now_s += pause_s
            polling.note_end(now_s)
            polling.look([], now_s, lambda: True)
        assert polling.is_over
        assert polling.due_s == NEVER
        polling.note_submission(POLL)
        assert not polling.is_over

    def test_it_waits_for_the_end_of_what_runs(self):
        polling = self.poll()
        polling.look([ACTIVE], 130.0, lambda: True)
        assert polling.due_s == NEVER
        polling.look([PLANNED, JobState.IN_DOUBT], 140.0, lambda: True)
        assert polling.due_s == 145.0

    def test_the_store_is_asked_once(self):
        polling, asked = UsagePolling(POLL, 100.0), []
        for _ in range(3):
            polling.look([], 100.0, lambda: bool(asked.append(1)))
        assert asked == [1]
        polling.note_end(120.0)
        polling.look([], 120.0, lambda: bool(asked.append(1)))
        assert asked == [1, 1]
