"""How the calibration of what an experiment uses changed while it waited and ran."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from qiskit_job_manager.model.plans import Plan

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
