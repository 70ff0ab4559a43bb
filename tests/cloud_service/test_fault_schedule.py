"""Faults by chance are the same for the same seed, and as frequent as was said."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiskit_job_manager.testing.cloud_service import Endpoint, Fate, Faults, Odds, Trouble, Way
from qiskit_job_manager.testing.cloud_service.fault_schedule import FaultSchedule

troubles = st.builds(
    Trouble,
    st.sampled_from(Way),
    st.booleans(),
    st.integers(400, 599),
    st.none() | st.floats(0, 100),
)
faults = st.builds(
    Faults,
    seed=st.integers(),
    latency_s=st.floats(0, 10),
    jobs_at_once=st.none() | st.integers(0, 5),
    reads_once=st.booleans(),
    odds=st.lists(st.builds(Odds, st.sampled_from(Endpoint), st.floats(0, 1), troubles)).map(tuple),
    fates=st.dictionaries(st.sampled_from(Fate), st.floats(0, 1)),
)


@given(faults)
@settings(max_examples=50, deadline=None)
def test_faults_travel_as_json_and_come_back_equal(faults):
    assert Faults.of_json(json.loads(json.dumps(asdict(faults)))) == faults


def test_a_word_that_is_not_known_is_named_and_those_that_are():
    with pytest.raises(ValueError, match=r"no latency; it has .*latency_s"):
        Faults.of_json({"latency": 1})


def test_the_nth_request_of_a_kind_fares_the_same_whatever_others_do():
    alone, busy = FaultSchedule(Faults.storm(0.5, seed=7)), FaultSchedule(Faults.storm(0.5, seed=7))
    expected = [alone.trouble(Endpoint.FIND) for _ in range(50)]
    found = []
    for _ in range(50):
        busy.trouble(Endpoint.SUBMIT)
        busy.fate()
        found.append(busy.trouble(Endpoint.FIND))
    assert found == expected
    other = FaultSchedule(Faults.storm(0.5, seed=8))
    assert [other.trouble(Endpoint.FIND) for _ in range(50)] != expected


def test_a_storm_hits_as_often_as_said_and_in_every_passing_way():
    schedule = FaultSchedule(Faults.storm(0.2))
    met = Counter(schedule.trouble(Endpoint.SUBMIT) for _ in range(5000))
    hit = sum(count for trouble, count in met.items() if trouble is not None)
    assert 900 < hit < 1100  # 1000 expected, with a standard deviation of 28
    assert {trouble.way for trouble in met if trouble} == set(Way) - {Way.DRIP, Way.EMPTY}
    assert {trouble.work_is_done for trouble in met if trouble} == {False, True}


def test_fates_come_in_their_shares():
    schedule = FaultSchedule(Faults(fates={Fate.FAILS: 0.25, Fate.VANISHES: 0.25}))
    met = Counter(schedule.fate() for _ in range(2000))
    assert set(met) == {Fate.RUNS, Fate.FAILS, Fate.VANISHES}
    assert 420 < met[Fate.FAILS] < 580
    assert 420 < met[Fate.VANISHES] < 580


def test_what_is_scripted_comes_first_and_once():
    schedule = FaultSchedule(Faults(odds=(Odds(Endpoint.FIND, 1.0, Trouble(Way.CLOSE)),)))
    schedule.script(Endpoint.FIND, [Trouble(Way.RESET), None])
    met = [schedule.trouble(Endpoint.FIND) for _ in range(3)]
    assert met == [Trouble(Way.RESET), None, Trouble(Way.CLOSE)]
    assert schedule.trouble(Endpoint.SUBMIT) is None
