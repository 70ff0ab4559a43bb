"""Precision of an estimator as shots, by which its work is weighed and can be divided.

An estimator is asked for a standard error. It takes the inverse square of that in shots for an
observable whose variance is 1, as Qiskit's `BackendEstimatorV2` and IBM's service count it.
"""

from __future__ import annotations

import math

# Simulators take a precision of 1e-12 for nothing special; as shots it would fit no column.
_MOST_SHOTS = 2**53


def shots_for(precision: float | None) -> int | None:
    """Return the shots that a precision stands for, or ``None`` where it stands for none.

    Args:
        precision: Standard error asked for; ``None`` is the primitive's default, and 0 is exact.

    >>> shots_for(0.015625)
    4096
    """
    if not precision:
        return None
    square = precision**2
    return _MOST_SHOTS if square * _MOST_SHOTS < 1 else math.ceil(1 / square)


def precision_of_share(precision: float, shots: int | None) -> float:
    """Return the precision that a share of the work is to reach.

    Args:
        precision: What all shares together are to reach.
        shots: Shots of the share; ``None``, or as many as `shots_for` gives, is all of them.

    >>> precision_of_share(0.01, 2500)
    0.02
    """
    return precision if shots in (None, shots_for(precision)) else 1 / math.sqrt(shots or 1)
