"""``qjm run --dry-run`` tells what a run would come to, and sends and stores nothing."""

from __future__ import annotations

import json


def test_a_dry_run_shows_the_split_and_leaves_the_store_empty(qjm, folder):
    shown = qjm(
        *("run", folder, "--backend", "aer", "--shots", "100", "--dry-run"),
        *("--max-experiments-per-job", "3"),
    )
    assert shown.code == 0
    assert "4 experiments on aer_simulator; nothing was sent" in shown.out
    assert "submissions            2" in shown.out
    assert "executions             400" in shown.out
    assert "job 1: experiments 3 to 3, 100 shots each" in shown.out
    assert json.loads(qjm("list", "--json").out) == []


def test_a_dry_run_for_scripts(qjm, folder):
    told = json.loads(qjm("run", folder, "--backend", "basic", "--dry-run", "--json").out)
    assert (told["n_jobs"], told["n_experiments"]) == (len(told["jobs"]), 4)
    assert (told["executions"], told["usage_s"], told["submission_s"]) == (None, None, 0.0)


def test_a_limit_of_usage_that_is_none_is_refused(qjm, folder):
    refused = qjm("run", folder, "--backend", "aer", "--max-usage", "0")
    assert refused.code != 0
    assert "max_usage_s is 0" in refused.err
