from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from qiskit_job_manager.errors import (
    RemoteJobFailedError,
    ResultGoneError,
    SubmissionDeferredError,
    SubmissionRefusedError,
    TransientBackendError,
)
from qiskit_job_manager.model import Limits, RawResult, RemoteState, RemoteStatus
from qiskit_job_manager.testing import (
    Call,
    Hang,
    JobStory,
    LoseAnswer,
    Proceed,
    Raise,
    ScriptedBackend,
)


def told(backend, remote_id):
    return backend.statuses([remote_id])[remote_id]


class TestWithoutScript:
    def test_a_job_is_accepted_done_and_handed_out(self, cloud, payload):
        backend = cloud()
        remote_id = backend.submit(payload, {"shots": 7}, "tag")
        assert told(backend, remote_id) == RemoteStatus(RemoteState.DONE)
        assert backend.fetch(remote_id) == RawResult("test/1", b"abab7")
        assert backend.error_message(remote_id) is None

    def test_a_result_can_be_read_again(self, cloud, payload):
        backend = cloud()
        remote_id = backend.submit(payload, {}, "tag")
        assert backend.fetch(remote_id) == backend.fetch(remote_id)
        assert backend.ledger.handed_out == [remote_id] * 2

    def test_ids_differ_even_for_the_same_tag(self, cloud, payload):
        backend = cloud()
        assert len({backend.submit(payload, {}, "tag") for _ in range(5)}) == 5
        assert backend.ledger.submissions_by_tag() == {"tag": 5}

    def test_a_job_that_it_never_had_is_gone(self, cloud):
        backend = cloud()
        assert told(backend, "other") == RemoteStatus(RemoteState.GONE)
        assert backend.error_message("other") is None
        with pytest.raises(ResultGoneError, match="other"):
            backend.fetch("other")

    def test_every_experiment_is_accepted_and_no_limit_is_known(self, clock):
        backend = ScriptedBackend(clock)
        backend.check(object(), 0, {})
        assert backend.limits() == Limits()
        assert (backend.name, backend.uri) == ("scripted", None)


class TestStories:
    def test_a_job_goes_on_one_status_at_each_enquiry_and_stays_at_the_last(self, cloud, payload):
        backend = cloud()
        backend.tell(JobStory.ending(RemoteState.DONE, queued=2, running=1))
        remote_id = backend.submit(payload, {}, "tag")
        assert [told(backend, remote_id) for _ in range(5)] == [
            RemoteStatus(RemoteState.QUEUED, 2),
            RemoteStatus(RemoteState.QUEUED, 1),
            RemoteStatus(RemoteState.RUNNING),
            RemoteStatus(RemoteState.DONE),
            RemoteStatus(RemoteState.DONE),
        ]

    def test_stories_are_given_to_jobs_in_the_order_of_acceptance(self, cloud, payload):
        backend = cloud()
        backend.tell(JobStory.ending(RemoteState.ERROR, "warm"), JobStory())
        backend.script(Call.SUBMIT, Raise(SubmissionRefusedError("no")))
        with pytest.raises(SubmissionRefusedError):
            backend.submit(payload, {}, "refused")
        first, second = (backend.submit(payload, {}, tag) for tag in "ab")
        assert told(backend, first).state is RemoteState.ERROR
        assert told(backend, second).state is RemoteState.DONE

    def test_a_failed_job_has_a_message_and_no_result(self, cloud, payload):
        backend = cloud()
        backend.tell(JobStory.ending(RemoteState.ERROR, "fridge is warm"))
        remote_id = backend.submit(payload, {}, "tag")
        assert backend.error_message(remote_id) == "fridge is warm"
        with pytest.raises(RemoteJobFailedError, match="fridge is warm"):
            backend.fetch(remote_id)
        assert backend.ledger.handed_out == []

    def test_a_failed_job_may_have_a_result_of_its_own(self, cloud, payload):
        backend = cloud()
        partial = RawResult("test/1", b"half")
        backend.tell(JobStory.ending(RemoteState.ERROR, "warm", run=lambda *_: partial))
        assert backend.fetch(backend.submit(payload, {}, "tag")) is partial

    def test_a_result_that_was_deleted_is_gone(self, cloud, payload):
        backend = cloud()
        backend.tell(JobStory.ending(RemoteState.GONE))
        with pytest.raises(ResultGoneError):
            backend.fetch(backend.submit(payload, {}, "tag"))

    def test_a_job_that_has_not_ended_has_no_result_yet(self, cloud, payload):
        backend = cloud()
        backend.tell(JobStory.ending(RemoteState.DONE, running=1))
        remote_id = backend.submit(payload, {}, "tag")
        with pytest.raises(TransientBackendError, match="still running"):
            backend.fetch(remote_id)
        told(backend, remote_id)
        assert backend.fetch(remote_id)

    def test_a_job_can_be_ended_from_outside(self, cloud, payload):
        backend = cloud()
        backend.tell(JobStory((RemoteStatus(RemoteState.RUNNING),)))
        remote_id = backend.submit(payload, {}, "tag")
        assert told(backend, remote_id) == told(backend, remote_id)
        backend.finish(remote_id, RemoteStatus(RemoteState.ERROR, message="stopped"))
        assert told(backend, remote_id).message == "stopped"

    def test_a_job_that_ended_stays_ended(self, cloud, payload):
        backend = cloud()
        done, running = RemoteStatus(RemoteState.DONE), RemoteStatus(RemoteState.RUNNING)
        backend.tell(JobStory((done, running)))
        remote_id = backend.submit(payload, {}, "tag")
        assert [told(backend, remote_id) for _ in range(2)] == [done, done]

    def test_a_story_without_status_is_refused(self):
        with pytest.raises(ValueError, match="at least one status"):
            JobStory(())


