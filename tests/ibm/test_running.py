"""Whole job sets through the unmodified client, by the emulator's own ledger."""

from __future__ import annotations

import time

import pytest
from qiskit_ibm_runtime import QiskitRuntimeService

from qiskit_job_manager import JobManager
from qiskit_job_manager.backends import ibm as adapters
from qiskit_job_manager.backends.ibm import status
from qiskit_job_manager.engine import usage_polling
from qiskit_job_manager.lifecycle import decisions
from qiskit_job_manager.model import JobState, Limits, RetryPolicy
from qiskit_job_manager.results import source_of
from qiskit_job_manager.testing.ibm_service import Behaviour, Fate, Kind, Rule, Trouble, Way

PROMPT = RetryPolicy(first_wait_s=0.01, longest_wait_s=0.1)
MANY_A_MINUTE = Limits(submissions_per_minute=10_000, pending_jobs=100)
REAL_POLL_S = decisions._REMOTE_POLL_S
REAL_FRESHNESS_S = (status.SHORTEST_S, status.LONGEST_S)
SOON = "ibm:ibm_manila?listing_lag_s=0.05"


@pytest.fixture
def start(manager, circuits):
    """Have circuits run, two a job."""

    def start(backend, count=6, **how):
        how = {"shots": 40, "max_experiments_per_job": 2, "retry": PROMPT, **how}
        return manager.run(circuits(count), backend, limits=how.pop("limits", MANY_A_MINUTE), **how)

    return start


@pytest.fixture
def deprecated():
    """Make what the client is about to replace, and warns of."""

    def make(kind, *args, **options):
        with pytest.deprecated_call():
            return kind(*args, **options)

    return make


def states(job_set):
    return job_set.progress().jobs


def assert_all_done_and_paid_once(ibm, job_set):
    results = job_set.results(timeout=60)
    assert_done_and_paid_once(ibm, job_set, results)


def assert_done_and_paid_once(ibm, job_set, results):
    assert results.success, job_set.error_messages()
    for index in range(source_of(job_set).record.n_experiments):
        assert sum(results.get_counts(f"c{index}").values()) == 40
    tags = ibm.books().submissions_by_tag()
    attempts = [attempt for job in job_set.managed_jobs() for attempt in job.attempts()]
    assert all(tags[each.tag] == (each.remote_id is not None) for each in attempts)
    assert len(ibm.books().submissions) == len(job_set.jobs())


# -- whatever is handed over -----------------------------------------------------------------------


def test_circuits_run_on_a_backend(ibm, backend, start):
    job_set = start(adapters.adapted(backend, listing_lag_s=0.05))
    assert_all_done_and_paid_once(ibm, job_set)
    assert source_of(job_set).record.backend_uri is None


def test_a_backend_of_the_client_is_recognised(ibm, backend, manager, circuits):
    """And asked for nothing that it does not have, which would ask the service."""
    from qiskit_job_manager.backends import adapt

    before = ibm.books().requests.copy()
    assert type(adapt(backend)).__name__ == "IBMBackendAdapter"
    assert ibm.books().requests == before


def test_circuits_run_by_name_with_the_users_account(ibm, account, start):
    job_set = start(SOON)
    assert_all_done_and_paid_once(ibm, job_set)
    assert source_of(job_set).record.backend_uri == SOON


@pytest.mark.parametrize("kind", ["Batch", "Session"])
def test_circuits_run_in_a_batch_or_session_of_the_users(ibm, backend, start, kind):
    import qiskit_ibm_runtime

    mode = getattr(qiskit_ibm_runtime, kind)(backend)
    assert_all_done_and_paid_once(ibm, start(adapters.adapted(mode, listing_lag_s=0.05)))
    assert {each.session_id for each in ibm.books().submissions} == {mode.session_id}


def test_circuits_run_in_a_batch_on_request(ibm, account, start):
    job_set = start(SOON, execution="batch")
    assert_all_done_and_paid_once(ibm, job_set)
    assert None not in {each.session_id for each in ibm.books().submissions}
    [told] = {attempt.figures.session_id for attempt in job_set.managed_jobs()[0].attempts()} - {
        None
    }
    assert told.startswith("session-")


