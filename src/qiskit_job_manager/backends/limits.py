"""The limits that a Qiskit backend states, wherever its provider put them."""

from __future__ import annotations

from typing import Any

from qiskit_job_manager.model import Limits

# Aer runs one job after the other. A second job that waits keeps it busy while the result of the
# first is stored; a few more hide the time that the store takes.
# Each pending job holds its circuits and its result in memory.
LOCAL_PENDING_JOBS = 6


def limits_of(backend: Any, *, local: bool) -> Limits:
    """Return a backend's limits, without asking the network.

    The shot limit of a simulator is that of the device that it imitates, and is not enforced. So
    local backends get no shot limit.
    """
    circuits = _positive(backend, "max_circuits")
    if local:
        return Limits(experiments_per_job=circuits, pending_jobs=LOCAL_PENDING_JOBS)
    return Limits(experiments_per_job=circuits, shots_per_experiment=_max_shots(backend))


def _max_shots(backend: Any) -> int | None:
    """Return the shot limit from the options' validator, the backend, or its configuration."""
    validator = getattr(getattr(backend, "options", None), "validator", None) or {}
    bounds = validator.get("shots")
    if isinstance(bounds, tuple):
        return int(bounds[1])
    own = _positive(backend, "max_shots") or _positive(backend, "MAX_SHOTS")  # AQT's
    return own or _positive(_configuration(backend), "max_shots")


def _configuration(backend: Any) -> Any:
    try:
        return backend.configuration()
    except Exception:  # noqa: BLE001  # not part of BackendV2; after any error there is no limit
        return None


def _positive(source: Any, name: str) -> int | None:
    """Return an attribute if it can be read and is a positive whole number."""
    try:
        figure = getattr(source, name, None)
    except Exception:  # noqa: BLE001  # a provider's property may raise anything
        return None
    if isinstance(figure, bool) or not isinstance(figure, int) or figure < 1:
        return None
    return figure
