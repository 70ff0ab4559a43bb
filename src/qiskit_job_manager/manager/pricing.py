"""What a run costs at the user's prices, checked before anything is stored or sent."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.job_set.settings import checked_cost
from qiskit_job_manager.manager.price_table import VARIABLE, PriceTable, price_table
from qiskit_job_manager.model import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from qiskit_job_manager.model import (
        Block,
        Cost,
        JobSetDraft,
        Plan,
        PlannedJob,
        Prices,
    )
    from qiskit_job_manager.ports import Backend

logger = logging.getLogger(__name__)


def chosen_table(given: str | Path | Mapping[str, Any] | None) -> PriceTable | None:
    """Return the table that the user or the environment gives, or ``None``.

    Raises:
        InvalidArgumentError: It cannot be read, or something in it is wrong.
    """
    named = (os.environ.get(VARIABLE) or None) if given is None else given
    return None if named is None else price_table(named)


def prices_for(
    table: PriceTable | None, backend: Backend, max_cost: Any, shots: int | None
) -> dict[str, Any]:
    """Return the ``prices`` of a backend and the limit of the cost, ``max_cost``, for a draft.

    Args:
        table: The user's prices, or ``None``.
        backend: What runs the experiments.
        max_cost: The limit, as the user gave it.
        shots: Shots of experiments without their own, or ``None`` for the backend's default.

    Raises:
        InvalidArgumentError: There is a limit, and no price, or none that can be kept to.
    """
    limit = checked_cost(max_cost)
    if table is None:
        if limit is not None:
            raise InvalidArgumentError(
                f"max_cost is {limit:g}, and there are no prices: give a table, "
                f"JobManager(prices='prices.toml') or {VARIABLE}"
            )
        return {"prices": None, "max_cost": None}
    if limit is None:
        return {"prices": _known(table, backend), "max_cost": None}
    prices = table.required(backend.name)
    if prices.per_second and backend.estimate_usage_s(1, shots or 1) is None:
        raise InvalidArgumentError(
            f"{backend.name!r} has a price per second, and estimates no quantum seconds, so that "
            "max_cost cannot be kept to: price its shots or tasks"
        )
    return {"prices": prices, "max_cost": limit}


def _known(table: PriceTable, backend: Backend) -> Prices | None:
    found = table.of(backend.name)
    if found is None and not backend.capabilities.volatile:
        fields = {"event": "no price"}
        words = "the table of prices has none for %r: what it costs is not counted"
        logger.warning(words, backend.name, extra=fields)
    return found


def refuse_unpriced(job_set: JobSetDraft, block: Block) -> None:
    """Refuse experiments whose cost is not known where it is limited.

    Raises:
        InvalidArgumentError: It is not known; the message says of which, and what to give.
    """
    if job_set.max_cost is None or job_set.prices is None:
        return
    if not all(job_set.prices.can_price(job.estimate_s, job.shots) for job in block.jobs):
        raise InvalidArgumentError(
            f"the cost of the experiments {block.start} to {block.stop - 1} is not known, as they "
            "have the backend's own number of shots, and max_cost limits it: give shots="
        )


def cost_of(plan: Plan, table: PriceTable | None, backend_name: str) -> Cost | None:
    """Return what a plan is estimated to cost, or ``None`` if that is not known."""
    prices = None if table is None else table.of(backend_name)
    return None if prices is None else cost_at(prices, plan)


def cost_at(prices: Prices, plan: Plan) -> Cost | None:
    """Return what a plan is estimated to cost at some prices, or ``None`` if that is not known."""
    usage_s = plan.usage_s
    if not all(prices.can_price(usage_s, job.shots) for job in plan.jobs):
        return None
    circuits, executions = _work_of(plan.jobs)
    return prices.cost(Usage(0.0, usage_s or 0.0, circuits, executions))


def _work_of(jobs: Sequence[PlannedJob]) -> tuple[int, int]:
    sizes = [(job.stop - job.start if job.circuits is None else job.circuits) for job in jobs]
    executions = sum(size * (job.shots or 0) for size, job in zip(sizes, jobs, strict=True))
    return sum(sizes), executions