def test_jobs_in_flight_when_a_batch_of_ours_ends_are_sent_again_in_another(
    ibm, account, service, start, wait_until
):
    from qiskit_ibm_runtime import Batch

    ibm.behaviour = Behaviour(service_time_s=600.0)
    job_set = start(SOON, execution="batch")
    wait_until(lambda: states(job_set).get(JobState.ACTIVE) == 3)
    [ended] = {each.session_id for each in ibm.books().submissions}
    ibm.behaviour = Behaviour()
    Batch.from_id(ended, service).cancel()  # the time of the batch is over, or somebody closed it
    results = job_set.results(timeout=60)
    assert results.success, job_set.error_messages()
    sent = [each.session_id for each in ibm.books().submissions]
    assert len(sent) == 6
    assert ended not in sent[3:]


def test_circuits_and_sweeps_run_on_a_sampler_and_its_options_travel(
    ibm, backend, manager, deprecated
):
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit_ibm_runtime import SamplerV2

    turned = QuantumCircuit(5, 1, name="turned")
    turned.rz(Parameter("a"), 0)
    turned.measure(0, 0)
    sampler = deprecated(SamplerV2, backend, options={"max_execution_time": 60})
    job_set = manager.run(
        [(turned, [[0.1], [0.2], [0.3]], 30)],
        adapters.adapted(sampler, listing_lag_s=0.05),
        dynamical_decoupling={"enable": True},
    )
    result = job_set.results(timeout=60).pub_result("turned")
    assert result.data["c"].shape == (3,)
    assert result.data["c"].num_shots == 30
    [sent] = ibm.books().submissions
    assert sent.program == "sampler"
    assert sampler.options.dynamical_decoupling.enable != True  # noqa: E712  # may be Unset


def test_observables_run_on_an_estimator(ibm, backend, manager, deprecated):
    from qiskit import QuantumCircuit
    from qiskit_ibm_runtime import EstimatorV2

    flipped = QuantumCircuit(5, name="flipped")
    flipped.x(0)
    estimator = deprecated(EstimatorV2, backend)
    job_set = manager.run(
        [(flipped, ["IIIIZ", "IIIIX"])], adapters.adapted(estimator, listing_lag_s=0.05)
    )
    result = job_set.results(timeout=60).pub_result("flipped")
    assert result.data.evs.shape == (2,)
    assert [each.program for each in ibm.books().submissions] == ["estimator"]


def test_pubs_run_on_the_clients_own_sampler(ibm, backend, start):
    from qiskit_ibm_runtime.executor_sampler import Sampler

    sampler = Sampler(backend)
    assert_all_done_and_paid_once(ibm, start(adapters.adapted(sampler, listing_lag_s=0.05)))
    assert {each.program for each in ibm.books().submissions} == {"executor"}


def test_pubs_run_on_the_clients_own_estimator(ibm, backend, manager):
    from qiskit import QuantumCircuit
    from qiskit_ibm_runtime.executor_estimator import Estimator

    flipped = QuantumCircuit(5, name="flipped")
    flipped.x(0)
    job_set = manager.run(
        [(flipped, ["IIIIZ", "IIIIX"])], adapters.adapted(Estimator(backend), listing_lag_s=0.05)
    )
    result = job_set.results(timeout=60).pub_result("flipped")
    assert result.data.evs.shape == (2,)


def test_pubs_of_other_shots_go_in_jobs_of_their_own(ibm, backend, manager, circuits):
    from qiskit_ibm_runtime.executor_sampler import Sampler

    pubs = [(circuit, None, 10 + index % 2) for index, circuit in enumerate(circuits(4))]
    adapter = adapters.adapted(Sampler(backend), listing_lag_s=0.05)
    job_set = manager.run(pubs, adapter, limits=MANY_A_MINUTE)
    assert job_set.results(timeout=60).success
    assert sum(each.pubs for each in ibm.books().submissions) == 4


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [Way.RESET, Way.CLOSE, Way.HALF, Way.HTML, Way.LACKING])
def test_a_lost_answer_is_made_up_for(ibm, backend, start, way):
    ibm.script(Kind.SUBMIT, *[Trouble(way=way, after=True)] * 2)
    assert_all_done_and_paid_once(ibm, start(adapters.adapted(backend, listing_lag_s=0.05)))


