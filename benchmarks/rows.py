"""The workloads that clients run on the simulated cloud."""

from __future__ import annotations

from dataclasses import dataclass

CLIENT_NAMES = ("ours", "ours_v2", "loop", "threads", "threads_2", "sampler", "qpy")


@dataclass(frozen=True, slots=True)
class Row:
    """A workload; all times are in seconds.

    Attributes:
        jobs: Jobs, J.
        per_job: Circuits in each, M.
        latency_s: Latency of a call, L.
        service_s: Time that a job takes, S.
        pending: Jobs that may be pending, P.
        at_once: Jobs that run at once, K.
    """

    jobs: int
    per_job: int
    latency_s: float
    service_s: float
    pending: int
    at_once: int = 4
