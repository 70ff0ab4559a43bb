"""Nothing is lost and nothing is paid for twice, by the cloud's own ledger."""

from __future__ import annotations

import pytest

from qiskit_job_manager import JobManager, ManagedResultDataNotAvailable
from qiskit_job_manager.errors import CredentialsError, TransientBackendError
from qiskit_job_manager.model import JobState, Limits, RetryPolicy
from qiskit_job_manager.results import source_of
from qiskit_job_manager.testing.cloud_service import (
    CloudAdapter,
    Deed,
    Endpoint,
    Fate,
    Faults,
    Outage,
    Trouble,
    Variant,
    Way,
)
from qiskit_job_manager.testing.samples import expected_counts

PROMPT = RetryPolicy(first_wait_s=0.01, longest_wait_s=0.1)
LOSE_ANSWER = Trouble(Way.RESET, after=True)


class Watched(CloudAdapter):
    """Remembers what its status checks raised."""

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self.raised = []
        self.asked = 0

    def statuses(self, remote_ids):
        self.asked += 1
        try:
            return super().statuses(remote_ids)
        except Exception as error:
            self.raised.append(error)
            raise


pytestmark = pytest.mark.usefixtures("short_polls")


@pytest.fixture
def start(manager, circuits):
    """Hand over circuits, one a job."""

    def start(backend, count, **how):
        how = {"shots": 40, "max_experiments_per_job": 1, "retry": PROMPT} | how
        return manager.run(circuits(count), backend, **how)

    return start


def assert_all_done_and_paid_once(cloud, job_set, timeout=60):
    results = job_set.results(timeout=timeout)
    assert results.success, job_set.error_messages()
    for index in range(len(job_set)):
        found = results.data(index)["counts"]
        assert found == expected_counts(f"c{index}", 3, 40)
    paid = cloud.books().submissions_by_payload()
    assert set(paid.values()) == {1}
    assert len(paid) == len(job_set.jobs())


def states(job_set):
    return job_set.progress().jobs


# -- answers to submissions that are lost ----------------------------------------------------------


@pytest.mark.parametrize("variant", [Variant.FINDABLE, Variant.IDEMPOTENT])
@pytest.mark.parametrize("way", [Way.RESET, Way.CLOSE, Way.HALF, Way.HTML, Way.STATUS])
def test_a_lost_answer_is_made_up_for(cloud, start, variant, way):
    cloud.script(Endpoint.SUBMIT, *[Trouble(way, after=True)] * 2)
    job_set = start(CloudAdapter(cloud.address, variant), 3)
    assert_all_done_and_paid_once(cloud, job_set)
    attempts = [len(job.attempts()) for job in job_set.managed_jobs()]
    assert attempts == [1, 1, 1]


def test_nobody_asks_where_results_are_waited_for(cloud, start):
    cloud.faults = Faults(service_time_s=0.2, jobs_at_once=2, latency_s=0.01)
    adapter = Watched(cloud.address, awaits=True, bulk_status=False)
    assert_all_done_and_paid_once(cloud, start(adapter, 8))
    assert len(cloud.books().of(Deed.HANDED_OUT)) == 8
    assert adapter.asked == 0


def test_a_blind_submission_waits_for_the_users_word_and_blocks_no_other(cloud, start, wait_until):
    cloud.script(Endpoint.SUBMIT, LOSE_ANSWER)
    job_set = start(CloudAdapter(cloud.address, Variant.BLIND), 3)
    wait_until(lambda: states(job_set) == {JobState.IN_DOUBT: 1, JobState.DONE: 2})
    assert cloud.books().submissions_by_payload().total() == 3
    job_set.abandon()
    results = job_set.results(timeout=60)
    assert not results.success
    assert cloud.books().submissions_by_payload().total() == 3


def test_the_users_word_sends_a_blind_submission_again(cloud, start, wait_until):
    cloud.script(Endpoint.SUBMIT, Trouble(Way.RESET))
    job_set = start(CloudAdapter(cloud.address, Variant.BLIND), 2)
    wait_until(lambda: states(job_set) == {JobState.IN_DOUBT: 1, JobState.DONE: 1})
    job_set.resubmit()
    assert_all_done_and_paid_once(cloud, job_set)