def test_twins_are_found_and_cancelled_and_the_recorded_ones_kept(ibm, backend, start, wait_until):
    ibm.behaviour = Behaviour(service_time_s=1.0)
    ibm.script(Kind.SUBMIT, Trouble(status=504, after=True))
    job_set = start(adapters.adapted(backend, listing_lag_s=0.05), count=2)
    assert job_set.results(timeout=60).success
    twin, kept = [each.job_id for each in ibm.books().submissions]
    assert [job.job_id() for job in job_set.jobs()] == [kept]
    wait_until(lambda: ibm.books().cancelled == [twin])


def test_twins_are_found_although_sending_took_longer_than_listing(ibm, backend, start, wait_until):
    """What is looked for while a job is being sent is looked for again afterwards."""
    ibm.behaviour = Behaviour(service_time_s=3.0, latency_s=0.2)
    ibm.script(Kind.SUBMIT, Trouble(status=504, after=True))
    start(adapters.adapted(backend, listing_lag_s=0.05), count=2)
    wait_until(lambda: ibm.books().cancelled)


def test_a_job_that_is_too_large_is_halved_and_its_experiments_keep_their_places(
    ibm, backend, start
):
    ibm.behaviour = Behaviour(most_pubs=3)
    adapter = adapters.adapted(backend, listing_lag_s=0.05)
    assert_all_done_and_paid_once(ibm, start(adapter, count=8, max_experiments_per_job=8))
    assert max(each.pubs for each in ibm.books().submissions) <= 3


def test_a_pending_limit_is_lived_with(ibm, backend, start, monkeypatch):
    from qiskit_job_manager.backends.ibm import errors

    monkeypatch.setattr(errors, "PENDING_WAIT_S", 0.05)
    ibm.behaviour = Behaviour(most_pending=1, service_time_s=0.02)
    assert_all_done_and_paid_once(ibm, start(adapters.adapted(backend, listing_lag_s=0.05)))


def test_whatever_became_of_a_job_no_other_is_hidden(ibm, backend, start):
    ibm.tell(Fate.FAILS, Fate.RUNS, Fate.CANCELLED)
    job_set = start(adapters.adapted(backend, listing_lag_s=0.05), limits=Limits(pending_jobs=1))
    results = job_set.results(timeout=60)
    assert not results.success
    assert states(job_set) == {JobState.FAILED: 1, JobState.DONE: 1, JobState.CANCELLED: 1}
    assert sum(results.get_counts("c2").values()) == 40
    assert "Error code" in job_set.error_messages()


def test_an_instance_without_time_left_loses_nothing(ibm, backend, start, wait_until, monkeypatch):
    from qiskit_job_manager.backends.ibm import errors

    monkeypatch.setattr(errors, "QUOTA_WAIT_S", 0.05)
    ibm.script(Kind.SUBMIT, Trouble(status=409, code=4317, message="usage exceeds the limit"))
    job_set = start(adapters.adapted(backend, listing_lag_s=0.05))
    assert_all_done_and_paid_once(ibm, job_set)
    assert "raise its limit" in " ".join(event.cause or "" for event in job_set.events())


def test_a_token_that_is_revoked_in_mid_run_stops_nothing(ibm, account, start, wait_until):
    ibm.behaviour = Behaviour(service_time_s=0.2)
    job_set = start(SOON, limits=Limits(submissions_per_minute=10_000, pending_jobs=1))
    wait_until(lambda: ibm.books().submissions)
    ibm.revoke_tokens()
    assert_all_done_and_paid_once(ibm, job_set)


