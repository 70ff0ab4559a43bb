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


@pytest.fixture
def four(qjm, folder):
    """A set ``four`` of four circuits."""
    assert qjm("run", folder, "--backend", "basic", "--shots", "5", "--name", "four").code == 0


@pytest.mark.parametrize("command", ["show", "wait", "results", "log", "delete", "cancel", "watch"])
def test_a_mistyped_job_set_comes_with_the_close_ones(qjm, four, command):
    outcome = qjm(command, "Fuor")
    assert outcome.code == 1
    assert "Did you mean 'four'?" in outcome.err.replace("\n", " ")
    assert "()" not in outcome.err


def test_a_mistyped_circuit_comes_with_the_close_ones(qjm, four):
    outcome = qjm("results", "four", "flip_3")
    assert outcome.code == 1
    assert "Did you mean 'flip'" in outcome.err.replace("deep/", "")
    assert "index from 0 to 3" in qjm("results", "four", "xyzzy").err


def test_a_job_that_the_set_does_not_have_is_an_error(qjm, four):
    outcome = qjm("log", "four", 4)
    assert outcome.code == 1
    assert "has no job 4; it has" in outcome.err


def test_a_name_in_use_is_answered_with_options_of_the_command_line(qjm, folder, four):
    outcome = qjm("run", folder, "--backend", "basic", "--shots", "5", "--name", "four")
    assert outcome.code == 1
    assert "`qjm run ... --if-exists resume`" in outcome.err
    assert "if_exists" not in outcome.err


def test_a_file_that_exists_is_answered_with_the_option(qjm, four, tmp_path):
    words = ("export", "four", "--format", "csv", "--output", tmp_path / "four.csv")
    assert qjm(*words).code == 0
    assert "`--overwrite`" in qjm(*words).err


def test_a_message_ends_with_the_entry_that_explains_it(qjm, folder):
    assert qjm("show", "nothing").err.endswith("[unknown-job-set]\n")
    refused = qjm("run", folder, "--backend", "no-such")
    assert refused.err.endswith("[unknown-backend]\n")
