"""The emulator in a process of its own, and what it leaves behind."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import requests

from qiskit_job_manager.testing.ibm_service import (
    Behaviour,
    Books,
    Fate,
    IBMProcess,
    IBMService,
    NotLoopbackError,
    account_environment,
    only_loopback,
)
from qiskit_job_manager.testing.ibm_service.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:.*(SamplerV2|EstimatorV2):DeprecationWarning")

_LIFE = """
import sys, warnings
warnings.simplefilter("ignore")
from qiskit_job_manager.testing.ibm_service import only_loopback
with only_loopback() as hosts:
    from qiskit import QuantumCircuit
    from qiskit_ibm_runtime import Batch, QiskitRuntimeService, SamplerV2
    service = QiskitRuntimeService()
    backend = service.backend("ibm_manila")
    assert backend.status().operational and not service.usage()["usage_limit_reached"]
    circuit = QuantumCircuit(5, 1)
    circuit.measure(0, 0)
    with Batch(backend=backend) as batch:
        sampler = SamplerV2(mode=batch)
        sampler.options.environment.job_tags = ["life"]
        job = sampler.run([circuit], shots=10)
    assert job.result()[0].data.c.num_shots == 10
    assert service.job(job.job_id()).inputs["pubs"]
    assert [each.job_id() for each in service.jobs(job_tags=["life"], limit=5)] == [job.job_id()]
    job.update_tags(["life", "more"])
    job.logs(), job.metrics(), job.usage()
    service.delete_job(job.job_id())
    other = SamplerV2(backend).run([circuit], shots=10)
    other.cancel()
    print(sorted(hosts))
"""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file."""
    return tmp_path_factory.mktemp("emulator") / "ledger.jsonl"


@pytest.fixture(scope="module")
def emulator(ledger: Path) -> Any:
    """An emulator in a process of its own, in which the second job waits."""
    with IBMProcess(Behaviour(most_pubs=7), ledger=ledger) as emulator:
        emulator.control.tell(Fate.RUNS, Fate.QUEUED)
        yield emulator


def test_nothing_but_loopback_is_looked_up_in_all_of_a_jobs_life(
    emulator: IBMProcess, tmp_path: Path
) -> None:
    """And the settings alone are enough, in other processes than the emulator's."""
    settings = account_environment(emulator.address)
    ran = subprocess.run(  # our own program, given no shell
        [sys.executable, "-c", _LIFE],
        env=settings | {"HOME": str(tmp_path), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout.strip(), ran.returncode) == ("['127.0.0.1']", 0), ran.stderr
    books = emulator.control.books()
    assert [each.tags for each in books.submissions] == [("life",), ()]
    # Every kind of request that there is.
    asked = {"token", "instances", "plan", "usage", "backends", "configuration", "backend_status"}
    asked |= {"submit", "list", "job", "results", "cancel", "tags", "logs", "metrics"}
    assert asked | {"delete", "session"} <= set(books.requests)


def test_a_killed_emulator_leaves_its_ledger(emulator: IBMProcess, ledger: Path) -> None:
    assert requests.get(f"http://{emulator.address}/emulated-plan", timeout=30).ok
    books = emulator.control.books()
    emulator.kill()
    emulator.kill()  # harmless
    assert Books.read(ledger) == books
    assert books.requests["plan"] >= 1


def test_another_emulator_goes_on_with_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with IBMService(ledger=path) as first:
        requests.get(f"http://{first.address}/emulated-plan", timeout=5)
    with path.open("ab") as file:
        file.write(b'["request", ["pl')  # as a kill in the middle leaves it
    assert Books.read(path).requests == {"plan": 1}
    with IBMService(ledger=path) as second:
        requests.get(f"http://{second.address}/emulated-plan", timeout=5)
        assert second.books().requests == {"plan": 2}
    assert Books.read(path).requests == {"plan": 2}


def test_a_ledger_has_all_that_the_books_have(tmp_path: Path, submit: Any, ibm: IBMService) -> None:
    job = submit(private=True, tags=("a", "b"))
    assert job.result() is not None
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    for submission in ibm.books().submissions:
        ledger.note_submission(submission)
    ledger.note_handed_out("job")
    ledger.note_sent_whole("job")
    ledger.note_cancelled("job")
    ledger.note_request("submit", None)
    ledger.note_request("results", "job")
    ledger.close()
    assert Books.read(path) == ledger.books()
    assert ledger.books().submissions == ibm.books().submissions
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("line", ["{}", "[]", '["paid", "job"]', "no JSON", '["submission", {}]'])
def test_a_file_that_is_no_ledger_is_refused_by_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text(json.dumps(["cancelled", "job"]) + "\n" + line + "\n")
    with pytest.raises(ValueError, match=r"line 2 of .*ledger\.jsonl"):
        Books.read(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="line 2 of"):
        IBMService(ledger=path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--behaviour", '{"latenzy_s": 1}'], "Behaviour has no latenzy_s"),
        (["--snapshots", "torrino"], "snapshots has 'torrino'"),
    ],
)
def test_a_process_that_cannot_start_says_why(arguments: list[str], words: str) -> None:
    module = "qiskit_job_manager.testing.ibm_service"
    ran = subprocess.run(  # our own program, given no shell
        [sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_port_that_is_taken_is_an_error_of_the_process(ibm: IBMService) -> None:
    with pytest.raises(RuntimeError, match="standard error"):
        IBMProcess(port=int(ibm.address.rpartition(":")[2]))


# -- the watch over look-ups --------------------------------------------------------------------


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.getaddrinfo("quantum.example", 443),
        lambda: socket.gethostbyname("quantum.example"),
        lambda: socket.create_connection(("192.0.2.1", 443), timeout=5),
        lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 53)),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_another_host_is_refused_and_told_of(reach: Callable[[], object]) -> None:
    with only_loopback() as hosts, pytest.raises(NotLoopbackError, match="asked for"):
        reach()
    assert len(hosts & {"quantum.example", "192.0.2.1"}) == 1


def test_loopback_is_let_through_and_blocks_see_their_own(ibm: IBMService) -> None:
    url = f"http://{ibm.address}/emulated-plan"
    with only_loopback() as outer:
        requests.get(url, timeout=5)
        with only_loopback() as inner:
            assert inner == set()
            socket.getaddrinfo("localhost", 80)
        assert inner == {"localhost"}
    requests.get(url, timeout=5)
    assert outer == {"127.0.0.1", "localhost"}
