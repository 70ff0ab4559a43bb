# ruff: noqa: INP001, T201  # a script, which prints
"""Checks that exports and imports stream: their memory does not grow with the job set.

python soak/exports.py --experiments 5000 20000

Two job sets, alike but for their size, are exported in each format and imported elsewhere, the
small one first. One process does it all, as it never gives memory back: what it holds more after
the large one is printed, and must be little. Parquet is left out, as it gathers thousands of rows
before it writes them.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from qiskit import QuantumCircuit

from qiskit_job_manager import JobManager
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

KINDS = ("archive", "json", "csv")
MOST_KIB = 6 * 1024
"""What was read last is kept at hand, up to a limit; the names of 4,000 alone would take more."""

_IN_JOB = 100
_LONG = "-" * 2000
_NOON = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> int:
    """Export and import both; return 1 if the large one takes more memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, nargs=2, default=(5000, 20000))
    sizes = [number // _IN_JOB for number in parser.parse_args().experiments]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Elsewhere, as this process would not give the memory back that it takes.
        storing = get_context("spawn").Process(target=_store, args=(folder, sizes))
        storing.start()
        storing.join()
        with JobManager(folder / "here.db") as here, JobManager(folder / "there.db") as there:
            held = [_held_after(here, there, folder, str(n_jobs)) for n_jobs in sizes]
    more = held[1] - held[0]
    print(f"{more} KiB more for the large one; at most {MOST_KIB}")
    return int(more > MOST_KIB)


def _store(folder: Path, sizes: list[int]) -> None:
    store = open_store(folder / "here.db")
    for n_jobs in sizes:
        store.import_job_set(history(n_jobs))
    store.close()


def _held_after(here: JobManager, there: JobManager, folder: Path, name: str) -> int:
    """Return how many KiB this process held at most, up to the end of these exports."""
    job_set = here.find(name)
    for kind in KINDS:
        path = job_set.export(folder / f"{name}.{kind}", kind)
        print(f"{job_set.n_experiments} experiments as {kind}: {path.stat().st_size} bytes")
    there.import_job_set(folder / f"{name}.archive")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def history(n_jobs: int) -> JobSetHistory:
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
        experiments=(
            ExperimentRecord(i, f"{i}{_LONG}", one.content_hash) for i in range(n_experiments)
        ),
        payloads=((i * _IN_JOB, payload) for i in range(n_jobs)),
        jobs=(_job(i, n_jobs) for i in range(n_jobs)),
        results=(StoredResult(i, 1, _NOON, Blob(raw.format, raw.data)) for i in range(n_jobs)),
        events=(),
    )


def _job(index: int, n_jobs: int) -> JobHistory:
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


if __name__ == "__main__":
    raise SystemExit(main())