class TestBehaviours:
    def test_a_refused_submission_leaves_nothing(self, cloud, payload):
        backend = cloud(findable=True)
        backend.script(Call.SUBMIT, Raise(SubmissionDeferredError("busy", 3.0)))
        with pytest.raises(SubmissionDeferredError) as caught:
            backend.submit(payload, {}, "tag")
        assert caught.value.retry_after_s == 3.0
        assert backend.ledger.accepted == []
        assert backend.find("tag") == []

    def test_a_submission_whose_answer_is_lost_was_accepted(self, cloud, payload):
        backend = cloud(findable=True)
        backend.script(Call.SUBMIT, LoseAnswer())
        with pytest.raises(ConnectionResetError):
            backend.submit(payload, {}, "tag")
        (remote_id,) = backend.find("tag")
        assert told(backend, remote_id).state is RemoteState.DONE
        assert [entry.tag for entry in backend.ledger.accepted] == ["tag"]

    def test_behaviours_come_in_order_and_then_calls_proceed(self, cloud, payload):
        backend = cloud()
        backend.script(Call.STATUSES, Proceed(), Raise(TransientBackendError("reset")))
        remote_id = backend.submit(payload, {}, "tag")
        told(backend, remote_id)
        with pytest.raises(TransientBackendError):
            told(backend, remote_id)
        assert told(backend, remote_id).state is RemoteState.DONE
        assert backend.ledger.count(Call.STATUSES) == 3

    def test_a_call_of_one_kind_takes_no_behaviour_of_another(self, cloud, payload):
        backend = cloud(findable=True)
        for call in (Call.FIND, Call.STATUSES, Call.FETCH, Call.CANCEL):
            backend.script(call, Raise(TransientBackendError(call)))
        remote_id = backend.submit(payload, {}, "tag")
        calls = {
            Call.FIND: lambda: backend.find("tag"),
            Call.STATUSES: lambda: backend.statuses([remote_id]),
            Call.FETCH: lambda: backend.fetch(remote_id),
            Call.CANCEL: lambda: backend.cancel(remote_id),
        }
        for call, ask in calls.items():
            with pytest.raises(TransientBackendError, match=call):
                ask()
            ask()

    @pytest.mark.parametrize("done_first", [False, True])
    def test_a_call_stands_still_until_released(self, cloud, payload, done_first):
        backend = cloud()
        hang = Hang(done_first=done_first)
        backend.script(Call.SUBMIT, hang)
        with ThreadPoolExecutor(1) as threads:
            answer = threads.submit(backend.submit, payload, {}, "tag")
            assert hang.reached.wait(60)
            assert not answer.done()
            assert len(backend.ledger.accepted) == int(done_first)
            assert backend.submit(payload, {}, "meanwhile")
            hang.release()
            assert answer.result(10)
        assert backend.ledger.submissions_by_tag() == {"tag": 1, "meanwhile": 1}


