"""Gives each job a seed of its own.

Shares of one experiment that ran with the same seed would repeat the same samples, and merging
them would add nothing. Neighbouring seeds are no better: simulators add the experiment's offset
to the seed of the job, so that jobs 7 and 8 would share most of their streams.
"""

from __future__ import annotations

import hashlib

SEED_OPTIONS = ("seed_simulator", "seed")
"""The run options that are seeds."""

_BITS = 31  # what every simulator takes for a seed: a C int that is not negative
_MASK = (1 << _BITS) - 1
_ROUNDS = 3


def derive_seed(seed: int, job_index: int) -> int:
    """Return the seed of one job of a job set.

    The mapping is fixed for ever: a job set of an earlier release gives the same samples when one
    of its jobs is sent again.

    Args:
        seed: The user's seed, any integer.
        job_index: Position of the job in the job set, from 0 to ``2**31 - 1``.

    Returns:
        The user's seed itself for job 0, so that what fits into one job runs as it would without
        this package. For all others a number from 0 to ``2**31 - 1`` that no other job of the
        set has.

    >>> derive_seed(42, 0)
    42
    >>> derive_seed(42, 1), derive_seed(42, 2)
    (378314387, 868791478)
    """
    if job_index == 0:
        return seed
    derived = _permuted(job_index, seed)
    # One index is mapped to the seed of job 0; it takes the value that job 0 left unused.
    return _permuted(0, seed) if derived == seed else derived


def _permuted(index: int, seed: int) -> int:
    """Return where a permutation of the 31-bit numbers, chosen by the seed, puts an index."""
    key = hashlib.sha256(b"qiskit-job-manager/seed/1:%d" % seed).digest()
    value = index
    for turn in range(_ROUNDS):
        # Each step can be undone within 31 bits, which is what keeps the seeds distinct.
        value = (value + int.from_bytes(key[4 * turn : 4 * turn + 4], "big")) & _MASK
        value ^= value >> 16
        value = (value * 0x7FEB352D) & _MASK
        value ^= value >> 15
    return value