_EVERYWHERE = [
    Trouble(way=Way.HTML),
    Trouble(way=Way.LACKING),
    Trouble(status=429, code=1202),
]
_SUBMITTING = [Trouble(way=w, after=a) for w in (Way.RESET, Way.CLOSE) for a in (False, True)]
_READING = [Trouble(way=Way.HALF), Trouble(way=Way.CUT), Trouble(way=Way.EMPTY)]


@pytest.mark.parametrize("seed", range(3))
def test_a_storm_of_faults_loses_nothing_and_pays_for_nothing_twice(
    ibm, account, start, wait_until, seed
):
    """Without server's errors, which the client repeats by itself, 15 s long."""
    troubles = {
        Kind.SUBMIT: _EVERYWHERE + _SUBMITTING,
        Kind.USAGE: _EVERYWHERE[2:],
        Kind.LIST: _EVERYWHERE,
        Kind.JOB: _EVERYWHERE,
        Kind.METRICS: _EVERYWHERE,
        Kind.RESULTS: _EVERYWHERE[:1] + _READING,
    }
    ibm.behaviour = Behaviour(seed=seed, listing_lag_s=0.05)
    for kind, ways in troubles.items():
        rate = 0.3 / len(ways)
        ibm.add(*(Rule(kind=kind, trouble=each, rate=rate) for each in ways))
    job_set = start("ibm:ibm_manila?listing_lag_s=0.1", count=30)
    # The search for duplicates may be asked to wait for a minute, as it fails here as well.
    wait_until(lambda: job_set.progress().ended, within_s=100)
    assert_done_and_paid_once(ibm, job_set, job_set.results_so_far())


# -- in another process ----------------------------------------------------------------------------


def test_a_job_set_goes_on_by_name_where_it_stopped(ibm, account, tmp_path, circuits):
    ibm.behaviour = Behaviour(service_time_s=0.3)
    how = {"shots": 40, "max_experiments_per_job": 2, "limits": MANY_A_MINUTE, "retry": PROMPT}
    with JobManager(tmp_path / "other.db") as first:
        job_set_id = first.run(circuits(6), SOON, name="sweep", **how).job_set_id()
    with JobManager(tmp_path / "other.db") as second:
        assert_all_done_and_paid_once(ibm, second.retrieve_job_set(job_set_id))


def test_what_is_stored_is_read_without_the_service(ibm, account, tmp_path, circuits):
    with JobManager(tmp_path / "other.db") as first:
        assert first.run(circuits(2), SOON, name="done", shots=40).results(timeout=60).success
    before = ibm.books().requests.copy()
    with JobManager(tmp_path / "other.db") as second:
        counts = second.retrieve_job_set("done").results().get_counts("c1")
    assert sum(counts.values()) == 40
    assert ibm.books().requests == before


