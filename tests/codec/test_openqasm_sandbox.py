"""OpenQASM files that would take all memory, all time, or the process."""

from __future__ import annotations

import subprocess
import sys
import tempfile

import pytest

from qiskit_job_manager.codec import openqasm_child, openqasm_sandbox
from qiskit_job_manager.codec.experiments import encode_experiment
from qiskit_job_manager.codec.openqasm import read_openqasm
from qiskit_job_manager.codec.openqasm_sandbox import reading_openqasm
from qiskit_job_manager.errors import CircuitFileError
from qiskit_job_manager.model import ExperimentKind

V2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
V3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
GOOD = V2 + "qreg q[1];\ncreg c[1];\nx q[0];\nmeasure q -> c;\n"


def doubled(levels: int) -> str:
    """Return gates that are each twice the one before."""
    first = "gate g0 a { x a; }\n"
    return first + "".join(
        f"gate g{i} a {{ g{i - 1} a; g{i - 1} a; }}\n" for i in range(1, levels + 1)
    )


@pytest.fixture
def write(tmp_path):
    def to(name: str, text: str):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return to


def read(*files):
    with reading_openqasm(files) as circuits:
        return list(circuits)


def content(circuit):
    return encode_experiment(circuit, ExperimentKind.CIRCUIT).content_hash


def child_that(monkeypatch, code: str):
    """Let a child run this code in place of its own."""
    monkeypatch.setattr(
        openqasm_sandbox, "child_command", lambda *_arguments: [sys.executable, "-c", code]
    )


@pytest.mark.parametrize(
    "text",
    [
        f"{V2}{doubled(31)}qreg q[1];\ng31 q[0];\n",
        f"{V2}qreg q[2000000000];\n",
        f"{V3}{doubled(31)}qubit q;\ng31 q;\n",
        f"{V3}qubit[2000000000] q;\n",
        f"{V2}qreg q[1];\ncreg c[2000000000];\n",
    ],
    ids=["gates", "qubits", "gates of 3", "qubits of 3", "bits"],
)
def test_a_small_file_that_means_gigabytes_is_refused_and_its_siblings_are_read(write, text):
    files = [write("a.qasm", GOOD), write("hostile.qasm", text), write("z.qasm", GOOD)]
    before, refused, after = read(*files)
    assert content(before) == content(after)
    assert isinstance(refused, CircuitFileError)
    assert refused.message.startswith(f"{files[1]}: ")
    assert "\n" not in refused.message


def test_a_parser_that_panics_is_an_error_like_any_other(write, monkeypatch):
    class PanicException(BaseException):  # the name that PyO3 gives it
        pass

    def panics(_file):
        raise PanicException("index out of bounds")

    answers = tempfile.TemporaryFile()  # noqa: SIM115
    monkeypatch.setattr(openqasm_child, "_read", panics)
    monkeypatch.setattr(openqasm_child, "limit", lambda *_limits: None)
    assert openqasm_child.main([str(write("a.qasm", GOOD))], answers) == 0
    answers.seek(0)
    assert b"the parser of OpenQASM broke down: index out of bounds" in answers.read()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.abort()", "the process that decoded it was killed by signal 6"),
        ("raise SystemExit(77)", "the process that decoded it ended with code 77"),
        ("raise SystemExit(4)", "needs more than 2 GiB of memory to decode"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGXCPU)",
            "takes more than 6 s of computing to decode",
        ),
        ('print(\'{"format": "x", "bytes": 9}\\nabc\')', "ended with code 0"),
    ],
)
def test_a_child_that_ends_says_why_and_what_can_be_done(write, monkeypatch, code, reason):
    child_that(monkeypatch, code)
    files = [write("a.qasm", GOOD), write("b.qasm", GOOD)]
    for file, error in zip(files, read(*files), strict=True):
        assert error.message.startswith(f"{file}: ")
        assert reason in error.message
        assert "Leave the file out." in error.message


def test_a_child_that_hangs_is_ended_at_the_deadline(write, monkeypatch):
    monkeypatch.setattr(openqasm_sandbox, "_wall_seconds", lambda _file: 0.2)
    child_that(monkeypatch, "import threading; threading.Event().wait()")
    [error] = read(write("a.qasm", GOOD))
    assert "takes more than 0.2 s to read" in error.message


def test_what_a_parser_prints_does_not_come_between_the_answers(write, monkeypatch, tmp_path):
    code = (
        "import json, sys, pathlib\n"
        "from qiskit_job_manager.codec import openqasm_child as child\n"
        "read = child._read\n"
        "def loud(file):\n"
        "    print('noise', flush=True)\n"
        "    return read(file)\n"
        "child._read = loud\n"
        f"child.main([{str(write('a.qasm', GOOD))!r}], child._private_output())"
    )
    child_that(monkeypatch, code)
    [circuit] = read(tmp_path / "a.qasm")
    assert content(circuit) == content(read_openqasm(tmp_path / "a.qasm"))


def test_a_child_that_cannot_be_started_is_told(write, monkeypatch):
    def refuse(*_arguments, **_options):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(CircuitFileError, match=r"a\.qasm: .*Resource temporarily unavailable"):
        read(write("a.qasm", GOOD))


def test_a_caller_that_gives_up_leaves_neither_process_nor_folder(write, monkeypatch, tmp_path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    file = write("a.qasm", GOOD)
    with reading_openqasm([file, file]) as circuits:
        next(circuits)
        assert list(folder.iterdir())
    assert not list(folder.iterdir())


def test_many_comments_before_something_else_are_read_at_once(write):
    with pytest.raises(CircuitFileError, match="is not an OpenQASM file"):
        read_openqasm(write("a.qasm", "/* */ " * 5000 + "qubit q;"))


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        V2 + "",
        V2 + "gate mine(t) a, b { rx(t) a; cx a, b; }\nopaque box a;\nqreg q[2];\n"
        "creg c[2];\nmine(0.3) q[0], q[1];\nbox q[0];\nif (c == 1) x q[0];\nbarrier q;\n"
        "reset q[0];\nu3(1, 2, 3) q[1];\nsx q[0];\nmeasure q -> c;\n",
        V3 + "input float theta;\nqubit[2] q;\nbit[2] c;\ngate mine(a) x { rx(a) x; }\n"
        "mine(0.3) q[0];\nrx(theta) q[1];\ndelay[100ns] q[0];\nctrl @ x q[0], q[1];\n"
        "inv @ s q[0];\nc[0] = measure q[0];\nif (c[0]) { x q[1]; }\n"
        "for int i in [0:3] { x q[0]; }\n",
    ],
    ids=["plain", "empty", "two", "three"],
)
def test_the_circuit_is_the_one_that_the_parser_makes(write, text):
    file = write("a.qasm", text)
    [circuit] = read(file)
    parsed = read_openqasm(file)
    assert content(circuit) == content(parsed)
    assert circuit.count_ops() == parsed.count_ops()
    assert [register.name for register in circuit.cregs] == [each.name for each in parsed.cregs]
