"""Uses of the public interface, for a type checker; nothing here runs.

A line with ``type: ignore`` is a wrong use, which the checker must refuse: it reports an ignore
that is not needed. All others it must accept.
"""

# ruff: noqa: TC003
from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from qiskit import QuantumCircuit
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit_aer import AerSimulator

from qiskit_job_manager import (
    Activity,
    DriftedPlan,
    EventRecord,
    JobManager,
    Limits,
    ManagedBackend,
    ManagedEstimator,
    ManagedJob,
    ManagedJobSet,
    ManagedJobSetGroup,
    ManagedResults,
    ManagedSampler,
    Plan,
    Progress,
    RetryPolicy,
    Usage,
    open_backend,
)

manager = JobManager()
JobManager(Path("store.db"))
JobManager(store="sqlite:///store.db")
JobManager(workers=4)
JobManager(executor="dask:tcp://host:8786")
JobManager(executor=ThreadPoolExecutor())
JobManager(workers="all")  # type: ignore[arg-type]
JobManager(7)  # type: ignore[arg-type]

circuit = QuantumCircuit(1)


def circuits() -> Iterator[QuantumCircuit]:
    yield circuit


job_set: ManagedJobSet = manager.run([circuit], "aer", name="rb", shots=100)
manager.run(circuit, AerSimulator(), "one", 7, limits=Limits(experiments_per_job=1))
manager.run(circuits(), open_backend("fake:torino"), retry=RetryPolicy(max_attempts=2))
manager.run([(circuit, [0.1])], StatevectorSampler(), if_exists="resume", memory=True)
manager.run(((circuit, "Z") for _ in range(3)), StatevectorEstimator(), precision=0.1)
group: ManagedJobSetGroup = manager.run([circuit], ["aer", AerSimulator()], place="all", shots=9)
manager.run([circuit], ["aer"], place="everywhere")  # type: ignore[call-overload]
manager.run([circuit], "aer", place="all")  # type: ignore[call-overload]
manager.run(5, 7, typo=True)  # type: ignore[call-overload]
manager.run(5, "aer")  # type: ignore[call-overload]
manager.run(["circuit"], "aer")  # type: ignore[list-item]
manager.run([circuit], None)  # type: ignore[call-overload]
manager.run([circuit], "aer", shots="many")  # type: ignore[call-overload]
manager.run([circuit], "aer", if_exists="maybe")  # type: ignore[call-overload]
manager.run([circuit], "aer", limits=7)  # type: ignore[call-overload]

plan: Plan = manager.plan([circuit], "aer", shots=100)
print(plan.n_job)  # type: ignore[attr-defined]

results: ManagedResults = job_set.results(timeout=3600, partial=True)
for experiment in (0, "rb_17", circuit, (circuit, [0.1])):
    results.get_counts(experiment)
results.get_counts(1.5)  # type: ignore[arg-type]
results.get_counts(None)  # type: ignore[arg-type]
results.to_dataframe(by="outcome")
results.to_dataframe(by="shot")  # type: ignore[arg-type]

progress: Progress = job_set.progress()
usage: Usage = job_set.usage()
activity: Activity = job_set.activity()
events: Iterator[EventRecord] = job_set.events()
jobs: list[ManagedJob] = job_set.managed_jobs()
again: ManagedJobSet | None = job_set.retry(where="drifted", threshold=0.2)
planned: DriftedPlan = job_set.plan_retry("moved")
job_set.retry("failed", cancelled=True)
job_set.retry("failed", where="drifted")  # type: ignore[call-overload]
job_set.retry(where="drift")  # type: ignore[call-overload]
job_set.wait(10, progress=True)
job_set.wait("soon")  # type: ignore[arg-type]
job_set.job(circuit)
job_set.record()  # type: ignore[attr-defined]
job_set.add_done_callback(lambda done: print(done.job_set_id()))
job_set.export("sweep.csv", format="csv", by="outcome")
job_set.export("sweep.csv", format="excel")  # type: ignore[arg-type]
manager.on_event(lambda event: print(event.job_index, event.after))

ManagedBackend("fake:torino", name="t1").run([circuit], shots=10)
ManagedBackend(7)  # type: ignore[arg-type]
ManagedSampler("sampler:aer").run([(circuit, [0.1])], shots=10).result()
ManagedSampler(StatevectorSampler(), name="qaoa").run(7)  # type: ignore[arg-type]
ManagedEstimator(StatevectorEstimator()).run([(circuit, "Z")], precision=0.1)