def test_absence_is_not_believed_before_the_listings_lag_has_passed(cloud, start):
    cloud.faults = Faults(listing_lag_s=0.3)
    cloud.script(Endpoint.SUBMIT, LOSE_ANSWER)
    adapter = CloudAdapter(cloud.address, listing_lag_s=0.3)
    assert_all_done_and_paid_once(cloud, start(adapter, 2))


def test_an_adapter_that_understates_the_lag_pays_twice_and_the_ledger_tells(cloud, start):
    """So that these tests are known to be able to fail."""
    cloud.faults = Faults(listing_lag_s=3600)
    cloud.script(Endpoint.SUBMIT, LOSE_ANSWER)
    assert start(CloudAdapter(cloud.address, listing_lag_s=0.0), 1).results(timeout=60).success
    assert list(cloud.books().submissions_by_payload().values()) == [2]


# -- a cloud that is busy, down, or wants a login --------------------------------------------------


@pytest.mark.parametrize("variant", [Variant.FINDABLE, Variant.IDEMPOTENT])
@pytest.mark.parametrize("awaits", [False, True])
def test_a_storm_of_all_passing_faults_is_got_through(cloud, start, variant, awaits):
    cloud.faults = Faults.storm(0.2, seed=11)
    job_set = start(CloudAdapter(cloud.address, variant, awaits=awaits, timeout_s=5.0), 25)
    assert_all_done_and_paid_once(cloud, job_set)


@pytest.mark.parametrize("retry_after_s", [None, 0.0])
@pytest.mark.parametrize("status", [429, 409])
def test_a_pending_limit_that_nobody_told_of_is_lived_with(cloud, start, status, retry_after_s):
    cloud.faults = Faults(
        jobs_at_once=1,
        service_time_s=0.01,
        pending_jobs=2,
        pending_status=status,
        retry_after_s=retry_after_s,
    )
    assert_all_done_and_paid_once(cloud, start(CloudAdapter(cloud.address), 6))


@pytest.mark.parametrize("outage", list(Outage))
@pytest.mark.parametrize("variant", [Variant.FINDABLE, Variant.IDEMPOTENT])
def test_an_outage_in_the_middle_is_sat_out(cloud, start, outage, variant, wait_until):
    cloud.faults = Faults(jobs_at_once=0)
    limits = Limits(pending_jobs=3)
    adapter = Watched(cloud.address, variant)
    job_set = start(adapter, 6, limits=limits)
    wait_until(lambda: states(job_set).get(JobState.ACTIVE) == 3)
    cloud.begin_outage(outage)
    cloud.faults = Faults()
    wait_until(lambda: len(adapter.raised) >= 3)
    assert {type(error) for error in adapter.raised} == {TransientBackendError}
    assert states(job_set) == {JobState.ACTIVE: 3, JobState.PLANNED: 3}
    cloud.end_outage()
    assert_all_done_and_paid_once(cloud, job_set)


def test_where_nothing_listens_even_a_blind_submission_is_not_in_doubt(cloud, start, wait_until):
    cloud.begin_outage(Outage.REFUSED)
    job_set = start(CloudAdapter(cloud.address, Variant.BLIND), 2)
    wait_until(lambda: "out of reach" in (job_set.error_messages() or _errors(job_set)))
    assert JobState.IN_DOUBT not in states(job_set)
    cloud.end_outage()
    assert_all_done_and_paid_once(cloud, job_set)


def _errors(job_set):
    return " ".join(event.cause or "" for event in job_set.events())


def test_expired_credentials_fail_nothing_and_a_login_goes_on(cloud, start, wait_until):
    cloud.faults = Faults(jobs_at_once=0)
    adapter = Watched(cloud.address)
    job_set = start(adapter, 4, limits=Limits(pending_jobs=2))
    wait_until(lambda: states(job_set).get(JobState.ACTIVE) == 2)
    cloud.expire()
    cloud.faults = Faults()
    wait_until(lambda: len(adapter.raised) >= 3)
    assert {type(error) for error in adapter.raised} == {CredentialsError}
    assert states(job_set) == {JobState.ACTIVE: 2, JobState.PLANNED: 2}
    adapter.client.log_in()
    assert_all_done_and_paid_once(cloud, job_set)


