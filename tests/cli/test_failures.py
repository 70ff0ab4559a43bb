"""Job sets in which something failed."""

from __future__ import annotations

import json

import pytest
from qiskit import QuantumCircuit
from qiskit.providers import BackendV2, Options
from qiskit.providers.basic_provider import BasicSimulator

from qiskit_job_manager.manager import JobManager
from qiskit_job_manager.model import Limits

ATTACK = "\x1b]0;owned\x07\x1b[31mred\u202e"


class Moody(BackendV2):
    """Runs circuits, but refuses those that are named ``bad``."""

    max_circuits = None

    def __init__(self) -> None:
        super().__init__(name="moody")
        self._simulator = BasicSimulator()

    @property
    def target(self):
        return self._simulator.target

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    def run(self, circuits, **options):
        if any(circuit.name.startswith("bad") for circuit in circuits):
            raise RuntimeError(f"refused with {ATTACK}\nsecond line")
        return self._simulator.run(circuits, **options)


class Remote(Moody):
    """Its jobs outlive the process that sent them."""

    def run(self, circuits, **options):
        job = super().run(circuits, **options)
        self.sent[job.job_id()] = job
        return job

    def retrieve_job(self, job_id):
        return self.sent[job_id]


def test_not_waiting_for_a_remote_backend_hands_over_every_job(qjm, folder, monkeypatch):
    from qiskit_job_manager import backends

    remote = Remote()
    remote.sent = {}
    monkeypatch.setattr(backends, "open_backend", lambda _: backends.adapt(remote))
    outcome = qjm(
        *("run", folder, "--backend", "remote", "--no-wait"),
        *("--max-experiments-per-job", "1", "--name", "sent"),
    )
    assert outcome.code == 0
    assert len(remote.sent) == 4
    jobs = json.loads(qjm("show", "sent", "--json").out)["job_list"]
    assert {job["remote_id"] for job in jobs} == set(remote.sent)


def test_shares_of_the_shots_are_told_apart(qjm, store):
    circuit = QuantumCircuit(1, 1, name="long")
    circuit.measure(0, 0)
    with JobManager(store) as manager:
        manager.run(
            circuit,
            Moody(),
            name="shared",
            shots=20,
            limits=Limits(shots_per_experiment=10),
            volatile=True,
        ).wait(60)
    assert "0, share 2 of 2" in qjm("show", "shared").out
    (result,) = json.loads(qjm("results", "shared", "--format", "json").out)
    assert result["counts"] == {"0": 20}


@pytest.fixture
def half_failed(store):
    circuits = [QuantumCircuit(1, 1, name=name) for name in ("good", f"bad{ATTACK}")]
    for circuit in circuits:
        circuit.measure(0, 0)
    with JobManager(store) as manager:
        manager.run(
            circuits,
            Moody(),
            name=f"half{ATTACK}",
            max_experiments_per_job=1,
            shots=10,
            volatile=True,
            job_tags=[f"tag{ATTACK}"],
        ).wait(60)


@pytest.fixture
def set_id(half_failed, qjm) -> str:
    (job_set,) = json.loads(qjm("list", "--json").out)
    return job_set["job_set_id"]


def test_what_succeeded_is_printed_and_the_exit_code_tells_of_the_rest(qjm, set_id):
    outcome = qjm("results", set_id, "--format", "json")
    assert outcome.code == 3
    good, bad = json.loads(outcome.out)
    assert good["counts"] == {"0": 10}
    assert bad["counts"] is None
    assert "refused with" in bad["error"]
    assert qjm("results", set_id, "good").code == 0
    assert qjm("results", set_id, "1").code == 3


def test_waiting_for_a_set_with_a_failed_job_exits_with_three(qjm, set_id):
    outcome = qjm("wait", set_id)
    assert outcome.code == 3
    assert "1 done, 1 failed" in outcome.out


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("show", "{}"),
        ("results", "{}"),
        ("results", "{}", "1"),
        ("log", "{}"),
        ("wait", "{}"),
        ("list", "--json"),
        ("show", "{}", "--json"),
        ("log", "{}", "--json"),
        ("results", "{}", "--format", "json"),
    ],
)
def test_nothing_from_outside_can_address_the_terminal(qjm, set_id, words):
    """Names, tags and errors come from files and providers."""
    outcome = qjm(*(word.format(set_id) for word in words))
    assert outcome.code in {0, 3}
    for text in (outcome.out, outcome.err):
        assert not set(text) & set("\x1b\x07\u202e\r")


def test_an_error_of_several_lines_takes_one_line_of_a_table(qjm, set_id):
    assert len(qjm("results", set_id).out.splitlines()) == 3
