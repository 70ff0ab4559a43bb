"""Whatever is wrong is told in one message that names it, without a traceback."""

from __future__ import annotations

import pytest

VALID = ("--backend", "aer", "--shots", "10")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--backend", "aer", "--shots", "0"), "'--shots'"),
        (("--backend", "aer", "--shots", "many"), "'--shots'"),
        ((*VALID, "--max-experiments-per-job", "0"), "'--max-experiments-per-job'"),
        ((*VALID, "--max-experiments-per-job", "-1"), "'--max-experiments-per-job'"),
        ((*VALID, "--optimization-level", "4"), "'--optimization-level'"),
        ((*VALID, "--timeout", "-1"), "'--timeout'"),
        ((*VALID, "--workers", "-1"), "'--workers'"),
        ((*VALID, "--if-exists", "replace"), "'replace'"),
        ((), "'--backend'"),
    ],
)
def test_an_option_that_cannot_be_is_wrong_usage(qjm, folder, options, named):
    outcome = qjm("run", folder, *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert named in outcome.err


def test_a_command_that_does_not_exist_is_wrong_usage(qjm):
    assert qjm("explode").code == 2


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("run", "missing.qasm", *VALID), "missing.qasm: no such file"),
        (("run", "no*.qasm", *VALID), "no*.qasm: no file or folder matches"),
        (("run", "{folder}", "--backend", "unheard-of"), "unheard-of"),
        (("run", "{folder}", *VALID, "--executor", "slurm"), "executor is 'slurm'; it must be"),
        (("wait", "nobody", "--workers", "1", "--executor", "dask:no.json"), "give one"),
        (("show", "nobody"), "'nobody'"),
        (("results", "nobody"), "'nobody'"),
        (("wait", "nobody"), "'nobody'"),
        (("cancel", "nobody"), "'nobody'"),
        (("log", "nobody"), "'nobody'"),
    ],
)
def test_an_error_is_one_message_that_names_the_input(qjm, folder, words, named):
    outcome = qjm(*(word.format(folder=folder) for word in words))
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("Error: ")
    assert named in outcome.err


def test_an_unknown_backend_comes_with_those_that_are_known(qjm, folder):
    err = qjm("run", folder, "--backend", "unheard-of").err
    assert all(name in err for name in ("aer", "basic", "fake"))


def test_nothing_is_stored_when_one_file_is_bad(qjm, folder):
    (folder / "z.qasm").write_text("OPENQASM 2.0;\nqreg q[1]\n")
    outcome = qjm("run", folder, *VALID)
    assert outcome.code == 1
    assert "z.qasm:2:" in outcome.err
    assert "no job sets" in qjm("list").out


def test_a_circuit_without_measurement_is_named_before_anything_is_stored(qjm, folder):
    (folder / "blind.qasm").write_text("OPENQASM 2.0;\nqreg q[1];\nU(0,0,0) q[0];\n")
    outcome = qjm("run", folder, *VALID)
    assert outcome.code == 1
    assert "'blind'" in outcome.err
    assert "measure" in outcome.err
    assert "no job sets" in qjm("list").out


def test_a_circuit_too_wide_for_the_backend_is_named(qjm, folder):
    pytest.importorskip("qiskit_ibm_runtime")  # has the fake backends
    wide = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[9];\ncreg c[9];\nmeasure q -> c;\n'
    (folder / "wide.qasm").write_text(wide)
    outcome = qjm("run", folder, "--backend", "fake:manila")
    assert outcome.code == 1
    assert "wide" in outcome.err


def test_a_file_that_is_no_store_is_named(qjm, tmp_path):
    bad = tmp_path / "notes.txt"
    bad.write_text("These are notes and no database at all. " * 100)
    outcome = qjm("--store", bad, "list")
    assert outcome.code == 1
    assert outcome.err.startswith("Error: ")
    assert "notes.txt" in outcome.err


def test_a_store_where_nothing_can_be_written_is_named(qjm):
    outcome = qjm("--store", "/proc/nowhere/store.db", "list")
    assert outcome.code == 1
    assert "/proc/nowhere" in outcome.err


def test_an_error_message_cannot_address_the_terminal(qjm):
    outcome = qjm("show", "\x1b[31mred")
    assert "\x1b" not in outcome.err
    assert "x1b[31mred" in outcome.err
