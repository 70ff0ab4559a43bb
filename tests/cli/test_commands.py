"""The commands from running circuits to reading their results."""

from __future__ import annotations

import csv
import io
import json

import pytest

RUN = ("--backend", "aer", "--shots", "100", "--seed", "7")


@pytest.fixture
def ran(qjm, folder):
    """The folder's four circuits, run as two jobs of a set named ``four``."""
    return qjm(
        "run", folder, *RUN, "--name", "four", "--max-experiments-per-job", "2", "--tag", "blue"
    )


def only_set(qjm) -> dict:
    (job_set,) = json.loads(qjm("list", "--json").out)
    return job_set


def test_run_ends_with_one_line_on_standard_output(qjm, ran):
    assert ran.code == 0
    assert ran.out == "four: 4 circuits in 2 jobs: 2 done\n"
    assert only_set(qjm)["job_set_id"] in ran.err


def test_a_folder_runs_in_the_order_of_its_paths_under_the_names_of_its_files(qjm, ran):
    experiments = json.loads(qjm("results", "four", "--format", "json").out)
    assert [e["index"] for e in experiments] == [0, 1, 2, 3]
    assert [e["name"] for e in experiments] == ["bell", "deep/bell", "flip_2", "flip"]


def test_results_as_json_hold_all_counts(qjm, ran):
    outcome = qjm("results", "four", "--format", "json")
    assert outcome.code == 0
    bell, _, _, flip = json.loads(outcome.out)
    assert flip == {
        "index": 3,
        "name": "flip",
        "state": "done",
        "counts": {"01": 100},
        "error": None,
    }
    assert set(bell["counts"]) == {"00", "11"}
    assert sum(bell["counts"].values()) == 100


def test_results_as_csv_are_those_as_json(qjm, ran):
    rows = csv.DictReader(io.StringIO(qjm("results", "four", "--format", "csv").out))
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        counts.setdefault(row["name"], {})[row["outcome"]] = int(row["count"])
    as_json = json.loads(qjm("results", "four", "--format", "json").out)
    assert counts == {e["name"]: e["counts"] for e in as_json}


def test_results_as_a_table_have_a_line_each(qjm, ran):
    lines = qjm("results", "four").out.splitlines()
    assert len(lines) == 5
    assert lines[4].split() == ["3", "flip", "done", "100", "01:", "100"]


def test_one_experiment_is_shown_as_a_histogram_by_name_or_index(qjm, ran):
    by_name = qjm("results", "four", "flip")
    assert by_name == qjm("results", "four", "3")
    heading, bar, _ = by_name.out.splitlines()
    assert heading == "flip (index 3, 100 shots)"
    assert bar.split()[:4] == ["01", "100", "100.0", "%"]
    assert set(bar.split()[4]) <= {"\u2588", "#"}


def test_an_experiment_that_is_not_there_is_named_and_nothing_printed(qjm, ran):
    outcome = qjm("results", "four", "flip", "nobody")
    assert (outcome.code, outcome.out) == (1, "")
    assert "'nobody'" in outcome.err
    assert qjm("results", "four", "4").code == 1


def test_list_has_a_line_a_job_set_the_newest_first(qjm, ran, folder):
    qjm("run", folder / "flip.qasm", *RUN, "--name", "second")
    header, second, four = qjm("list").out.splitlines()
    assert header.startswith("SET")
    assert "second" in second
    assert "four" in four
    assert "2 done" in four


def test_a_job_set_is_found_by_id_by_a_beginning_of_it_and_by_name(qjm, ran):
    job_set_id = only_set(qjm)["job_set_id"]
    shown = {qjm("show", word).out for word in (job_set_id, job_set_id[:8], "four")}
    assert len(shown) == 1


def test_show_tells_what_scripts_and_people_ask(qjm, ran):
    text = qjm("show", "four").out
    for part in ("four", "aer", "blue", "2 done", "0-1", "2-3"):
        assert part in text
    shown = json.loads(qjm("show", "four", "--json").out)
    assert {key: shown[key] for key in ("name", "tags", "experiments", "jobs", "ended")} == {
        "name": "four",
        "tags": ["blue"],
        "experiments": 4,
        "jobs": 2,
        "ended": True,
    }
    assert [job["state"] for job in shown["job_list"]] == ["done", "done"]
    assert [job["last_experiment"] for job in shown["job_list"]] == [1, 3]


def test_log_tells_the_story_of_a_set_and_of_one_job(qjm, ran):
    whole, one = qjm("log", "four").out, qjm("log", "four", "1").out
    assert "job 0" in whole
    assert "job 1" in whole
    assert "job 0" not in one
    assert "result read (done)" in one
    events = json.loads(qjm("log", "four", "--json").out)
    assert len(events) == len(whole.splitlines())
    assert [e["at"] for e in events] == sorted(e["at"] for e in events)


