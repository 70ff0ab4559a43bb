"""What the emulator is told it does, and what makes no sense it refuses by name."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
import requests

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.testing.ibm_service import (
    Behaviour,
    Fate,
    IBMControl,
    IBMService,
    Kind,
    Rule,
    Trouble,
    Way,
)
from qiskit_job_manager.testing.ibm_service.fault_schedule import FaultSchedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_ibm_runtime import QiskitRuntimeService

pytestmark = pytest.mark.filterwarnings("ignore:.*(SamplerV2|EstimatorV2):DeprecationWarning")
BAD = Trouble(status=500)


def plan(ibm: IBMService) -> requests.Response:
    """Ask for what costs least."""
    return requests.get(f"http://{ibm.address}/emulated-plan", timeout=30)


# -- troubles -----------------------------------------------------------------------------------


def test_what_hangs_ends_with_the_emulator(ibm: IBMService, wait_until: Callable[..., Any]) -> None:
    ibm.script(Kind.PLAN, Trouble(way=Way.HANG))
    ended: list[type] = []

    def ask() -> None:
        try:
            requests.get(f"http://{ibm.address}/emulated-plan", timeout=None)  # as the client does
        except requests.ConnectionError as error:
            ended.append(type(error))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    wait_until(lambda: ibm.books().requests["plan"] == 1)
    assert asking.is_alive()
    ibm.close()
    asking.join(30)
    assert ended == [requests.ConnectionError]


def test_an_answer_that_lacks_the_state_is_a_key_error(
    ibm: IBMService, submit: Callable[..., Any]
) -> None:
    job = submit()
    ibm.script(Kind.JOB, Trouble(way=Way.LACKING))
    with pytest.raises(KeyError, match="state"):
        job.status()


def test_a_submission_whose_answer_lacks_the_id_was_accepted_only_after_the_work(
    ibm: IBMService, submit: Callable[..., Any]
) -> None:
    for after in (False, True):
        ibm.script(Kind.SUBMIT, Trouble(way=Way.LACKING, after=after))
        with pytest.raises(KeyError, match="backend"):
            submit()
        assert len(ibm.books().submissions) == int(after)


@pytest.mark.parametrize(
    ("after_s", "for_s", "status"),
    [(0.0, None, 500), (0.0, 3600.0, 500), (3600.0, None, 200), (0.0, 0.0, 200)],
)
def test_a_rule_has_its_time(
    ibm: IBMService, after_s: float, for_s: float | None, status: int
) -> None:
    ibm.add(Rule(kind=Kind.PLAN, trouble=BAD, after_s=after_s, for_s=for_s))
    assert plan(ibm).status_code == status


def test_an_outage_begins_and_passes(ibm: IBMService, wait_until: Callable[..., Any]) -> None:
    ibm.add(Rule(kind=Kind.PLAN, trouble=BAD, after_s=0.05, for_s=0.2))
    wait_until(lambda: plan(ibm).status_code == 500)
    wait_until(lambda: plan(ibm).status_code == 200)


def test_rules_hit_at_their_rate_and_as_the_seed_says() -> None:
    def hit(seed: int) -> list[bool]:
        schedule = FaultSchedule(Behaviour(seed=seed))
        schedule.add([Rule(kind=Kind.LIST, trouble=BAD, rate=0.25)])
        return [schedule.trouble(Kind.LIST) is not None for _ in range(1000)]

    assert hit(1) == hit(1)
    assert hit(1) != hit(2)
    assert 200 < sum(hit(1)) < 300


def test_the_oldest_rule_wins_until_it_is_used_up() -> None:
    schedule = FaultSchedule(Behaviour())
    schedule.add([Rule(kind=Kind.LIST, trouble=Trouble(status=s), times=1) for s in (500, 502)])
    found = [schedule.trouble(Kind.LIST) for _ in range(3)]
    assert [each.status if each else None for each in found] == [500, 502, None]


# -- fates --------------------------------------------------------------------------------------


def test_fates_have_their_shares_as_the_seed_says() -> None:
    def fates(seed: int) -> list[Fate]:
        schedule = FaultSchedule(Behaviour(seed=seed, fates={Fate.FAILS: 0.2, Fate.CANCELLED: 0.1}))
        schedule.fates.extend([Fate.QUEUED])
        return [schedule.fate() for _ in range(1001)]

    assert fates(1) == fates(1)
    assert fates(1) != fates(2)
    assert fates(1)[0] is Fate.QUEUED
    assert 150 < fates(1).count(Fate.FAILS) < 250
    assert 60 < fates(1).count(Fate.CANCELLED) < 140
    assert fates(1).count(Fate.RUNS) > 600


def test_a_share_of_one_hits_every_job(ibm: IBMService, submit: Callable[..., Any]) -> None:
    IBMControl(ibm.address).behave(Behaviour(fates={Fate.FAILS: 1.0}))
    job = submit()
    job.wait_for_final_state()
    assert job.status() == "ERROR"


# -- times --------------------------------------------------------------------------------------


def test_a_request_is_looked_at_after_the_latency(ibm: IBMService) -> None:
    ibm.behaviour = Behaviour(latency_s=0.2)
    assert plan(ibm).elapsed.total_seconds() >= 0.2


def test_a_job_runs_for_the_service_time(
    ibm: IBMService, service: QiskitRuntimeService, submit: Callable[..., Any]
) -> None:
    ibm.behaviour = Behaviour(service_time_s=3600)
    long = submit()
    ibm.behaviour = Behaviour(service_time_s=0.1)
    short = submit()
    short.wait_for_final_state()
    told = short.metrics()["timestamps"]
    assert told["finished"] > told["created"]
    assert long.status() == "QUEUED"
    assert [each.job_id() for each in service.jobs(pending=True, limit=5)] == [long.job_id()]


# -- control ------------------------------------------------------------------------------------


def test_all_is_controlled_from_another_process_as_from_here(
    ibm: IBMService, service: QiskitRuntimeService, submit: Callable[..., Any]
) -> None:
    from qiskit_ibm_runtime import IBMNotAuthorizedError

    control = IBMControl(ibm.address)
    control.add(Rule(kind=Kind.PLAN, trouble=BAD))
    assert plan(ibm).status_code == 500
    control.clear()
    assert plan(ibm).status_code == 200
    behaviour = Behaviour(retired=("ibm_manila",), fates={Fate.FAILS: 0.5})
    control.behave(behaviour)
    assert ibm.behaviour == behaviour
    control.behave(Behaviour())
    control.tell(Fate.QUEUED)
    assert submit(tags=("t",)).status() == "QUEUED"
    assert control.books() == ibm.books()
    assert control.books().submissions_by_tag() == {"t": 1}
    control.revoke_tokens()
    with pytest.raises(IBMNotAuthorizedError):
        service.jobs(limit=5)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"behaviour": {"latenzy_s": 1}}, "latenzy_s"),
        ({"behaviour": {"latency_s": "1"}}, "latency_s"),
        ({"behaviour": {"retired": ["ibm_other"]}}, "ibm_other"),
        ({"behaviour": []}, "object"),
        ({"rules": [{"kind": "submit"}]}, "trouble"),
        ({"rules": [{"kind": "submitt", "trouble": {}}]}, "submitt"),
        ({"rules": [{"kind": "submit", "trouble": {"way": "explode"}}]}, "explode"),
        ({"rules": 1}, "rules"),
        ({"fates": ["dies"]}, "dies"),
        ({"behavior": {}}, "behavior"),
    ],
)
def test_what_cannot_be_obeyed_has_no_effect(
    ibm: IBMService, said: dict[str, Any], word: str
) -> None:
    wish = {"fates": ["queued"], "clear": True} | said
    ibm.add(Rule(kind=Kind.PLAN, trouble=BAD))
    answer = requests.post(f"http://{ibm.address}/control", json=wish, timeout=5)
    assert answer.status_code == 400
    assert word in answer.json()["errors"][0]["message"]
    assert ibm.behaviour == Behaviour()
    assert plan(ibm).status_code == 500


@pytest.mark.parametrize("body", ["{", "[]", "nothing"])
def test_a_control_request_is_an_object(ibm: IBMService, body: str) -> None:
    answer = requests.post(f"http://{ibm.address}/control", data=body, timeout=5)
    assert answer.status_code == 400


# -- what makes no sense ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", 1.5),
        ("seed", True),
        ("latency_s", -1),
        ("latency_s", "1"),
        ("service_time_s", float("nan")),
        ("listing_lag_s", float("inf")),
        ("token_lifetime_s", None),
        ("most_pending", -1),
        ("most_pending", 2.0),
        ("submissions_per_minute", "5"),
        ("most_pubs", True),
        ("most_bytes", -5),
        ("usage_limit_reached", 1),
        ("paused", "ibm_manila"),
        ("retired", (1,)),
        ("fates", [Fate.FAILS]),
        ("fates", {"dies": 0.5}),
        ("fates", {Fate.FAILS: 1.5}),
        ("fates", {Fate.FAILS: 0.6, Fate.CANCELLED: 0.6}),
    ],
)
def test_a_behaviour_refuses_a_value_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{field}.* must be "):
        Behaviour(**{field: value})  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("way", "explode"),
        ("after", "yes"),
        ("status", 99),
        ("status", "503"),
        ("code", None),
        ("message", 5),
        ("retry_after_s", -1),
    ],
)
def test_a_trouble_refuses_a_value_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{field} is .* must be "):
        Trouble(**{field: value})  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "submitt"),
        ("trouble", {"status": 500}),
        ("times", -1),
        ("rate", 5),
        ("after_s", "soon"),
        ("for_s", -1),
    ],
)
def test_a_rule_refuses_a_value_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{field} is .* must be "):
        Rule(**{"kind": Kind.LIST, "trouble": BAD} | {field: value})  # type: ignore[arg-type]  # on purpose


def test_backends_that_are_not_there_are_refused_by_name() -> None:
    with pytest.raises(InvalidArgumentError, match=r"'torrino'.* manila, .*torino"):
        IBMService(snapshots=("torrino",))
    with pytest.raises(InvalidArgumentError, match=r"'manila', .* ibm_manila"):
        IBMService(Behaviour(paused=("manila",)))


def test_what_is_told_survives_json() -> None:
    behaviour = Behaviour(paused=("ibm_manila",), fates={Fate.FAILS: 0.1}, most_pubs=3)
    assert Behaviour.of_json(asdict(behaviour)) == behaviour
    rule = Rule(kind=Kind.LIST, trouble=Trouble(way=Way.HTML), rate=0.5, for_s=1.0)
    assert Rule.of_json(asdict(rule)) == rule
