"""`qjm run` with several backends."""

from __future__ import annotations

import json

import pytest

ONE_QUBIT = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[1];
creg c[1];
x q[0];
measure q -> c;
"""
BOTH = ("--backend", "aer", "--backend", "basic")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "circuits"
    folder.mkdir()
    for number in range(4):
        (folder / f"c{number}.qasm").write_text(ONE_QUBIT)
    return folder


@pytest.mark.parametrize(
    ("place", "sizes"), [((), None), (("--place", "spread"), [2, 2]), (("--place", "all"), [4, 4])]
)
def test_circuits_run_on_several_backends(qjm, folder, place, sizes):
    outcome = qjm("run", folder, *BOTH, *place, "--name", "g", "--shots", 10, "--json")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert (found["name"], found["n_experiments"]) == ("g", 4)
    counts = [each["experiments"] for each in found["job_sets"].values()]
    assert counts == sizes if sizes else sum(counts) == 4
    again = qjm("run", folder, *BOTH, *place, "--name", "g", "--shots", 10, "--if-exists", "resume")
    assert again.code == 0, again.err
    listed = qjm("list", "--json").out
    assert {each["name"] for each in json.loads(listed)} >= {"g/basic_simulator"}
    assert "g/basic_simulator" in again.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--backend", "aer", "--place", "all"), "--place is for several backends"),
        ((*BOTH, "--dry-run"), "--dry-run takes one --backend"),
        ((*BOTH, "--backend", "aer"), "twice"),
        ((*BOTH, "--max-usage", "3"), "max_usage_s"),
        ((*BOTH, "--if-exists", "extend", "--name", "g"), "not extended"),
    ],
)
def test_options_that_do_not_fit_are_refused(qjm, folder, words, said):
    outcome = qjm("run", folder, *words)
    assert outcome.code == 1
    assert said in " ".join(outcome.err.split())
    assert not qjm("list", "--format", "csv").out.splitlines()[1:]


def test_what_is_only_stored_is_run_later(qjm, folder):
    outcome = qjm("run", folder, *BOTH, "--place", "spread", "--name", "g", "--no-wait")
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("Go on with: qjm") == 2
    assert qjm("wait", "g/basic_simulator").code == 0


def test_the_name_of_a_group_leads_to_its_job_sets(qjm, folder):
    assert qjm("run", folder, *BOTH, "--place", "all", "--name", "g", "--shots", 10).code == 0
    for command in ("show", "results", "log", "cancel"):
        outcome = qjm(command, "g")
        assert outcome.code == 1
        said = "'g' is a group, which has a job set for each backend: 'g/aer_simulator', 'g/basic_"
        assert said in outcome.err
    assert qjm("delete", "g/aer_simulator", "--yes").code == 0
    assert "each backend: 'g/basic_simulator'. Name one" in qjm("show", "g").err
