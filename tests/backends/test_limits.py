"""How many circuits go into a job, by the backend's own figure and the user's."""

from __future__ import annotations

import pytest

from qiskit_job_manager import JobManager, Limits
from qiskit_job_manager.testing.backend_contract import basis_state


@pytest.fixture
def two_a_job(providers):
    class TwoAJob(providers["Provider"]):
        @property
        def max_circuits(self):
            return 2

        def run(self, run_input, **options):
            assert len(run_input) <= 2, "refused: too many circuits"
            return super().run(run_input, **options)

    return TwoAJob()


@pytest.mark.parametrize(
    ("given", "per_job"),
    [
        ({}, [2, 2, 1]),
        ({"max_experiments_per_job": 100}, [2, 2, 1]),
        ({"max_experiments_per_job": 1}, [1] * 5),
        ({"limits": Limits(experiments_per_job=3)}, [3, 2]),
        ({"limits": Limits(experiments_per_job=3), "max_experiments_per_job": 100}, [3, 2]),
        ({"limits": Limits(experiments_per_job=3), "max_experiments_per_job": 1}, [1] * 5),
    ],
)
def test_the_smaller_counts_unless_limits_overrule_the_backend(tmp_path, two_a_job, given, per_job):
    with JobManager(tmp_path / "store.db") as manager:
        circuits = [basis_state(number % 4, 2) for number in range(5)]
        plan = manager.plan(circuits, two_a_job, shots=5, **given)
        assert [job.stop - job.start for job in plan.jobs] == per_job
        if max(per_job) <= 2:
            assert manager.run(circuits, two_a_job, shots=5, **given).results(120).success


def test_more_shots_than_the_class_of_a_backend_allows_are_shared_among_jobs(providers, manager):
    class FewShots(providers["Provider"]):
        MAX_SHOTS = 20

        def run(self, run_input, **options):
            if options["shots"] > self.MAX_SHOTS:
                raise ValueError(f"Shots must be in the range [1, {self.MAX_SHOTS}].")
            return super().run(run_input, **options)

    job_set = manager.run([basis_state(2, 2)], FewShots(), shots=50)
    assert job_set.results(timeout=60).get_counts(0) == {"10": 50}
    assert len(job_set.managed_jobs()) == 3
