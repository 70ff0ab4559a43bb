"""How the calibration of what an experiment uses changed while it waited and ran."""

from __future__ import annotations

from dataclasses import dataclass

DRIFT_THRESHOLD = 0.5
"""The relative change beyond which an error counts as moved, see `ManagedResults.drift`."""


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
