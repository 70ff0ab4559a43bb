"""How long to wait before doing something again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit_job_manager.model import RetryPolicy

_SHARE_OF_AGE = 0.1  # a job that has run for an hour is asked about every six minutes at most
_LOCAL_POLL_S = (0.02, 0.25)
_REMOTE_POLL_S = (0.5, 30.0)
_QUICK_POLL_S = 0.05


def growing_wait_s(failures: int, policy: RetryPolicy, chance: float) -> float:
    """Return the wait after so many failures in a row: capped exponential with full jitter.

    Full jitter: uniform between nothing and the ceiling, which spreads clients best when many
    were refused together (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog,
    2015). A tenth of the ceiling is kept as a floor, so that no wait is none.

    Args:
        failures: Failures in a row, at least 1.
        policy: Gives the first and the longest wait.
        chance: A number drawn uniformly from [0, 1).

    Returns:
        Seconds.
    """
    doublings = min(failures - 1, 32)
    ceiling = min(policy.first_wait_s * float(2**doublings), policy.longest_wait_s)
    return ceiling * (0.1 + 0.9 * chance)


def poll_interval_s(age_s: float, *, local: bool, typical_s: float | None = None) -> float:
    """Return how long to wait before asking again about a job that was accepted ``age_s`` ago.

    A tenth of its age, so that the answer comes at most a tenth late, within bounds. Where jobs
    are known to end sooner than the usual bound allows for, it is lowered to a tenth of that.

    Args:
        age_s: Seconds since the job was accepted.
        local: Whether asking costs next to nothing.
        typical_s: After how many seconds jobs like this one have ended, if that is known.
    """
    least, most = _LOCAL_POLL_S if local else _REMOTE_POLL_S
    if typical_s is not None:
        least = min(max(_SHARE_OF_AGE * typical_s, _QUICK_POLL_S), least)
    return min(max(_SHARE_OF_AGE * age_s, least), most)
