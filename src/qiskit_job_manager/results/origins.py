"""The mark of a result that was taken over from another job set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit_job_manager.results.source import ResultSource

REUSED_FROM = "reused_from"
"""Key of the circuit's metadata in a result that was taken over: ``"JOB_SET_ID/INDEX"``."""


def origin_in(result: Any) -> str | None:
    """Return where a result comes from, by its mark, or ``None``.

    Args:
        result: An `ExperimentResult` or a `PubResult`.
    """
    header = getattr(result, "header", None)
    metadata = header.get("metadata") if isinstance(header, dict) else None
    if header is None and hasattr(result, "metadata"):
        metadata = result.metadata.get("circuit_metadata")
    origin = metadata.get(REUSED_FROM) if isinstance(metadata, dict) else None
    return origin if isinstance(origin, str) else None


def origin_of(source: ResultSource, index: int) -> str | None:
    """Return the job set and the experiment that ran for an experiment; ``None``: it ran itself.

    The mark counts only where the job was never sent: users may give circuits any metadata.
    """
    jobs = source.store.jobs_covering(source.record.key, index)
    if not jobs or not jobs[0].is_reused:
        return None
    read = source.pub if source.is_pub(index, partial=False) else source.experiment
    return origin_in(read(index, partial=False))