def test_the_same_command_again_resumes_and_runs_nothing_twice(qjm, ran, folder):
    before = json.loads(qjm("log", "four", "--json").out)
    options = (*RUN, "--name", "four", "--max-experiments-per-job", "2")
    refused = qjm("run", folder, *options)
    assert refused.code == 1
    assert "four" in refused.err
    resumed = qjm("run", folder, *options, "--if-exists", "resume")
    assert (resumed.code, resumed.out) == (0, ran.out)
    assert json.loads(qjm("log", "four", "--json").out) == before


def test_other_circuits_under_the_same_name_are_refused(qjm, ran, folder, flip):
    (folder / "bell.qasm").write_text(flip)
    outcome = qjm("run", folder, *RUN, "--name", "four", "--if-exists", "resume")
    assert outcome.code == 1
    assert "experiment 0" in outcome.err


def test_a_set_is_extended_by_the_circuits_that_it_does_not_have(qjm, ran, folder, flip):
    (folder / "new.qasm").write_text(flip.replace("x q[0]", "x q[1]"))
    (folder / "bell.qasm").unlink()
    options = (*RUN, "--name", "four", "--max-experiments-per-job", "2")
    outcome = qjm("run", folder, *options, "--if-exists", "extend")
    assert outcome.code == 0
    assert "5 experiments in 3 jobs, 1 of them new" in outcome.err
    assert "left out" in outcome.err
    assert "extended: experiment 4 was added" in qjm("log", "four").out


def test_running_out_of_time_loses_nothing_and_says_how_to_go_on(qjm, folder):
    outcome = qjm("run", folder, *RUN, "--name", "late", "--timeout", "0")
    assert outcome.code == 4
    job_set_id = only_set(qjm)["job_set_id"]
    assert f"qjm wait {job_set_id}" in outcome.err
    assert qjm("wait", job_set_id).code == 0
    assert qjm("results", "late", "flip").code == 0


def test_what_was_not_waited_for_is_stored_and_runs_with_wait(qjm, folder):
    stored = qjm("run", folder, *RUN, "--name", "later", "--no-wait")
    assert stored.code == 0
    assert "qjm wait" in stored.err
    assert json.loads(qjm("show", "later", "--json").out)["jobs_by_state"] == {"planned": 1}
    assert "submit" not in qjm("log", "later").out
    waited = qjm("wait", "later", "--json")
    assert waited.code == 0
    assert json.loads(waited.out)["success"] is True


def test_run_as_json_is_one_object(qjm, folder):
    outcome = qjm("run", folder / "flip.qasm", *RUN, "--name", "one", "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["jobs_by_state"] == {"done": 1}


def test_the_command_to_go_on_with_names_the_store_but_no_password(qjm, folder, tmp_path):
    other = tmp_path / "other store.db"
    outcome = qjm("--store", other, "run", folder, *RUN, "--no-wait", "--name", "x")
    assert f"qjm --store '{other}' wait" in outcome.err
    assert "no job sets" in qjm("list").out


def test_memory_is_kept_when_asked_for(qjm, folder, store):
    from qiskit_job_manager.manager import JobManager

    qjm("run", folder / "flip.qasm", *RUN, "--name", "each", "--memory")
    with JobManager(store) as manager:
        assert manager.find("each").results(0).get_memory("flip") == ["01"] * 100


def test_the_same_seed_gives_the_same_counts(qjm, folder):
    def counts(name: str):
        qjm("run", folder / "bell.qasm", *RUN, "--name", name)
        return json.loads(qjm("results", name, "--format", "json").out)[0]["counts"]

    assert counts("first") == counts("second")


def test_what_was_cancelled_has_ended_without_result(qjm, folder):
    qjm("run", folder, *RUN, "--name", "unwanted", "--no-wait")
    assert qjm("cancel", "unwanted").code == 0
    again = qjm("wait", "unwanted")
    states = json.loads(qjm("show", "unwanted", "--json").out)["jobs_by_state"]
    assert set(states) <= {"cancelled", "done"}
    assert again.code == (3 if "cancelled" in states else 0)


def test_an_empty_store_has_no_job_sets_and_that_is_no_error(qjm):
    assert qjm("list").code == 0
    assert json.loads(qjm("list", "--json").out) == []


def test_version_and_help_name_the_exit_codes(qjm):
    assert qjm("--version").out.startswith("qjm ")
    text = " ".join(qjm("--help").out.split())
    for code in ("0 all done", "1 an error", "2 wrong", "3 it ended", "4 the time is over", "130"):
        assert code in text
