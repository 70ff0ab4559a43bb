"""The page on providers shows what `make providers` found, and its names are there."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests" / "providers"
PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
RESULTS = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted((HERE / "results").glob("*.json"))
}


@pytest.fixture(scope="module")
def run():
    spec = importlib.util.spec_from_file_location("run_providers", HERE / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_show_the_results_that_are_kept(run):
    for mark, table in run.tables(RESULTS).items():
        begin = f"<!-- {mark}: written by make providers -->\n"
        assert PAGE.split(begin)[1].split(f"\n<!-- end {mark} -->")[0] == table


def test_each_probe_says_what_it_needs_and_each_result_has_its_probe(run):
    assert set(RESULTS) <= set(run.probes())
    assert all(run.header(path)["dependencies"] for path in run.probes().values())


def test_many_packages_run_and_none_is_silently_wrong():
    ran = [each for each in RESULTS.values() if "checks" in each]
    packages = {name for each in ran for name in each["versions"] if name != "qiskit"}
    assert len(packages) >= 12
    wrong = [
        (each["about"], name, check["note"])
        for each in ran
        for name, check in each["checks"].items()
        if check["verdict"] == "wrong"
    ]
    assert wrong == []


def test_no_job_is_in_doubt_that_a_provider_refused_in_words():
    notes = [c["note"] for each in RESULTS.values() for c in each.get("checks", {}).values()]
    assert not [note for note in notes if "in doubt" in note]


def test_the_clients_of_the_page_are_those_of_the_table_of_facts():
    from qiskit_job_manager.backends import provider_facts

    source = Path(provider_facts.__file__).read_text(encoding="utf-8")
    named = re.findall(r"^# -- .*?: (.+?) -+$", source, re.MULTILINE)
    assert len(named) == 5
    for clients in named:
        assert f"`{clients.split(',')[0].rpartition(' ')[0]}`" in PAGE, clients
