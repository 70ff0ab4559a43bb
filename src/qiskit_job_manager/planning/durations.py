"""For how long the experiments of one simulated job run together."""

from __future__ import annotations

_SHORTEST_S = 0.25  # what a job costs beside its simulation is a few milliseconds
_LONGEST_S = 5.0
_USUAL_S = 1.0
_PARTS = 128


def longest_job_s(total_s: float | None) -> float:
    """Return how many seconds of simulation one job may have.

    Many short jobs share the work evenly among the workers, and few long ones cost less. It depends
    on the experiments alone and not on the machine: the split, and with it the seeds, is the same
    wherever they are computed.

    Args:
        total_s: What all experiments are expected to take, or ``None`` if it is not known.

    >>> longest_job_s(1.0), longest_job_s(256.0), longest_job_s(10_000.0)
    (0.25, 2.0, 5.0)
    """
    if total_s is None:
        return _USUAL_S
    return min(max(total_s / _PARTS, _SHORTEST_S), _LONGEST_S)
