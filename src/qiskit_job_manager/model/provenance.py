"""What a job set ran on and in, as it was seen while it ran, and how the calibration drifted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from qiskit_job_manager.model.payloads import Blob
    from qiskit_job_manager.model.plans import Plan


class ObservationKind(StrEnum):
    """What was looked at: the process that sends the jobs, or the backend."""

    ENVIRONMENT = "environment"
    CALIBRATION = "calibration"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was seen, encoded; equal contents are stored once, whatever job sets name them.

    Attributes:
        sha256: Hash of the content before compression, 32 bytes.
        blob: The content, compressed.
    """

    sha256: bytes
    blob: Blob


@dataclass(frozen=True, slots=True)
class Observation:
    """That a job set's process or backend was seen in one state, from one time to another.

    Attributes:
        kind: What was looked at.
        first_at: When it was first seen so, in UTC.
        last_at: When it was last seen so, in UTC.
        sha256: Names the snapshot; ``None``: nothing could be seen.
        note: Why nothing could be seen, or ``None``.
    """

    kind: ObservationKind
    first_at: datetime
    last_at: datetime
    sha256: bytes | None = None
    note: str | None = None


# -- drift -----------------------------------------------------------------------------------------

DRIFT_THRESHOLD = 0.5
"""The relative change beyond which an error counts as moved, see `ManagedResults.drift`."""

DRIFTED_FROM = "drifted_from"
"""Key of a circuit's metadata: the experiment that it runs again, as ``"JOB_SET_ID/INDEX"``."""

Where = Literal["drifted", "moved"]
"""Which experiments are run again: those that moved or straddled, or those that moved alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentDrift:
    """Whether the calibration changed that one experiment rests on.

    The worst value is the one that changed most among those that its circuit uses; ``quantity`` and
    the four attributes below it are ``None`` if none changed.

    Attributes:
        experiment: Index of the experiment.
        name: Its name.
        straddled: Whether a value that it uses was calibrated again between its sending and its
            end; ``None``: not known.
        moved: Whether an error that it uses changed beyond the threshold; ``None``: not known.
        quantity: The worst value: ``"gate_error"``, ``"readout_error"``, ``"T1"`` or ``"T2"``.
        instruction: Name of its gate, ``"measure"`` for a readout, ``None`` for ``T1`` and ``T2``.
        qubits: Its physical qubits.
        before: What it was at sending; times are in seconds.
        after: What it was when it differed most from that, until the end.
        unknown: Why something is not known, or ``None``.
    """

    experiment: int
    name: str
    straddled: bool | None = None
    moved: bool | None = None
    quantity: str | None = None
    instruction: str | None = None
    qubits: tuple[int, ...] | None = None
    before: float | None = None
    after: float | None = None
    unknown: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftedPlan:
    """What `ManagedJobSet.retry` would run again for drift, and what it would take.

    Attributes:
        experiments: Those that drifted and were not run again, in order.
        n_run_again: How many drifted and were run again before.
        n_unknown: How many nothing is known of. They are not run again.
        why_unknown: Why nothing is known of the first of these, or ``None``.
        name: Name of the job set that has them, or would have them.
        plan: The split and what it is estimated to use; ``None`` if there is nothing to run.
    """

    experiments: tuple[ExperimentDrift, ...]
    n_run_again: int
    n_unknown: int
    why_unknown: str | None
    name: str
    plan: Plan | None
