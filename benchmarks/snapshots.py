"""Measures the stored bytes of a calibration, and what it takes to record what a run is made on.

    python benchmarks/snapshots.py

Each device is one of IBM's with 156 qubits, as its fake has it. Medians are shown.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import TYPE_CHECKING, Any

from qiskit_ibm_runtime.fake_provider import FakeFez, FakeMarrakesh

from qiskit_job_manager.backends.calibration import calibration_of
from qiskit_job_manager.codec.snapshots import encode_snapshot
from qiskit_job_manager.manager.environment import environment

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 9


def median_ms(work: Callable[[], object]) -> float:
    """Return the median of some calls."""
    taken = []
    for _ in range(ROUNDS):
        begun_s = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun_s)
    return statistics.median(taken) * 1_000


def measure() -> dict[str, Any]:
    """Return the bytes of each snapshot, and the milliseconds to make it."""
    found: dict[str, Any] = {}
    for device in (FakeFez(), FakeMarrakesh()):
        content = calibration_of(device)
        found[device.name] = {
            "bytes": len(encode_snapshot(content).blob.data),
            "encode_ms": median_ms(lambda content=content: encode_snapshot(content)),
        }
    found["environment"] = {
        "bytes": len(encode_snapshot(environment()).blob.data),
        "read_ms": median_ms(environment),
    }
    return found


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