# -- what becomes of jobs --------------------------------------------------------------------------


def test_whatever_became_of_a_job_no_other_is_hidden(cloud, start, wait_until):
    cloud.tell(Fate.FAILS)
    job_set = start(CloudAdapter(cloud.address), 6, limits=Limits(pending_jobs=1))
    wait_until(lambda: cloud.books().submissions_by_payload().total() >= 1)
    cloud.tell(Fate.VANISHES, Fate.CANCELLED, Fate.FEWER, Fate.CUT)
    results = job_set.results(timeout=60)
    assert not results.success
    readable = [index for index in range(6) if _readable(results, index)]
    assert len(readable) == 1
    assert states(job_set) == {
        JobState.FAILED: 3,
        JobState.LOST: 1,
        JobState.CANCELLED: 1,
        JobState.DONE: 1,
    }
    assert "refrigerator is warm" in job_set.error_messages()


def _readable(results, index):
    try:
        return bool(results.data(index))
    except ManagedResultDataNotAvailable:
        return False


def test_a_failed_job_is_sent_again_only_as_often_as_the_policy_says(cloud, start):
    cloud.tell(Fate.FAILS, Fate.FAILS, Fate.FAILS)
    retry = RetryPolicy(max_attempts=2, first_wait_s=0.01, longest_wait_s=0.1)
    job_set = start(CloudAdapter(cloud.address), 1, retry=retry)
    assert not job_set.results(timeout=60).success
    assert cloud.books().submissions_by_payload().total() == 2
    assert len(cloud.books().submissions_by_tag()) == 2


def test_a_cancelled_set_is_cancelled_on_the_cloud(cloud, start, wait_until):
    cloud.faults = Faults(jobs_at_once=0)
    job_set = start(CloudAdapter(cloud.address), 2)
    wait_until(lambda: states(job_set).get(JobState.ACTIVE) == 2)
    job_set.cancel()
    wait_until(lambda: states(job_set) == {JobState.CANCELLED: 2})
    assert len(cloud.books().of(Deed.CANCELLED)) == 2


# -- results that can be read once -----------------------------------------------------------------


@pytest.mark.usefixtures("entry_point")
def test_a_result_that_can_be_read_once_is_read_once(cloud, start, wait_until):
    cloud.faults = Faults(reads_once=True)
    job_set = start(CloudAdapter(cloud.address, reads_once=True), 3, max_experiments_per_job=3)
    assert_all_done_and_paid_once(cloud, job_set)
    assert job_set.results(timeout=0).success  # again, and from the store
    wait_until(lambda: list(cloud.books().read_whole().values()) == [1])
    assert len(cloud.books().of(Deed.HANDING_OUT)) == 1


@pytest.mark.usefixtures("entry_point")
def test_a_result_that_was_cut_off_on_its_only_way_is_lost_and_said_so(cloud, start):
    cloud.faults = Faults(reads_once=True, after_read=200)
    cloud.script(Endpoint.RESULT, Trouble(Way.HALF))
    job_set = start(CloudAdapter(cloud.address, reads_once=True), 1)
    results = job_set.results(timeout=60)
    assert states(job_set) == {JobState.LOST: 1}
    with pytest.raises(ManagedResultDataNotAvailable, match="read before"):
        results.get_counts(0)
    assert cloud.books().read_whole() == {}


# -- another process's jobs ------------------------------------------------------------------------


@pytest.mark.usefixtures("entry_point")
def test_whoever_opens_the_store_next_goes_on_by_the_uri(tmp_path, cloud, circuits, wait_until):
    cloud.faults = Faults(jobs_at_once=0)
    with JobManager(tmp_path / "store.db") as manager:
        adapter = CloudAdapter(cloud.address, Variant.IDEMPOTENT, listing_lag_s=0.25)
        job_set = manager.run(circuits(2), adapter, name="s", shots=40, max_experiments_per_job=1)
        wait_until(lambda: states(job_set).get(JobState.ACTIVE) == 2)
    cloud.faults = Faults()
    with JobManager(tmp_path / "store.db") as manager:
        job_set = manager.retrieve_job_set("s")
        assert source_of(job_set).record.backend_uri == adapter.uri
        assert_all_done_and_paid_once(cloud, job_set)