class TestCapabilities:
    def test_an_accepted_job_is_listed_after_the_lag(self, cloud, clock, payload):
        backend = cloud(findable=True, listing_lag_s=5.0)
        first = backend.submit(payload, {}, "tag")
        clock.advance(4.9)
        second = backend.submit(payload, {}, "tag")
        assert backend.find("tag") == []
        clock.advance(0.1)
        assert backend.find("tag") == [first]
        clock.advance(5)
        assert backend.find("tag") == [first, second]
        assert backend.find("other") == []

    def test_a_backend_that_cannot_be_searched_says_so(self, cloud):
        backend = cloud()
        with pytest.raises(NotImplementedError, match="not findable"):
            backend.find("tag")
        assert backend.ledger.count(Call.FIND) == 1

    def test_an_idempotent_backend_gives_the_same_job_for_the_same_tag(self, cloud, payload):
        backend = cloud(idempotent=True)
        assert backend.submit(payload, {}, "a") == backend.submit(payload, {}, "a")
        assert backend.submit(payload, {}, "a") != backend.submit(payload, {}, "b")
        assert backend.ledger.submissions_by_tag() == {"a": 1, "b": 1}
        assert backend.ledger.count(Call.SUBMIT) == 4

    def test_a_result_that_can_be_read_once_is_then_gone(self, cloud, payload):
        backend = cloud(reads_once=True)
        remote_id = backend.submit(payload, {}, "tag")
        backend.fetch(remote_id)
        with pytest.raises(ResultGoneError, match="read before"):
            backend.fetch(remote_id)
        assert backend.ledger.handed_out == [remote_id]

    def test_a_result_lost_on_the_way_counts_as_read(self, cloud, payload):
        backend = cloud(reads_once=True)
        remote_id = backend.submit(payload, {}, "tag")
        backend.script(Call.FETCH, LoseAnswer())
        with pytest.raises(ConnectionResetError):
            backend.fetch(remote_id)
        with pytest.raises(ResultGoneError):
            backend.fetch(remote_id)

    def test_of_many_readers_one_gets_a_result_that_can_be_read_once(self, cloud, payload):
        backend = cloud(reads_once=True)
        remote_id = backend.submit(payload, {}, "tag")

        def read(_):
            try:
                return backend.fetch(remote_id)
            except ResultGoneError:
                return None

        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(read, range(32)))
        assert sum(result is not None for result in results) == 1

    def test_jobs_die_with_the_process_and_the_books_remain(self, cloud, payload):
        backend = cloud(volatile=True)
        remote_id = backend.submit(payload, {}, "tag")
        backend.forget_jobs()
        assert told(backend, remote_id).state is RemoteState.GONE
        assert backend.submit(payload, {}, "tag") != remote_id
        assert backend.ledger.submissions_by_tag() == {"tag": 2}


class TestCancelling:
    def test_a_job_that_has_not_ended_is_cancelled(self, cloud, payload):
        backend = cloud()
        backend.tell(JobStory.ending(RemoteState.DONE, queued=5))
        remote_id = backend.submit(payload, {}, "tag")
        backend.cancel(remote_id)
        assert told(backend, remote_id).state is RemoteState.CANCELLED
        assert backend.ledger.cancelled == [remote_id]
        with pytest.raises(RemoteJobFailedError, match="cancelled"):
            backend.fetch(remote_id)

    def test_a_job_that_ended_or_is_unknown_is_left_alone(self, cloud, payload):
        backend = cloud()
        remote_id = backend.submit(payload, {}, "tag")
        backend.cancel(remote_id)
        backend.cancel("other")
        assert told(backend, remote_id).state is RemoteState.DONE
        assert backend.ledger.cancelled == []

    def test_a_backend_that_cannot_cancel_goes_on(self, cloud, payload):
        backend = cloud(cancels=False)
        backend.tell(JobStory.ending(RemoteState.DONE, queued=1))
        remote_id = backend.submit(payload, {}, "tag")
        backend.cancel(remote_id)
        assert told(backend, remote_id).state is RemoteState.QUEUED


class TestLedger:
    def test_it_has_what_was_sent_and_when(self, cloud, clock, payload):
        backend = cloud()
        clock.advance(3)
        options = {"shots": 5}
        remote_id = backend.submit(payload, options, "tag")
        options["shots"] = 6
        (entry,) = backend.ledger.accepted
        assert (entry.remote_id, entry.tag, entry.accepted_s) == (remote_id, "tag", 3)
        assert entry.options == {"shots": 5}
        assert backend.ledger.submissions_by_payload() == {entry.payload_digest: 1}

    def test_it_has_every_call_in_order(self, cloud, payload):
        backend = cloud()
        remote_id = backend.submit(payload, {}, "tag")
        backend.statuses([remote_id, "other"])
        backend.fetch(remote_id)
        assert backend.ledger.calls == [
            (Call.SUBMIT, "tag"),
            (Call.STATUSES, (remote_id, "other")),
            (Call.FETCH, remote_id),
        ]

    def test_nothing_is_lost_between_threads(self, cloud, payload):
        backend = cloud()
        with ThreadPoolExecutor(8) as threads:
            ids = list(threads.map(lambda n: backend.submit(payload, {}, f"t{n}"), range(200)))
        assert len(set(ids)) == 200
        assert {entry.remote_id for entry in backend.ledger.accepted} == set(ids)
        assert set(backend.ledger.submissions_by_tag().values()) == {1}
