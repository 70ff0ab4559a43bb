"""Real processes, really killed: everything goes on where it stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.model import JobState

SCRIPT = textwrap.dedent(
    """
    import sys
    from qiskit import QuantumCircuit
    from qiskit_job_manager import JobManager
    from qiskit_job_manager.manager import pacing

    pacing._BLOCKS_AT_ONCE = 1  # each job is a transaction of its own

    def circuits():
        for i in range(40):
            circuit = QuantumCircuit(6, 6, name=f"c{i}")
            for qubit in range(6):
                if i >> qubit & 1:
                    circuit.x(qubit)
            circuit.measure(range(6), range(6))
            yield circuit

    with JobManager(sys.argv[1]) as manager:
        job_set = manager.run(
            circuits(), "aer?max_parallel_threads=1", name="sweep", max_experiments_per_job=2,
            shots=50, if_exists="resume",
        )
        results = job_set.results(timeout=100)
        assert results.success
        for i in range(40):
            assert results.get_counts(f"c{i}") == {f"{i:06b}": 50}
        print("read all")
    """
)


def start(store_path, script=SCRIPT):
    return subprocess.Popen(
        [sys.executable, "-c", script, str(store_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def jobs_done(path):
    """Return how many jobs are done, from the store, while another process works."""
    if not path.exists():
        return 0
    with JobManager(path) as manager:
        found = manager.job_sets(name="sweep")
        return found[0].progress().jobs.get(JobState.DONE, 0) if found else 0


def is_handed_over(path):
    with JobManager(path) as manager:
        return manager.find("sweep").progress().complete


def test_a_script_killed_while_its_generator_is_read_goes_on_behind_what_is_stored(
    tmp_path, wait_until
):
    path, go = tmp_path / "store.db", tmp_path / "go"
    halfway = textwrap.dedent(
        """
            if i == 20:
                import os, time
                while not os.path.exists(GO):
                    time.sleep(0.01)
        """
    )
    loop = "    for i in range(40):\n"
    script = SCRIPT.replace(loop, loop + textwrap.indent(halfway, " " * 8), 1)
    script = script.replace("GO", repr(str(go)))
    process = start(path, script)
    wait_until(lambda: jobs_done(path) >= 3, process)  # although half of them are still to be read
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not is_handed_over(path)
    before = jobs_done(path)

    go.touch()
    again = start(path, script)
    out, err = again.communicate(timeout=100)
    assert (again.returncode, out.strip()) == (0, "read all"), err
    with JobManager(path) as manager:
        attempts = [len(job.attempts()) for job in manager.find("sweep").managed_jobs()]
    assert attempts.count(1) >= before  # what was done was not done again
    assert len(attempts) == 20


@pytest.mark.parametrize("done", [0, 1, 7, 15])
def test_the_same_script_goes_on_after_it_was_killed(tmp_path, done, wait_until):
    path = tmp_path / "store.db"
    process = start(path)
    wait_until(lambda: path.exists() and jobs_done(path) >= done, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    before = jobs_done(path)

    again = start(path)
    out, err = again.communicate(timeout=100)
    assert (again.returncode, out.strip()) == (0, "read all"), err
    with JobManager(path) as manager:
        job_set = manager.find("sweep")
        assert job_set.results(timeout=0).success
        attempts = [len(job.attempts()) for job in job_set.managed_jobs()]
        assert all(count in (1, 2) for count in attempts)
        assert attempts.count(1) >= before  # what was done was not done again


def test_a_killed_run_is_finished_by_another_process_that_only_opens_it(tmp_path, wait_until):
    path = tmp_path / "store.db"
    process = start(path)
    wait_until(lambda: jobs_done(path) >= 3 and is_handed_over(path), process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with JobManager(path) as manager:
        results = manager.retrieve_job_set("sweep").results(timeout=100)
        assert results.success
        assert results.get_counts("c39") == {f"{39:06b}": 50}


def test_a_second_process_reads_while_the_first_works_and_drives_nothing(tmp_path, wait_until):
    path = tmp_path / "store.db"
    process = start(path)
    wait_until(lambda: jobs_done(path) >= 2, process)
    with JobManager(path) as manager:
        results = manager.retrieve_job_set("sweep").results(timeout=100)
        assert results.get_counts("c7") == {f"{7:06b}": 50}
        attempts = [len(job.attempts()) for job in manager.find("sweep").managed_jobs()]
    out, err = process.communicate(timeout=100)
    assert (process.returncode, out.strip()) == (0, "read all"), err
    assert attempts == [1] * 20


def test_a_script_that_ends_without_waiting_is_not_held_up_and_loses_nothing(tmp_path):
    script = textwrap.dedent(
        """
        import sys
        from qiskit import QuantumCircuit
        from qiskit_aer import AerSimulator
        from qiskit_job_manager import JobManager

        circuit = QuantumCircuit(2, 2, name="slow")
        circuit.h(0)
        circuit.measure([0, 1], [0, 1])
        job_set = JobManager(sys.argv[1]).run(
            [circuit] * 400, AerSimulator(max_parallel_threads=1), name="left",
            max_experiments_per_job=1, shots=100_000,
        )
        print(job_set.job_set_id())
        """
    )
    path = tmp_path / "store.db"
    process = start(path, script)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    with JobManager(path) as manager:
        job_set = manager.find(out.strip())
        states = {job.state for job in job_set.managed_jobs()}
        assert not states & {JobState.FAILED, JobState.LOST, JobState.CANCELLED}
        assert job_set.n_jobs == 400
