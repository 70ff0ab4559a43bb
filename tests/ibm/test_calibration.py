"""The properties of IBM's backends, asked for beside the jobs and in the way of none."""

from __future__ import annotations

from qiskit_job_manager import JobManager
from qiskit_job_manager.testing.ibm_service import Kind, Trouble

SOON = "ibm:ibm_manila?listing_lag_s=0.05"


def calibrations(job_set):
    return job_set.provenance()["calibrations"]


def test_the_properties_are_recorded_as_they_are_when_jobs_are_sent_and_after(
    ibm, account, manager, circuits, wait_until
):
    made = manager.run(circuits(2), SOON, shots=20, max_experiments_per_job=1)
    results = made.results(timeout=60)
    asked = lambda: ibm.books().requests[Kind.PROPERTIES]  # noqa: E731
    wait_until(lambda: calibrations(made) and calibrations(made)[0]["seen_until"])
    [seen] = calibrations(made)
    assert (seen["source"], seen["backend_name"], len(seen["qubits"])) == (
        "BackendProperties",
        "ibm_manila",
        5,
    )
    wait_until(
        lambda: (
            results.provenance(0)["jobs"][0]["attempts"][0]["ended_at"]
            < calibrations(made)[0]["seen_until"]
        )
    )
    assert asked() <= 4  # the client's own included
    attempt = results.provenance(1)["jobs"][0]["attempts"][0]
    for when in ("calibration", "calibration_at_end"):
        assert attempt[when]["last_update_date"] == seen["last_update_date"]


def test_a_device_that_was_not_calibrated_meanwhile_has_not_drifted(
    ibm, account, tmp_path, circuits
):
    with JobManager(tmp_path / "other.db") as manager:
        made = manager.run(circuits(2), SOON, name="x", shots=20, transpile=True)
        assert made.results(timeout=60).success
    with JobManager(tmp_path / "other.db") as manager:
        rows = manager.find("x").results_so_far().drift()
    assert [(e.straddled, e.moved, e.unknown) for e in rows] == [(False, False, None)] * 2


def test_properties_that_cannot_be_had_stop_nothing_and_are_said(
    ibm, account, manager, circuits, wait_until, backend
):
    made = manager.run(circuits(1), SOON, name="x", shots=20, drive=False)
    ibm.script(Kind.PROPERTIES, *[Trouble(status=404, message="no properties of it")] * 20)
    made.drive()
    assert made.results(timeout=60).success
    wait_until(lambda: calibrations(made))
    assert "no properties of it" in calibrations(made)[0]["missing"]


def test_a_manager_that_is_closed_at_once_has_seen_the_end(ibm, account, tmp_path, circuits):
    with JobManager(tmp_path / "other.db") as manager:
        made = manager.run(circuits(1), SOON, name="x", shots=20)
        assert made.results(timeout=60).success
    with JobManager(tmp_path / "other.db") as manager:
        results = manager.find("x").results_so_far()
        attempt = results.provenance(0)["jobs"][0]["attempts"][0]
        assert attempt["ended_at"] <= attempt["calibration_at_end"]["seen_until"]


def test_what_drifted_on_a_device_runs_again_as_it_was_sent(
    ibm, account, store_path, on, recalibrate
):
    given = [on(0), on(1), on(2)]
    with JobManager(store_path, provenance="off") as manager:  # the test says what it saw
        made = manager.run(given, SOON, name="x", shots=20, job_tags=["lab"])
        before = made.results(timeout=60).get_counts(1)
        recalibrate("x")
        planned = made.plan_retry("moved")
        assert (planned.plan.n_jobs, planned.plan.executions) == (1, 20)
        assert planned.plan.usage_s > 0
        again = made.retry(where="moved")
        assert again.results(timeout=60).success
        assert made.retry(where="moved").job_set_id() == again.job_set_id()
        assert [each.name for each in again] == ["on 1"]
        assert sum(again.results().get_counts(given[1]).values()) == 20
        assert made.results().get_counts(1) == before
    assert len(ibm.books().submissions) == 2
