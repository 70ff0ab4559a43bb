"""Exports and imports stream: what they hold does not grow with the job set."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

from qiskit import QuantumCircuit

from qiskit_job_manager.codec.circuits import encode_circuit, pack_frames
from qiskit_job_manager.model import (
    AttemptRecord,
    Blob,
    ExperimentRecord,
    JobHistory,
    JobRecord,
    JobSetDraft,
    JobSetHistory,
    JobState,
    RawResult,
    StoredResult,
)
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.samples import sampled

_IN_JOB = 100
_NOON = datetime(2026, 1, 1, tzinfo=UTC)


def history(n_jobs):
    """Return a job set of jobs with a hundred experiments each, all alike, all done."""
    circuit = QuantumCircuit(2, 2, name="c")
    circuit.measure([0, 1], [0, 1])
    one = encode_circuit(circuit)
    payload = Blob("qpy-frames/1", pack_frames([one.data] * _IN_JOB))
    raw: RawResult = sampled(payload, {"shots": 64}, _IN_JOB)
    n_experiments = n_jobs * _IN_JOB
    return JobSetHistory(
        draft=JobSetDraft(
            job_set_id=f"{n_jobs:032x}",
            name=f"{n_jobs}",
            created_at=_NOON,
            backend_uri=None,
            backend_name="scripted",
            volatile=True,
        ),
        n_experiments=n_experiments,
        n_jobs=n_jobs,
        experiments=(ExperimentRecord(i, f"c-{i}", one.content_hash) for i in range(n_experiments)),
        payloads=((i * _IN_JOB, payload) for i in range(n_jobs)),
        jobs=(_job(i, n_jobs) for i in range(n_jobs)),
        results=(StoredResult(i, 1, _NOON, Blob(raw.format, raw.data)) for i in range(n_jobs)),
        events=(),
    )


def _job(index, n_jobs):
    at = _NOON + timedelta(seconds=index)
    attempt = AttemptRecord(1, f"tag-{n_jobs}-{index}", f"id-{index}", at, at, at, None)
    return JobHistory(
        JobRecord(
            key=0,
            index=index,
            start=index * _IN_JOB,
            stop=(index + 1) * _IN_JOB,
            shots=64,
            share=0,
            shares=1,
            state=JobState.DONE,
            attempts=1,
            tag=attempt.tag,
            remote_id=attempt.remote_id,
            status=None,
            error=None,
            failed_offsets=(),
            has_result=True,
            cancel_requested=False,
            circuits=_IN_JOB,
            estimate_s=None,
        ),
        (attempt,),
    )


_IN_CHILD = """
import resource, sys
from pathlib import Path
from qiskit_job_manager import JobManager

folder = Path(sys.argv[1])

def most_held_kib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

with JobManager(folder / "store.db") as manager, JobManager(folder / "there.db") as there:
    for name in ("50", "200"):
        job_set = manager.find(name)
        for kind in sys.argv[2:]:
            job_set.export(folder / f"{name}.{kind}", kind)
        if "archive" in sys.argv:
            there.import_job_set(folder / f"{name}.archive")
        print(most_held_kib(), flush=True)
"""


def test_nothing_holds_more_of_twenty_thousand_experiments_than_of_five(tmp_path):
    """All in one process, as that never gives memory back that it held once."""
    store = open_store(tmp_path / "store.db")
    for n_jobs in (50, 200):
        store.take_in(history(n_jobs))
    store.close()
    kinds = ("archive", "json", "csv", "parquet")
    command = [sys.executable, "-c", _IN_CHILD, str(tmp_path), *kinds]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    little, much = map(int, done.stdout.split())
    for kind in kinds:
        small, large = (tmp_path / f"{name}.{kind}" for name in ("50", "200"))
        assert large.stat().st_size > small.stat().st_size * 3
    # What was read last is kept at hand, up to a limit; all rows alone would take ten times this.
    assert much < little + 6 * 1024
