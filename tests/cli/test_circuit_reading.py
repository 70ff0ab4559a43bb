"""Reading OpenQASM and QPY files."""

from __future__ import annotations

import pytest

from qiskit_job_manager.cli.circuits import reading_circuits
from qiskit_job_manager.codec import openqasm
from qiskit_job_manager.errors import CircuitFileError

V2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
V3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


def read_circuits(paths):
    with reading_circuits(paths) as circuits:
        return circuits()


def names(paths) -> list[str]:
    return [circuit.name for circuit in read_circuits([str(path) for path in paths])]


def refusal_of(path, data: bytes | str) -> str:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with pytest.raises(CircuitFileError) as caught:
        read_circuits([str(path)])
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".qasm", ".qasm2", ".qasm3", ".txt"])
def test_the_version_is_told_by_the_header_not_by_the_suffix(tmp_path, bell, flip, suffix):
    two, three = tmp_path / f"two{suffix}", tmp_path / f"three{suffix}"
    two.write_text("// OPENQASM 3.0;\n\n" + bell)
    three.write_text("\n/* OPENQASM 2.0;\n*/\n// by hand\n" + flip)
    read = read_circuits([str(two), str(three)])
    assert [circuit.name for circuit in read] == ["two", "three"]
    assert [dict(circuit.count_ops()) for circuit in read] == [
        {"h": 1, "cx": 1, "measure": 2},
        {"x": 1, "measure": 2},
    ]


def test_a_byte_order_mark_does_no_harm(tmp_path, bell, flip):
    (tmp_path / "a.qasm").write_text(bell, encoding="utf-8-sig")
    (tmp_path / "b.qasm").write_text(flip, encoding="utf-8-sig")
    assert names([tmp_path]) == ["a", "b"]


def test_gates_that_qiskit_wrote_into_openqasm_2_are_known(tmp_path):
    """Qiskit's exporter writes gates that the standard's own library lacks."""
    file = tmp_path / "a.qasm"
    file.write_text(V2 + "qreg q[2];\nswap q[0],q[1];\nrzz(0.5) q[0],q[1];\nsx q[0];\n")
    (circuit,) = read_circuits([str(file)])
    assert dict(circuit.count_ops()) == {"swap": 1, "rzz": 1, "sx": 1}


def test_an_include_is_looked_for_beside_the_file(tmp_path):
    included = tmp_path / "mine.inc"
    included.write_text("gate mine a { x a; }\n")
    file = tmp_path / "a.qasm"
    text = V2 + 'include "mine.inc";\nqreg q[1];\nmine q[0];\n'
    file.write_text(text)
    assert names([file]) == ["a"]
    included.write_text("gate mine a {\n nosuch a; }\n")
    assert "a.qasm: in the included mine.inc:2:2: 'nosuch'" in refusal_of(file, text)


def test_circuits_from_qpy_keep_their_names_where_these_are_their_own(tmp_path, bell):
    from qiskit import QuantumCircuit, qpy

    def write(file, *circuit_names):
        circuits = [QuantumCircuit(1, 1, name=name) for name in circuit_names]
        with (tmp_path / file).open("wb") as stream:
            qpy.dump(circuits, stream)

    write("first.qpy", "alpha", "circuit-1", "")
    write("second.qpy", "circuit-1", "ghz")
    (tmp_path / "ghz.qasm").write_text(bell)
    assert names([tmp_path]) == [
        "alpha",
        "first_1",
        "first_2",
        "ghz",
        "second_0",
        "second_1",
    ]


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        (V2 + "qreg q[2];\nh q[0]\nh q[1];\n", ":5:1: ", "needed ';'"),
        (V2 + "qreg q[2];\nfoo q[0];\n", ":4:1: ", "'foo' is not defined"),
        (V2 + "qreg q[2];\nh q[7];\n", ":4:5: ", "out-of-range"),
        ('OPENQASM 2.0;\ninclude "gone.inc";\n', ":2:9: ", "unable to find 'gone.inc'"),
        (V3 + "qubit[2] q;\nh q[0]\nh q[1];\n", ":5:1: ", "unexpected 'h'"),
        (V3 + "qubit[2] q;\nif (1 {}\n", ":4:7: ", "unexpected '{'"),
        (V3 + "qubit[2] q;\nfoo q[0];\n", ":4:1: ", "'foo' is not defined"),
        (V3 + 'qubit[2] q;\n"abc\n', ":4:1: ", "token recognition error"),
    ],
)
def test_a_syntax_error_names_file_line_and_column(tmp_path, text, position, words, capfd):
    file = tmp_path / "bad.qasm"
    message = refusal_of(file, text)
    assert message.startswith(f"{file}{position}")
    assert words in message
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not an OpenQASM file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "byte 0 is not UTF-8"),
        ("qubit q;\n", "does not begin with"),
        ("OPENQASM 4.0;\n", "OpenQASM 4 is not supported"),
        ("OPENQASM 2.0\nqreg q[2];\n", "does not begin with"),
        (V2 + "qreg q[99999999999];\n", "too large"),
        (V3 + "qubit[2] q;\nh q[9];\n", "index out of range (IndexError)"),
        (V3 + "qubit q;\nrx(" + "(" * 3000 + "1" + ")" * 3000 + ") q;\n", "RecursionError"),
    ],
)
def test_what_is_no_circuit_is_refused_by_name(tmp_path, data, words):
    file = tmp_path / "bad.qasm"
    message = refusal_of(file, data)
    assert message.startswith(f"{file}: ")
    assert words in message


def test_a_file_too_large_to_parse_is_refused_unread(tmp_path):
    file = tmp_path / "huge.qasm"
    with file.open("wb") as stream:
        stream.truncate(openqasm.LARGEST_TEXT_BYTES + 1)
    with pytest.raises(CircuitFileError, match=r"huge\.qasm: has 64 MiB; .* up to 64 MiB"):
        read_circuits([str(file)])


def test_a_qpy_file_that_is_none_is_named(tmp_path):
    assert "bad.qpy" in refusal_of(tmp_path / "bad.qpy", "OPENQASM 2.0;\n")


def test_openqasm_3_without_its_parser_says_what_to_install(tmp_path, flip, monkeypatch):
    from qiskit.utils import optionals

    monkeypatch.setattr(optionals.HAS_QASM3_IMPORT, "_bool", False)
    file = tmp_path / "a.qasm"
    file.write_text(flip)
    with pytest.raises(CircuitFileError) as caught:
        openqasm.read_openqasm(file)
    assert 'pip install "qiskit-job-manager[qasm3]"' in caught.value.message
