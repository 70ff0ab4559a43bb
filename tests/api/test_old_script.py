"""A script as the documentation of `IBMQJobManager` taught it, 2019 to 2023."""

from __future__ import annotations

from qiskit import QuantumCircuit, transpile

# Was: from qiskit.providers.ibmq.managed import IBMQJobManager, IBMQJobManagerError
from qiskit_job_manager.ibmq import IBMQJobManager, IBMQJobManagerError


def test_a_script_of_the_old_documentation_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("QISKIT_JOB_MANAGER_STORE", str(tmp_path / "store.db"))

    # Was: provider = IBMQ.get_provider(...); backend = provider.get_backend("ibmq_qasm_simulator")
    from qiskit_aer import AerSimulator

    backend = AerSimulator(max_parallel_threads=1)

    # Build a thousand circuits.
    circs = []
    for i in range(1000):
        circ = QuantumCircuit(2, 2, name=f"circ{i}")
        if i % 2:
            circ.x(0)
        circ.measure([0, 1], [0, 1])
        circs.append(circ)

    # Need to transpile the circuits first.
    circs = transpile(circs, backend=backend, num_processes=1)

    # Use Job Manager to break the circuits into multiple jobs.
    job_manager = IBMQJobManager()
    job_set_foo = job_manager.run(
        circs, backend=backend, name="foo", max_experiments_per_job=100, job_tags=["old"], shots=16
    )

    print(job_set_foo.statuses())
    results = job_set_foo.results()
    print(job_set_foo.report())
    print(job_manager.report())

    assert results.success
    assert results.backend_name == "aer_simulator"
    assert results.get_counts(0) == {"00": 16}
    assert results.get_counts("circ501") == {"01": 16}
    assert results.get_counts(circs[7]) == {"01": 16}
    job, index = job_set_foo.job("circ501")
    assert index == 1
    assert job.result().get_counts(index) == {"01": 16}
    assert job_set_foo.error_messages() is None
    assert len(job_set_foo.jobs()) == len(job_set_foo.managed_jobs()) == 10
    assert [job_set.name() for job_set in job_manager.job_sets(name="foo")] == ["foo"]
    assert len(results.combine_results().results) == 1000

    job_set_id = job_set_foo.job_set_id()
    retrieved_foo = job_manager.retrieve_job_set(job_set_id=job_set_id)
    assert retrieved_foo.results().get_counts(-1) == {"01": 16}
    try:
        job_manager.retrieve_job_set("no such id")
    except IBMQJobManagerError as error:
        print(error)
    job_manager.close()
    out = capsys.readouterr().out
    assert "Job set foo" in out
    assert "no job set 'no such id'" in out