# -- what it costs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("jobs", "service_time_s"), [(20, 0.0), (10, 5.0)])
def test_a_thousand_circuits_take_at_most_six_requests_a_job(
    ibm, account, start, monkeypatch, jobs, service_time_s
):
    """This counts logging in, finding the backend, and the search for duplicates.

    Jobs of some seconds are asked about several times meanwhile, as those of the service are. On a
    machine that takes ten times as long, they would be a few times more.
    """
    monkeypatch.setattr(decisions, "_REMOTE_POLL_S", REAL_POLL_S)
    monkeypatch.setattr(status, "SHORTEST_S", REAL_FRESHNESS_S[0])
    monkeypatch.setattr(status, "LONGEST_S", REAL_FRESHNESS_S[1])
    ibm.behaviour = Behaviour(service_time_s=service_time_s)
    uri = "ibm:ibm_manila?listing_lag_s=1"
    job_set = start(uri, count=1000, max_experiments_per_job=1000 // jobs)
    assert job_set.results(timeout=120).success
    assert job_set.wait_for_search(60)
    assert len(job_set.jobs()) == jobs
    requests = ibm.books().requests
    assert sum(requests.values()) <= 6 * jobs, requests


def test_usage_that_is_final_later_is_summed_by_the_next_driver(
    ibm, account, tmp_path, circuits, wait_until, monkeypatch
):
    ibm.behaviour = Behaviour(usage_lag_s=3600)
    how = {"shots": 40, "max_experiments_per_job": 2, "limits": MANY_A_MINUTE, "retry": PROMPT}
    with JobManager(tmp_path / "other.db") as first:
        job_set = first.run(circuits(6), SOON, name="billed", **how)
        assert job_set.results(timeout=60).success
        usage = job_set.usage()
    assert (usage.measured_s, usage.estimated_s > 0) == (0.0, True)
    ibm.behaviour = Behaviour()
    monkeypatch.setattr(usage_polling, "FIRST_PAUSE_S", 0.05)
    before = ibm.books().requests.copy()
    with JobManager(tmp_path / "other.db") as second:
        second.resume()
        again = second.retrieve_job_set("billed")
        wait_until(lambda: again.usage().estimated_s == 0.0)
        wait_until(lambda: not second.unfinished())
        assert again.usage().measured_s == 3.0
    assert not (ibm.books().requests - before).keys() & {Kind.METRICS, Kind.RESULTS, Kind.SUBMIT}


def test_only_loopback_is_asked(ibm, account, start):
    """The whole life of a job set looks up no name and reaches no address but this machine's."""
    import sys

    asked = []
    armed = True

    def listen(event, arguments):
        if armed and event == "socket.connect":
            asked.append(arguments[1])

    sys.addaudithook(listen)
    try:
        assert start(SOON, count=2).results(timeout=60).success
    finally:
        armed = False
    assert asked
    assert {address[0] for address in asked if isinstance(address, tuple)} == {"127.0.0.1"}


@pytest.mark.filterwarnings("ignore:Unable to retrieve IBM Cloud access token")
def test_calls_that_wait_a_minute_each_for_a_token_hold_up_no_other_job_set(
    ibm, place, manager, circuits, wait_until
):
    """With IBM's token service down, the client waits for some 60 s in each call but the first."""
    ibm.behaviour = Behaviour(token_lifetime_s=1.0)
    ibm.tell(Fate.QUEUED)
    service = QiskitRuntimeService(**place[2])
    held_up = manager.run(circuits(1), adapters.adapted(service.backend("ibm_manila")), shots=20)
    wait_until(lambda: states(held_up) == {JobState.ACTIVE: 1})
    ibm.add(Rule(kind=Kind.TOKEN, trouble=Trouble(way=Way.RESET)))
    before = ibm.books().requests[Kind.TOKEN]
    wait_until(lambda: ibm.books().requests[Kind.TOKEN] > before)
    other = manager.run(circuits(4), "basic", shots=20, max_experiments_per_job=1)
    assert other.results(timeout=60).success
    assert states(held_up) == {JobState.ACTIVE: 1}
    assert held_up.error_messages() is None


@pytest.fixture
def _fast_clock(monkeypatch):
    """Have the time of day pass thirty times as fast, for the client and for the emulator.

    The client waits for a minute in each call while IBM's token service is down, which no setting
    of it shortens.
    """
    told, begun_s = time.time, time.time()
    monkeypatch.setattr(time, "time", lambda: begun_s + 30 * (told() - begun_s))


@pytest.mark.usefixtures("_fast_clock")
@pytest.mark.filterwarnings("ignore:Unable to retrieve IBM Cloud access token")
def test_a_job_set_outlives_an_outage_of_the_token_service(ibm, account, start, wait_until):
    """Calls wait for a minute each meanwhile; when it is over the set goes on by itself."""
    ibm.behaviour = Behaviour(token_lifetime_s=60.0, service_time_s=2.5)
    alone = Limits(submissions_per_minute=10_000, pending_jobs=1)
    job_set = start(SOON, limits=alone)
    wait_until(lambda: ibm.books().submissions)
    ibm.add(Rule(kind=Kind.TOKEN, trouble=Trouble(way=Way.RESET)))
    before = ibm.books().requests[Kind.TOKEN]
    wait_until(lambda: ibm.books().requests[Kind.TOKEN] >= before + 4)
    assert not job_set.progress().ended
    ibm.clear()
    assert_all_done_and_paid_once(ibm, job_set)
