from __future__ import annotations

import io
import os
import random
import signal
import struct
import subprocess
import sys

import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit.random import random_circuit

from qiskit_job_manager.codec import sandbox, sandbox_child
from qiskit_job_manager.codec.sandbox import load_untrusted_qpy
from qiskit_job_manager.errors import CircuitFileError

_CIRCUIT_TABLE = 20


@pytest.fixture
def circuits():
    return [random_circuit(3, 3, seed=seed, measure=True) for seed in range(2)]


@pytest.fixture
def good(circuits):
    file = io.BytesIO()
    qpy.dump(circuits, file)
    return file.getvalue()


@pytest.fixture
def refusal(tmp_path):
    """Return what is said of a file with this content, without the file's name."""

    def reason(data: bytes) -> str:
        path = tmp_path / "foreign.qpy"
        path.write_bytes(data)
        with pytest.raises(CircuitFileError) as caught:
            load_untrusted_qpy(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert "\n" not in message
        assert "\x1b" not in message
        return message.removeprefix(f"{path}: ")

    return reason


@pytest.fixture
def no_child(monkeypatch):
    def started(*args, **kwargs):
        raise AssertionError("a child was started")

    monkeypatch.setattr(subprocess, "run", started)


def _child(monkeypatch, code: str):
    """Let a child run this code in place of its own."""
    run = subprocess.run
    monkeypatch.setattr(
        subprocess, "run", lambda command, **kwargs: run([sys.executable, "-c", code], **kwargs)
    )


def _loaded_or_refused(path) -> str:
    try:
        circuits = load_untrusted_qpy(path)
    except CircuitFileError as error:
        return str(error)
    return "loaded" if all(isinstance(each, QuantumCircuit) for each in circuits) else "odd"


def test_a_good_file_comes_back_with_names_and_metadata(tmp_path, circuits):
    circuits[0].name, circuits[1].metadata = "mine", {"a": [1]}
    path = tmp_path / "good.qpy"
    with path.open("wb") as file:
        qpy.dump(circuits, file)
    back = load_untrusted_qpy(path)
    assert back == circuits
    assert (back[0].name, back[1].metadata) == ("mine", {"a": [1]})


@pytest.mark.usefixtures("no_child")
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "is not a QPY file"),
        (b"QISKIT\x12", "is not a QPY file"),
        (b"QISKIT" + bytes(40), "is of QPY version 0, which does not exist"),
        (
            b"QISKIT" + struct.pack("!BBBBQ", 18, 2, 6, 2, 2**50) + bytes(30),
            "says that it has 1125899906842624 circuits, too many for its 48 bytes",
        ),
    ],
)
def test_what_is_plainly_none_is_refused_at_once(refusal, data, reason):
    assert refusal(data) == reason


@pytest.mark.usefixtures("no_child")
def test_a_file_too_large_is_refused_at_once(refusal, good, monkeypatch):
    monkeypatch.setattr(sandbox, "_LARGEST_FILE_BYTES", 100)
    assert refusal(good) == f"has {len(good)} bytes; at most 100 are read"


@pytest.mark.usefixtures("no_child")
def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CircuitFileError, match=r"none\.qpy: cannot be read: No such file"):
        load_untrusted_qpy(tmp_path / "none.qpy")


def test_a_file_cut_short_is_refused_with_qiskits_reason(refusal, good):
    assert refusal(good[: len(good) // 2]).startswith("cannot be read as QPY: ")


def test_a_file_that_would_fill_the_memory_is_refused(refusal, good):
    start = struct.unpack_from("!Q", good, _CIRCUIT_TABLE)[0]
    bomb = bytearray(good)
    struct.pack_into("!I", bomb, start + 5, 0xFFFF_FFFF)  # the number of qubits
    assert refusal(bytes(bomb)) == "needs more than 2 GiB of memory to decode"


def test_damaged_files_load_or_are_refused_with_a_reason(tmp_path, good):
    draw = random.Random(7)
    for number in range(3):
        damaged = bytearray(good)
        for _ in range(4):
            damaged[draw.randrange(_CIRCUIT_TABLE, len(good))] = draw.choice([0, 128, 255])
        path = tmp_path / f"{number}.qpy"
        path.write_bytes(bytes(damaged))
        outcome = _loaded_or_refused(path)
        assert outcome.startswith(f"{path}: ") or outcome == "loaded"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.abort()", "was killed by signal 6"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was killed by signal 9"),
        ("raise SystemExit(77)", "ended with code 77"),
    ],
)
def test_a_child_that_dies_takes_only_itself(refusal, good, monkeypatch, code, reason):
    _child(monkeypatch, code)
    assert refusal(good) == f"cannot be read as QPY: the process that decoded it {reason}"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "import os; os.write(2, b'memory allocation of 99 bytes failed'); os.abort()",
            "needs more than 2 GiB of memory to decode",
        ),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGXCPU)",
            "takes more than 30 s of computing to decode",
        ),
    ],
)
def test_a_child_that_meets_a_limit_says_which(refusal, good, monkeypatch, code, reason):
    _child(monkeypatch, code)
    assert refusal(good) == reason


def test_a_child_that_hangs_is_ended_at_the_deadline(refusal, good, monkeypatch):
    monkeypatch.setattr(sandbox, "_WALL_SECONDS", 0.2)
    _child(monkeypatch, "import threading; threading.Event().wait()")
    assert refusal(good) == "takes more than 0.2 s to decode"


def test_the_limits_hold_in_the_child():
    code = (
        "from qiskit_job_manager.codec import sandbox_child as s; s.limit()\n"
        "import resource\n"
        "try: bytearray(3 << 30)\n"
        "except MemoryError: print('memory')\n"
        "for which in (resource.RLIMIT_CPU, resource.RLIMIT_CORE):\n"
        "    print(resource.getrlimit(which)[0])"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    memory, *limits = child.stdout.splitlines()
    cpu, core = map(int, limits)
    assert memory == "memory"
    assert sandbox_child.CPU_SECONDS <= cpu <= sandbox_child.CPU_SECONDS + 30
    assert core == 0


def test_a_loop_without_end_meets_the_limit_on_computing(monkeypatch):
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (1, resource.getrlimit(resource.RLIMIT_CPU)[1]))\n"
        "while True: pass"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert child.returncode == -signal.SIGXCPU
    assert sandbox.why_ended(child.returncode, "") == "takes more than 30 s of computing to decode"


def test_modules_in_the_working_directory_are_not_imported(tmp_path, good, monkeypatch):
    (tmp_path / "struct.py").write_text("raise SystemExit(77)")
    (tmp_path / "qiskit.py").write_text("raise SystemExit(77)")
    (tmp_path / "good.qpy").write_bytes(good)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each and each != os.curdir])
    assert len(load_untrusted_qpy(tmp_path / "good.qpy")) == 2
