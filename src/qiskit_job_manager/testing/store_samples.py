"""Job sets, blocks and steps for tests of stores."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.model import (
    Advance,
    Blob,
    Block,
    EncodedBlock,
    EncodedExperiment,
    JobSetDraft,
    JobSetRecord,
    JobState,
    Limits,
    PlannedJob,
    RetryPolicy,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from qiskit_job_manager.model import Token
    from qiskit_job_manager.ports import Store

    OpenAgain: TypeAlias = Callable[[], Store]

NOON = datetime(2026, 3, 29, 12, 0, 0, 123_456, tzinfo=UTC)

SETTINGS: dict[str, Any] = {
    "options": {"shots": 1024, "seed_simulator": 7, "nested": {"é": [1, 2.5, None, True]}},
    "limits": Limits(experiments_per_job=300, submissions_per_minute=5),
    "retry": RetryPolicy(max_attempts=3, first_wait_s=0.25, longest_wait_s=8.0),
    "tags": ("b", "a", "ü"),
    "volatile": True,
    "blind": True,
    "backend_uri": "fake:torino",
    "transpile": {"optimization_level": 2, "initial_layout": [3, 1]},
}


def draft(seed: str = "sweep", /, **changes: Any) -> JobSetDraft:
    """Return a draft whose name is ``seed``, with an id made from it, and these changes."""
    plain = JobSetDraft(
        job_set_id=hashlib.md5(seed.encode(), usedforsecurity=False).hexdigest(),
        name=seed,
        created_at=NOON,
        backend_uri=None,
        backend_name="torino",
        volatile=False,
    )
    return replace(plain, **changes)


def experiments(names: Sequence[str]) -> tuple[EncodedExperiment, ...]:
    """Return encoded experiments with these names."""
    hashes = (hashlib.sha256(name.encode()).digest() for name in names)
    return tuple(EncodedExperiment(*one, b"") for one in zip(names, hashes, strict=True))


def encoded_block(
    names: Sequence[str], start: int = 0, first: int = 0, shares: int = 1
) -> EncodedBlock:
    """Return a block of experiments with these names.

    Args:
        names: The names.
        start: Index of the first experiment.
        first: Index of the first job.
        shares: Jobs that share the shots.
    """
    stop = start + len(names)
    jobs = [PlannedJob(first + i, start, stop, 10, i, shares) for i in range(shares)]
    payload = Blob("circuits/1", ",".join(names).encode())
    return EncodedBlock(Block(start, stop, tuple(jobs)), experiments(names), payload)


def hand_over(
    store: Store, blocks: Sequence[Sequence[str]], shares: int = 1, token: Token | None = None
) -> None:
    """Append blocks, each given by the names of its experiments, to the job set ``"sweep"``.

    Args:
        store: The store.
        blocks: Names of the experiments, block by block.
        shares: Jobs that share the shots of each block.
        token: The lease; ``None``: it is taken for this call.
    """
    lease = token or must_claim(store, "hand-over")
    for names in blocks:
        job_set = the_set(store)
        block = encoded_block(names, job_set.n_experiments, job_set.n_jobs, shares)
        store.add_blocks(lease, [block])
    if token is None:
        store.release(lease)


def complete(store: Store, name: str = "sweep") -> None:
    """Complete a job set that nobody drives."""
    lease = must_claim(store, "hand-over", name)
    store.complete_job_set(lease)
    store.release(lease)


def delete(store: Store, name: str = "sweep") -> None:
    """Delete a job set that nobody drives."""
    store.delete_job_set(must_claim(store, "deletion", name))


def create(store: Store, asked: JobSetDraft) -> JobSetRecord:
    """Begin a job set, and give its lease back."""
    record, lease = store.create_job_set(asked, "hand-over")
    store.release(lease)
    return record


def the_set(store: Store, name: str = "sweep") -> JobSetRecord:
    """Return a job set by its name; create it if there is none."""
    return store.job_set_named(name) or create(store, draft(name))


def must_claim(store: Store, owner: str = "driver", name: str = "sweep") -> Token:
    """Claim the lease of a job set, by default of ``"sweep"``."""
    token = store.claim(the_set(store, name).key, owner)
    assert token is not None
    return token


def step(store: Store, index: int, before: JobState, after: JobState, **facts: Any) -> Advance:
    """Return a step of a job of the job set ``"sweep"``."""
    (job,) = store.jobs(the_set(store).key, after=index - 1, limit=1)
    told: dict[str, Any] = {"event": f"to {after}", "at": NOON} | facts
    return Advance(job_key=job.key, expected=before, after=after, **told)


def submission(store: Store, index: int, tag: str) -> Advance:
    """Return the step that begins an attempt of a planned job."""
    return step(store, index, JobState.PLANNED, JobState.SUBMITTING, new_tag=tag)
