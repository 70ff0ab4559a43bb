"""Reads what the service measured of a job; this never costs a result.

The listed description of a job contains what is charged and when the job was accepted, but not when
it ran. Results of samplers and of executors contain that; otherwise the metrics of the job do,
which take one more request.
"""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from qiskit_job_manager.errors import JobManagerError
from qiskit_job_manager.model import Allowance, RemoteFigures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PATIENCE_S = 10.0
"""How long a result may wait for its metrics: the client itself would wait for ever."""

_Answer = TypeVar("_Answer")
_YEARS = range(1970, 3000)


def usage_in_metrics(metrics: Mapping[str, Any], known: RemoteFigures) -> RemoteFigures:
    """Add the metrics of a job to what is known; missing or odd values are left out.

    Args:
        metrics: As the client's ``job.metrics()`` returns them.
        known: What the description contains.
    """
    times = _mapping(metrics.get("timestamps"))
    usage_s = _usage_s(_mapping(metrics.get("usage")))
    return replace(
        known,
        usage_s=known.usage_s if usage_s is None else usage_s,
        created_at=_time(times.get("created")) or known.created_at,
        started_at=_time(times.get("running")),
        ended_at=_time(times.get("finished")),
    )


def usage_in_info(info: Mapping[str, Any]) -> RemoteFigures:
    """Read the description of a job; missing or odd values are left out.

    Args:
        info: As the service returns it, listed or alone.
    """
    session_id = info.get("session_id")
    return RemoteFigures(
        usage_s=_usage_s(_mapping(info.get("usage"))),
        created_at=_time(info.get("created")),
        session_id=session_id if isinstance(session_id, str) else None,
    )


def allowance_in(usage: Mapping[str, Any]) -> Allowance | None:
    """Read the usage of an instance; ``None`` if it does not say what was used.

    Args:
        usage: As the service returns it.
    """
    used_s = _number(usage.get("usage_consumed_seconds"))
    limit_s = _number(usage.get("usage_limit_seconds"))
    if limit_s is None:
        limit_s = _number(usage.get("usage_allocation_seconds"))
    return None if used_s is None else Allowance(used_s, limit_s)


def usage_so_far_s(metrics: Mapping[str, Any]) -> float | None:
    """Return the quantum seconds that a job has used while it runs; ``None``: it is not said.

    Preparing a job on the service does not count.

    Args:
        metrics: As the client's ``job.metrics()`` returns them.
    """
    return _number(_mapping(metrics.get("usage")).get("qpu_charge_time_seconds"))


def with_times(figures: RemoteFigures, result: Any) -> RemoteFigures | None:
    """Add when a job began and ended to run, if its result contains it.

    Args:
        figures: What is known.
        result: The result, decoded from JSON only.

    Returns:
        ``None`` if the result does not contain it.
    """
    spans = _spans(result)
    if not spans:
        return None
    started_at = min(began for began, _ in spans)
    return replace(figures, started_at=started_at, ended_at=max(ended for _, ended in spans))


def spans_s(result: Any) -> float | None:
    """Return for how long a result says that its circuits were executed; ``None``: it does not.

    Args:
        result: The result, decoded from JSON only.
    """
    spans = _spans(result)
    return sum((ended - began).total_seconds() for began, ended in spans) if spans else None


def _spans(result: Any) -> list[tuple[datetime, datetime]]:
    """Return the beginning and end of each execution."""
    own = _mapping(result)
    metadata = _mapping(_mapping(own.get("__value__", own)).get("metadata"))
    spans = _value(_mapping(metadata.get("execution")).get("execution_spans"))
    listed = _mapping(spans).get("spans", metadata.get("chunk_timing"))
    said = [_mapping(_value(each)) for each in (listed if isinstance(listed, list) else ())]
    moments = [(_time(_value(e.get("start"))), _time(_value(e.get("stop")))) for e in said]
    return [(began, ended) for began, ended in moments if began and ended]


def _value(said: Any) -> Any:
    """Return the value of a typed object in the client's JSON."""
    return said.get("__value__") if isinstance(said, dict) and "__type__" in said else said


def ask_within(ask: Callable[[], _Answer], patience_s: float = PATIENCE_S) -> _Answer | None:
    """Ask for measurements, and give up after an error or after some seconds.

    Args:
        ask: Asks the service.
        patience_s: How long to wait.
    """
    found: list[_Answer] = []

    def run() -> None:
        try:
            found.append(ask())
        except JobManagerError:
            return

    thread = threading.Thread(target=run, name="qjm-ibm-figures", daemon=True)
    thread.start()
    thread.join(patience_s)
    return found[0] if found else None


def _usage_s(usage: Mapping[str, Any]) -> float | None:
    """Return the charged seconds, once the service has computed them."""
    if usage.get("status") in (None, "pending"):
        return None
    for name in ("qpu_charge_time_seconds", "quantum_seconds", "seconds"):
        value = _number(usage.get(name))
        if value is not None:
            return value
    return None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _time(text: Any) -> datetime | None:
    try:
        then = datetime.fromisoformat(text)
        time = (then if then.tzinfo else then.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return time if time.year in _YEARS else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
