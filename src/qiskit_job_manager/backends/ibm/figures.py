"""What the service measured of a job, asked for beside its result and never at its cost."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import BackendError
from qiskit_job_manager.model import RemoteFigures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PATIENCE_S = 10.0
"""How long a result may wait for its figures: the client itself would wait for ever."""


def figures_in(metrics: Mapping[str, Any], session_id: str | None = None) -> RemoteFigures:
    """Read the metrics of a job; what is missing or odd is left out.

    Args:
        metrics: As the client's ``job.metrics()`` gives them.
        session_id: The batch or session that the job was sent in, if it was in one.
    """
    times = _mapping(metrics.get("timestamps"))
    return RemoteFigures(
        usage_s=_usage_s(_mapping(metrics.get("usage"))),
        created_at=_time(times.get("created")),
        started_at=_time(times.get("running")),
        ended_at=_time(times.get("finished")),
        session_id=session_id,
    )


def within_patience(
    ask: Callable[[], RemoteFigures], patience_s: float = PATIENCE_S
) -> RemoteFigures | None:
    """Ask for figures; what fails, or takes too long, is given up.

    Args:
        ask: Asks the service.
        patience_s: How long to wait, in seconds.
    """
    told: list[RemoteFigures] = []

    def run() -> None:
        try:
            told.append(ask())
        except BackendError:
            return

    thread = threading.Thread(target=run, name="qjm-ibm-figures", daemon=True)
    thread.start()
    thread.join(patience_s)
    return told[0] if told else None


def _usage_s(usage: Mapping[str, Any]) -> float | None:
    """Return what is charged for, once the service has worked it out."""
    if usage.get("status") in (None, "pending"):
        return None
    for name in ("qpu_charge_time_seconds", "quantum_seconds", "seconds"):
        value = usage.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def _time(text: Any) -> datetime | None:
    try:
        then = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return (then if then.tzinfo else then.replace(tzinfo=UTC)).astimezone(UTC)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
