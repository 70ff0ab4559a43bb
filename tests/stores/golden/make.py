"""Makes the stored database of a release; run once, before it: ``python make.py 0.1.0.db``.

One test reads the databases of all releases, and expects in them what is written here.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from qiskit_job_manager.model import (
    Advance,
    Blob,
    Block,
    EncodedBlock,
    EncodedExperiment,
    JobSetDraft,
    JobState,
    Limits,
    PlannedJob,
    RawResult,
    RemoteState,
    RemoteStatus,
    RequestKind,
    RetryPolicy,
)
from qiskit_job_manager.stores import open_store

AT = datetime(2026, 11, 21, tzinfo=UTC)

store = open_store(sys.argv[1])
job_set, token = store.create_job_set(
    JobSetDraft(
        job_set_id="0123456789abcdef" * 2,
        name="golden",
        created_at=AT,
        backend_uri="fake:torino",
        backend_name="fake_torino",
        volatile=True,
        blind=True,
        options={"shots": 1024, "é": [1, None]},
        limits=Limits(experiments_per_job=300),
        retry=RetryPolicy(max_attempts=3),
        tags=("b", "a", "ü"),
    ),
    "maker",
)
first = (PlannedJob(0, 0, 2, 512, 0, 2), PlannedJob(1, 0, 2, 512, 1, 2))
second = (PlannedJob(2, 2, 5, 512, 0, 2), PlannedJob(3, 2, 5, 512, 1, 2))
circuits = [EncodedExperiment(name, name.encode() * 32, b"") for name in "abacd"]
key = job_set.key
two, three = Blob("circuits/1", b"two circuits"), Blob("circuits/1", b"three circuits")
store.add_blocks(
    token,
    [
        EncodedBlock(Block(0, 2, first), tuple(circuits[:2]), two),
        EncodedBlock(Block(2, 5, second), tuple(circuits[2:]), three),
    ],
)
store.complete_job_set(token)
store.request(key, RequestKind.RETRY, 1)

done, failed, *_ = (job.key for job in store.jobs(key))


def go(job, before, after, **facts):
    step = Advance(job_key=job, expected=before, after=after, event="went on", at=AT, **facts)
    assert store.advance(token, [step]) == [True]


queued = RemoteStatus(RemoteState.QUEUED, 7, "in line")
precious = RawResult("raw/1", b"precious")
go(done, JobState.PLANNED, JobState.SUBMITTING, new_tag="tag-1")
go(done, JobState.SUBMITTING, JobState.ACTIVE, remote_id="r1", status=queued)
go(done, JobState.ACTIVE, JobState.DONE, result=precious, ends_attempt=True)
go(failed, JobState.PLANNED, JobState.SUBMITTING, new_tag="tag-2")
go(failed, JobState.SUBMITTING, JobState.SUBMITTING, remote_id="r2", ends_attempt=True)
go(failed, JobState.SUBMITTING, JobState.SUBMITTING, new_tag="tag-3")
go(failed, JobState.SUBMITTING, JobState.FAILED, error="it broke", failed_offsets=(1,))
store.close()
