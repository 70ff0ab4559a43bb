"""Every client does all of its work, and the table says what was measured."""

from __future__ import annotations

import json

import pytest

import circuits
import clients
import makespan
from rows import CLIENT_NAMES, Row

TINY = Row(jobs=5, per_job=2, latency_s=0.002, service_s=0.002, pending=100)
ROW = Row(jobs=10, per_job=100, latency_s=0.05, service_s=0.1, pending=5)


@pytest.mark.parametrize(
    ("name", "to_wait"), [("loop", 1), ("threads", 1), ("threads_2", 2), ("sampler", 1)]
)
def test_a_peer_submits_and_waits_and_makes_no_other_calls(name, to_wait, tmp_path):
    ran = clients.CLIENTS[name](TINY, circuits.make(10), tmp_path)
    assert ran.died is None
    assert ran.calls == {"submit": 5, "result": 5 * to_wait}
    assert 0 < ran.encoding_cpu_s <= ran.cpu_s


@pytest.mark.parametrize("name", ["ours", "ours_v2"])
def test_a_manager_submits_each_job_once(name, tmp_path):
    ran = clients.CLIENTS[name](TINY, circuits.make(10), tmp_path)
    assert ran.died is None
    assert ran.calls["submit"] == ran.calls["result"] == 5
    assert (ran.encoding_cpu_s > 0) == (name == "ours_v2")


def test_a_loop_tries_again_when_it_is_refused(tmp_path):
    row = Row(jobs=5, per_job=2, latency_s=0.002, service_s=0.02, pending=1)
    ran = clients.CLIENTS["threads"](row, circuits.make(10), tmp_path)
    assert ran.died is None
    assert ran.calls["result"] == 5
    assert ran.calls["submit"] > 5


def test_qiskits_sampler_ends_when_it_is_refused(tmp_path):
    row = Row(jobs=5, per_job=2, latency_s=0.002, service_s=1.0, pending=1)
    ran = clients.CLIENTS["sampler"](row, circuits.make(10), tmp_path)
    assert "too many jobs" in ran.died


def test_every_client_has_its_name():
    assert tuple(clients.CLIENTS) == CLIENT_NAMES


# -- what is made of the rounds --------------------------------------------------------------------


def run(makespan_s, *, cpu_s=1.0, encoding_cpu_s=0.0, calls=20, died=None):
    return {
        "makespan_s": makespan_s,
        "cpu_s": cpu_s,
        "encoding_cpu_s": encoding_cpu_s,
        "calls": {"submit": calls - 10, "result": 10},
        "died": died,
    }


@pytest.fixture
def measured():
    return makespan.Measured(
        ROW,
        {
            "ours": [run(0.5), run(1.0, calls=24), run(0.6)],
            "ours_v2": [run(0.8, encoding_cpu_s=0.4)] * 3,
            "threads": [run(1.0), run(1.0), run(0.9)],
            "loop": [run(6.0, encoding_cpu_s=0.1)],
            "sampler": [run(0.1, died="too many jobs")] * 3,
            "qpy": [run(1.0, cpu_s=0.5)] * 3,
        },
    )


def test_ratios_are_of_the_rounds_and_medians_of_what_was_measured_once(measured):
    assert measured.makespan_s("ours") == 0.6
    assert measured.over("threads", "ours") == 1.5  # of 2, 1 and 1.5
    assert measured.over("loop", "ours") == 10
    assert measured.calls_a_job("ours") == 2.0
    assert measured.own_cpu_us("ours_v2") == pytest.approx(600)
    assert measured.over_encoding("ours_v2") == pytest.approx(1.2)


def test_a_row_of_the_table_says_who_died(measured):
    cells = [cell.strip() for cell in makespan.line(measured).strip("|").split("|")]
    assert cells[:6] == ["10 x 100", "50", "100", "5", "0.35", "0.40"]
    assert cells[6] == "0.41"  # with 10 ms of encoding before each of the ten jobs
    assert cells[-1] == "refused, died"
    assert len(cells) == makespan.HEAD.splitlines()[0].count("|") - 1
    costs = [cell.strip() for cell in makespan.costs_line(measured).strip("|").split("|")]
    assert len(costs) == makespan.COSTS_HEAD.splitlines()[0].count("|") - 1


def test_a_client_that_was_left_out_leaves_its_cells_empty(measured):
    del measured.rounds["threads"], measured.rounds["ours_v2"]
    assert "| - |" in makespan.line(measured)
    assert makespan.goals(measured)[0][1] == "1.50"


def test_a_row_that_is_measured_again_replaces_what_is_kept_of_it(measured, tmp_path):
    kept = tmp_path / "makespan.json"
    makespan.keep(measured, kept)
    makespan.keep(makespan.Measured(TINY, {"ours": [run(2.0)]}), kept)
    makespan.keep(makespan.Measured(ROW, {"ours": [run(3.0)]}), kept)
    rows = {row["row"]["jobs"]: row for row in json.loads(kept.read_text())}
    assert len(rows) == 2
    assert rows[10]["rounds"] == {"ours": [run(3.0)]}
    assert rows[10]["ideal_s"] == pytest.approx(0.4)


def test_every_row_of_the_grid_is_measured_when_all_is_asked_for():
    quick, usual = makespan.chosen_rows(quick=True), makespan.chosen_rows()
    everything = makespan.chosen_rows(everything=True)
    assert len(everything) == 25
    assert set(quick) < set(usual) < set(everything)
    assert {row.jobs for row in usual} == {10, 100, 1_000}
    assert all(row.jobs * row.per_job <= 10_000 for row in everything)
