"""The limits that a Qiskit backend tells of itself, wherever its provider put them."""

from __future__ import annotations

from typing import Any

from qiskit_job_manager.model import Limits

# Aer runs one job after the other, so that a second one waiting keeps it at work while the first
# is collected, here and at the helper; a few more even out what the store takes. Each holds its
# circuits and its result.
LOCAL_PENDING_JOBS = 6


def limits_of(backend: Any, *, local: bool) -> Limits:
    """Return a backend's limits, without asking the network.

    A simulator's figure for shots is that of a device it looks like and is not enforced, so none
    is taken from those that run here.
    """
    circuits = _positive(backend, "max_circuits")
    if local:
        return Limits(experiments_per_job=circuits, pending_jobs=LOCAL_PENDING_JOBS)
    return Limits(experiments_per_job=circuits, shots_per_experiment=_max_shots(backend))


def _max_shots(backend: Any) -> int | None:
    """Return the most shots: of the options' validator, the backend, or its configuration."""
    validator = getattr(getattr(backend, "options", None), "validator", None) or {}
    bounds = validator.get("shots")
    if isinstance(bounds, tuple):
        return int(bounds[1])
    return _positive(backend, "max_shots") or _positive(_configuration(backend), "max_shots")


def _configuration(backend: Any) -> Any:
    try:
        return backend.configuration()
    except Exception:  # noqa: BLE001  # no part of BackendV2; whatever is wrong, there is no figure
        return None


def _positive(source: Any, name: str) -> int | None:
    """Return an attribute if it can be read and is a positive whole number."""
    try:
        figure = getattr(source, name, None)
    except Exception:  # noqa: BLE001  # a property of a provider may raise anything
        return None
    if isinstance(figure, bool) or not isinstance(figure, int) or figure < 1:
        return None
    return figure
