"""Money: prices by backend and plan, costs beside quantum seconds, and a limit that is kept to."""

from __future__ import annotations

import json
import logging
import sqlite3

import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import StatevectorSampler

from qiskit_job_manager import JobManager, RetryPolicy
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.manager.pricing import PriceTable, price_table
from qiskit_job_manager.model import JobState, Prices, RemoteState, Usage
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing import JobStory, ScriptedBackend

TABLE = """
currency = "USD"
plan = "paygo"

[[price]]
backend = "ibm_*"
per_second = 2.0

[[price]]
backend = "ibm_*"
plan = "paygo"
per_second = 1.5

[[price]]
backend = "ibm_fez"
plan = "premium"
per_second = 0.5

[[price]]
backend = "scripted"
per_shot = 0.001
per_task = 0.25
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(TABLE)
    return path


def circuits(count):
    made = []
    for i in range(count):
        circuit = QuantumCircuit(1, name=f"c{i}")
        circuit.rx(0.1 * i, 0)
        circuit.measure_all()
        made.append(circuit)
    return made


def scripted(usage_s=None, **can):
    can = {"findable": True} | can
    return ScriptedBackend(SystemClock(), Capabilities(**can), usage_s=usage_s)


# -- the table -------------------------------------------------------------------------------------


def test_the_nearest_entry_counts(file):
    table = price_table(file)
    assert table.of("ibm_torino") == Prices(currency="USD", per_second=1.5, plan="paygo")
    assert table.of("ibm_fez") == Prices(currency="USD", per_second=1.5, plan="paygo")
    assert table.of("scripted") == Prices(currency="USD", per_shot=0.001, per_task=0.25)
    assert table.of("aer") is None
    free = PriceTable({"currency": "EUR", "price": [{"backend": "x", "per_task": 0}]}, "prices")
    assert free.of("x") == Prices(currency="EUR")


def entry(**changes):
    known = {"backend": "x", "per_task": 1.0} | changes
    return {key: value for key, value in known.items() if value is not None}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "has no prices; write one"),
        ({"currency": "USD", "price": []}, "has no prices"),
        ({"currency": "USD", "price": {}}, "has no prices"),
        ({"currency": "USD", "price": [5]}, "price 1 in prices is 5; it must be a table"),
        ({"price": [entry()]}, "names no currency"),
        ({"currency": "USD", "price": [entry(per_task=None)]}, r"price 1 .*'x'\) has no price"),
        ({"currency": "USD", "price": [entry(per_task=-1)]}, "per_task = -1; it must be a number"),
        ({"currency": "USD", "price": [entry(per_task=float("nan"))]}, "per_task = nan"),
        ({"currency": "USD", "price": [entry(per_task=float("inf"))]}, "per_task = inf"),
        ({"currency": "USD", "price": [entry(per_task=True)]}, "per_task = True"),
        ({"currency": "USD", "price": [entry(per_task="1.60")]}, "per_task = '1.60'"),
        ({"currency": "USD", "price": [entry(backend=None)]}, "names no backend"),
        ({"currency": "USD", "price": [entry(backend=" ")]}, "it must be a text"),
        ({"currency": "USD", "price": [entry(per_tsak=1)]}, "did you mean 'per_task'"),
        ({"curency": "USD", "price": [entry()]}, "did you mean 'currency'"),
        (
            {"currency": "USD", "price": [entry(currency="EUR")]},
            "prices in EUR and USD; all of them must be in one currency",
        ),
        ({"currency": 5, "price": [entry()]}, "currency = 5; it must be a text"),
        ({"currency": "USD", "price": [entry(), entry()]}, "two prices for 'x'"),
    ],
)
def test_a_wrong_table_is_refused_and_named(content, message):
    with pytest.raises(InvalidArgumentError, match=message):
        PriceTable(content, "prices")


def test_patterns_that_fit_alike_are_refused():
    content = {"currency": "USD", "price": [entry(backend="i*"), entry(backend="*m")]}
    with pytest.raises(InvalidArgumentError, match=r"several prices for 'ibm': 'i\*' and '\*m'"):
        PriceTable(content, "prices").of("ibm")


@pytest.mark.parametrize(
    ("text", "message"),
    [("= 5", "is no TOML"), ("\xff", "is no TOML"), (None, "cannot be read: No such file")],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path, text, message):
    path = tmp_path / "prices.toml"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidArgumentError, match=message):
        JobManager(tmp_path / "store.db", prices=path)
    assert not (tmp_path / "store.db").exists()


# -- before anything is sent -----------------------------------------------------------------------


@pytest.fixture
def priced(tmp_path, file, monkeypatch):
    monkeypatch.setenv("QISKIT_JOB_MANAGER_PRICES", str(file))
    with JobManager(tmp_path / "priced.db") as manager:
        yield manager


def test_a_limit_without_prices_is_refused(manager):
    with pytest.raises(InvalidArgumentError, match="max_cost is 5, and there are no prices"):
        manager.run(circuits(1), scripted(), shots=10, max_cost=5)


@pytest.mark.parametrize("limit", [-1, float("nan"), float("inf"), "5", True])
def test_a_limit_that_is_no_amount_is_refused(priced, limit):
    with pytest.raises(InvalidArgumentError, match="an amount of money of at least 0"):
        priced.run(circuits(1), scripted(), shots=10, max_cost=limit)


def test_a_limit_for_a_backend_without_a_price_is_refused(priced):
    with pytest.raises(InvalidArgumentError, match=r"no price for the backend 'aer.*' on the plan"):
        priced.run(circuits(1), "aer", shots=10, max_cost=5)
    assert priced.job_sets() == []


def test_a_limit_that_cannot_be_kept_to_is_refused(tmp_path):
    prices = {"currency": "USD", "price": [{"backend": "scripted", "per_second": 1}]}
    with JobManager(tmp_path / "other.db", prices=prices) as manager:
        with pytest.raises(InvalidArgumentError, match="estimates no quantum seconds"):
            manager.run(circuits(1), scripted(), shots=10, max_cost=5)
        assert manager.job_sets() == []


def test_experiments_whose_shots_are_not_known_are_refused_with_a_limit(priced):
    backend = scripted()
    with pytest.raises(InvalidArgumentError, match="experiments 0 to 0 is not known"):
        priced.run(circuits(1), backend, max_cost=5)
    assert priced.job_sets() == []
    assert not backend.ledger.accepted


def test_an_extension_whose_cost_is_not_known_is_refused_with_a_limit(tmp_path):
    prices = {"currency": "USD", "price": [{"backend": "*", "per_shot": 0.001}]}
    first, more = [(each, None, 10) for each in circuits(1)], [(circuits(2)[1],)]
    with JobManager(tmp_path / "other.db", prices=prices) as manager:

        def run(pubs):
            sampler = StatevectorSampler(seed=1)
            return manager.run(pubs, sampler, name="grown", max_cost=5, if_exists="extend")

        assert run(first).results(timeout=60).success
        with pytest.raises(InvalidArgumentError, match="experiments 1 to 1 is not known"):
            run(first + more)
        (job_set,) = manager.job_sets()
        assert job_set.n_experiments == 1
        assert job_set.progress().ended


def test_a_backend_without_a_price_runs_and_is_logged(tmp_path, caplog):
    prices = {"currency": "USD", "price": [{"backend": "other", "per_task": 1}]}
    with JobManager(tmp_path / "other.db", prices=prices) as manager:
        with caplog.at_level(logging.WARNING, "qiskit_job_manager"):
            made = manager.run(circuits(1), scripted(), shots=10)
            assert made.results(timeout=60).success
        assert [each.event for each in caplog.records] == ["no price"]
        assert made.cost() is None
        with pytest.raises(InvalidArgumentError, match="handed over without prices"):
            made.allow_cost(5)


def test_a_plan_says_what_it_costs(priced):
    plan = priced.plan(circuits(4), scripted(), 2, shots=100)
    assert (plan.cost.currency, plan.cost.total) == ("USD", pytest.approx(4 * 0.25 + 400 * 0.001))
    assert priced.plan(circuits(4), scripted()).cost is None
    assert priced.plan(circuits(4), "aer", shots=10).cost is None


def test_a_plan_of_seconds_says_what_it_costs(tmp_path):
    prices = {"currency": "EUR", "price": [{"backend": "scripted", "per_second": 2}]}
    with JobManager(tmp_path / "other.db", prices=prices) as manager:
        plan = manager.plan(circuits(3), scripted(usage_s=1.5), 1, shots=10)
        assert str(plan.cost) == "9.00 EUR"
        assert manager.plan(circuits(3), scripted(), 1, shots=10).cost is None


# -- while it runs ---------------------------------------------------------------------------------


def test_nothing_is_sent_beyond_the_limit(priced, wait_until):
    backend = scripted()
    one = 0.25 + 100 * 0.001
    made = priced.run(circuits(5), backend, max_experiments_per_job=1, shots=100, max_cost=3 * one)
    assert made.wait(timeout=60)
    assert made.progress().held == 2
    assert made.progress().jobs[JobState.DONE] == 3
    assert len(backend.ledger.accepted) == 3
    assert made.cost().total == pytest.approx(3 * one)
    assert "2 jobs held: more than 1.05 USD" in made.report()
    made.allow_cost(4 * one)
    wait_until(lambda: made.progress().jobs[JobState.DONE] == 4)
    made.allow_cost(None)
    assert made.results(timeout=60).success


def test_a_limit_of_nothing_sends_nothing(priced):
    backend = scripted()
    made = priced.run(circuits(2), backend, shots=100, max_cost=0)
    assert made.wait(timeout=60)
    assert (made.progress().held, len(backend.ledger.accepted)) == (1, 0)


def test_retries_count(priced):
    backend = scripted()
    backend.tell(*[JobStory.ending(RemoteState.ERROR, "warm")] * 5)
    made = priced.run(
        circuits(1),
        backend,
        shots=100,
        max_cost=0.75,
        retry=RetryPolicy(max_attempts=9, first_wait_s=0.01, longest_wait_s=0.01),
    )
    assert made.wait(timeout=60)
    assert len(backend.ledger.accepted) == 2
    assert made.cost().total == pytest.approx(0.70)


def test_duplicates_count():
    prices = Prices(currency="USD", per_shot=0.5, per_task=1.0, per_second=2.0)
    twice = Usage(3.0, 1.0, 2, 20) + Usage(0.0, 4.0, 1, 10)
    cost = prices.cost(twice)
    assert (cost.actual, cost.estimated) == (0.5 * 30 + 1.0 * 3 + 2.0 * 3, 2.0 * 5)


def test_the_prices_of_a_job_set_stay_when_the_file_changes(tmp_path, file):
    with JobManager(tmp_path / "priced.db", prices=file) as manager:
        made = manager.run(circuits(2), scripted(), name="x", shots=100)
        made.results(timeout=60)
        before = made.cost()
    file.write_text(TABLE.replace("0.25", "99.0"))
    with JobManager(tmp_path / "priced.db", prices=file) as manager:
        assert manager.find("x").cost() == before
        assert before.actual == pytest.approx(0.70)
        there = manager.find("x").export(tmp_path / "x.qjmz")
    with JobManager(tmp_path / "there.db") as manager:
        assert manager.import_job_set(there).cost() == before


def test_a_limit_without_prices_in_the_store_sends_nothing(tmp_path, file):
    with JobManager(tmp_path / "priced.db", prices=file) as manager:
        manager.run(circuits(1), scripted(), name="x", shots=100, max_cost=5, drive=False)
    with sqlite3.connect(tmp_path / "priced.db") as connection:
        connection.execute("UPDATE job_set SET prices = NULL")
    connection.close()
    backend = scripted()
    with JobManager(tmp_path / "priced.db") as manager:
        made = manager.retrieve_job_set("x", backend)
        assert made.wait(timeout=60)
        assert (made.progress().held, len(backend.ledger.accepted)) == (1, 0)


# -- the command line ------------------------------------------------------------------------------


def test_commands_speak_money(tmp_path, file, monkeypatch, capsys):
    from qiskit import qasm2

    from qiskit_job_manager.cli.app import app

    monkeypatch.setenv("QISKIT_JOB_MANAGER_PRICES", str(file))
    file.write_text(TABLE.replace("scripted", "aer*"))
    for each in circuits(2):
        (tmp_path / f"{each.name}.qasm").write_text(qasm2.dumps(each))
    store = str(tmp_path / "store.db")

    def qjm(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app(["--store", store, *words], prog_name="qjm")
        return ended.value.code or 0, *capsys.readouterr()

    what = (str(tmp_path), "--backend", "aer", "--shots", "100")
    assert "cost                   0.70 USD (estimated)" in qjm("run", *what, "--dry-run")[1]
    assert json.loads(qjm("run", *what, "--dry-run", "--json")[1])["cost"]["total"] == 0.7
    code, _, err = qjm("run", *what, "--name", "a", "--max-cost", "0.5")
    assert code != 0
    assert "a needs you: 1 job is not sent, as more than 0.50 USD would be used" in err
    assert "--max-cost AMOUNT" in err
    shown = qjm("show", "a")[1]
    assert "Cost         0.00 USD known, at most 0.50 allowed" in shown
    assert qjm("resume", "a", "--max-cost", "0.7")[0] == 0
    assert "Cost         0.70 USD known, at most 0.70 allowed" in qjm("show", "a")[1]
    cost = json.loads(qjm("show", "a", "--json")[1])["cost"]
    assert (cost["currency"], cost["actual"], cost["allowed"]) == ("USD", 0.7, 0.7)
    assert "no amount of money" in qjm("resume", "a", "--max-cost", "-1")[2]
    assert "name the job sets" in qjm("resume", "--max-cost", "1")[2]
    file.write_text("currency = ")
    code, out, err = qjm("run", *what)
    assert (code != 0, out) == (True, "")
    assert "is no TOML" in err
