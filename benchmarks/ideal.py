"""How soon any client can be done with a cloud, and how soon one without faults of its own is.

The cloud: a call takes the latency L, half of it each way; a job takes the service time S; K jobs
run at once, first come, first served; P may be pending, queued and running together, and what is
submitted beyond that is refused. J jobs are to be run.

The hard bound holds for every client::

    max(2 L, L + ceil(J / min(K, P)) S)

as a submission and a fetch take L each, one after the other; and as the first job begins no sooner
than L/2 after the start, min(K, P) jobs run at once at most, and the last result takes L/2 to come.

The ideal client takes no time for its own work and has any number of calls under way. It submits
when it learns that there is room for a job, and asks for a result as soon as it has the job's id,
by a call that is answered when the job ends. A job that is submitted at t and ends at f

    is in hand at                max(t + 2 L, f + L/2)
    has its place known free at  max(f + L/2, t + L)

It is no bound: who submits before it is known that there is room may be lucky.

Real clients encode their circuits. One that is ideal but for that, and encodes one job after the
other in the time E each, submits the job number i (from 1) at i E at the earliest.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def hard_bound_s(
    n_jobs: int, latency_s: float, service_s: float, *, at_once: int, pending: int
) -> float:
    """Return the seconds that no client can be quicker than.

    Args:
        n_jobs: Jobs, J.
        latency_s: Seconds that a call takes, L.
        service_s: Seconds that a job takes, S.
        at_once: Jobs that run at once, K.
        pending: Jobs that may be pending, P.

    Example:
        >>> hard_bound_s(100, 0.2, 0.1, at_once=4, pending=5)
        2.7
    """
    rounds = math.ceil(n_jobs / min(at_once, pending))
    return max(2 * latency_s, latency_s + rounds * service_s)


def ideal_s(
    n_jobs: int,
    latency_s: float,
    service_s: float,
    *,
    at_once: int,
    pending: int,
    encoding_s: float = 0.0,
) -> float:
    """Return the seconds that the ideal client takes, from its start to the last result in hand.

    Args:
        n_jobs: Jobs, J.
        latency_s: Seconds that a call takes, L.
        service_s: Seconds that a job takes, S.
        at_once: Jobs that run at once, K.
        pending: Jobs that may be pending, P.
        encoding_s: Seconds that it takes to encode each job, E.

    Example:
        >>> round(ideal_s(10, 0.05, 0.1, at_once=4, pending=5), 6)
        0.4
    """
    places_s = [0.0] * pending  # when each is known to be free
    machines_s = [0.0] * at_once  # when each is free
    in_hand_s = 0.0
    for number in range(1, n_jobs + 1):
        # Places become free in the order in which they are taken here, so that jobs arrive in
        # this order, too.
        submitted_s = max(heapq.heappop(places_s), number * encoding_s)
        began_s = max(submitted_s + latency_s / 2, heapq.heappop(machines_s))
        ended_s = began_s + service_s
        heapq.heappush(machines_s, ended_s)
        heapq.heappush(places_s, max(ended_s + latency_s / 2, submitted_s + latency_s))
        in_hand_s = max(in_hand_s, submitted_s + 2 * latency_s, ended_s + latency_s / 2)
    return in_hand_s


def ideal_on_several_s(
    n_jobs: int, latency_s: float, services_s: Sequence[float], *, at_once: int, pending: int
) -> float:
    """Return the seconds that the ideal client takes on two clouds, with the best split.

    Args:
        n_jobs: Jobs, J.
        latency_s: Seconds that a call takes, L, on each.
        services_s: Seconds that a job takes on the one and on the other.
        at_once: Jobs that run at once, K, on each.
        pending: Jobs that may be pending, P, on each.
    """
    one_s, other_s = services_s

    def alone_s(jobs: int, service_s: float) -> float:
        return ideal_s(jobs, latency_s, service_s, at_once=at_once, pending=pending)

    return min(
        max(alone_s(jobs, one_s), alone_s(n_jobs - jobs, other_s)) for jobs in range(n_jobs + 1)
    )
