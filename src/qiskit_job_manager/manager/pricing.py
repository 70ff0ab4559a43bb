"""What a run costs at the user's prices, checked before anything is stored or sent.

The prices stand in a table, ``prices.toml``: by backend and plan, in one currency.

    currency = "USD"
    plan = "paygo"

    [[price]]
    backend = "ibm_*"
    plan = "paygo"
    per_second = 1.60

    [[price]]
    backend = "ionq_*"
    per_task = 0.30
    per_shot = 0.01

An entry with the whole name of a backend comes before one with a pattern, and an entry of the
table's plan before one without a plan. Entries of other plans do not count.
"""

from __future__ import annotations

import logging
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.job_set.settings import checked_cost
from qiskit_job_manager.model import Prices, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit_job_manager.model import Block, Cost, JobSetDraft, Plan, PlannedJob
    from qiskit_job_manager.ports import Backend

logger = logging.getLogger(__name__)

VARIABLE = "QISKIT_JOB_MANAGER_PRICES"
"""The environment variable that names the table."""

_AMOUNTS = ("per_second", "per_shot", "per_task")
_TABLE_KEYS = ("currency", "plan", "price")
_ENTRY_KEYS = ("backend", "plan", "currency", *_AMOUNTS)
_LARGEST_BYTES = 1 << 20
_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One price: for which backend and plan, and how much."""

    backend: str
    plan: str | None
    amounts: Mapping[str, float]

    @property
    def is_pattern(self) -> bool:
        """Whether it is for several backends."""
        return not _WILD.isdisjoint(self.backend)


class PriceTable:
    """Prices of backends, checked as a whole.

    Args:
        content: What the file has, as `tomllib.load` returns it.
        where: The file, for messages.

    Raises:
        InvalidArgumentError: Something in it is wrong; the message says what and where.
    """

    def __init__(self, content: Mapping[str, Any], where: str) -> None:
        self._where = where
        _refuse_unknown(content, _TABLE_KEYS, where)
        self._plan = _text(content, "plan", where)
        entries = content.get("price", [])
        if not isinstance(entries, list) or not entries:
            raise InvalidArgumentError(
                f"{where} has no prices; write one [[price]] for each backend, with backend = "
                '"NAME" and per_second, per_shot or per_task'
            )
        self._entries = [self._entry(each, n) for n, each in enumerate(entries, start=1)]
        self._currency = self._one_currency(content, entries)
        self._refuse_two_for_one()

    def _entry(self, entry: Any, number: int) -> _Entry:
        what = f"price {number} in {self._where}"
        if not isinstance(entry, Mapping):
            raise InvalidArgumentError(f"{what} is {entry!r}; it must be a table, [[price]]")
        _refuse_unknown(entry, _ENTRY_KEYS, what)
        backend = _text(entry, "backend", what)
        if backend is None:
            raise InvalidArgumentError(f'{what} names no backend; write backend = "NAME"')
        named = f"{what} ({backend!r})"
        amounts = {name: _amount(entry[name], name, named) for name in _AMOUNTS if name in entry}
        if not amounts:
            msg = f"{named} has no price; write per_second, per_shot or per_task, 0 if it is free"
            raise InvalidArgumentError(msg)
        return _Entry(backend, _text(entry, "plan", what), amounts)

    def _one_currency(self, content: Mapping[str, Any], entries: list[Any]) -> str:
        """Return the currency of all prices: sums of several have no meaning."""
        given = [_text(content, "currency", self._where)]
        given += [_text(each, "currency", f"a price in {self._where}") for each in entries]
        named = sorted({each for each in given if each is not None})
        if len(named) > 1:
            raise InvalidArgumentError(
                f"{self._where} has prices in {' and '.join(named)}; all of them must be in one "
                "currency, as costs are added up"
            )
        if not named:
            raise InvalidArgumentError(f'{self._where} names no currency; write currency = "USD"')
        return named[0]

    def _refuse_two_for_one(self) -> None:
        known = set()
        for each in self._entries:
            if (each.backend, each.plan) in known:
                plan = "" if each.plan is None else f" on the plan {each.plan!r}"
                msg = f"{self._where} has two prices for {each.backend!r}{plan}; keep one of them"
                raise InvalidArgumentError(msg)
            known.add((each.backend, each.plan))

    def of(self, backend_name: str) -> Prices | None:
        """Return the prices of a backend, or ``None`` if the table has none.

        Raises:
            InvalidArgumentError: Several patterns fit, and none of them comes first.
        """
        found = [each for each in self._entries if fnmatchcase(backend_name, each.backend)]
        found = [each for each in found if each.plan in (None, self._plan)]
        first = min(map(self._rank, found), default=None)
        best = [each for each in found if self._rank(each) == first]
        if len(best) > 1:
            names = " and ".join(repr(each.backend) for each in best)
            msg = f"{self._where} has several prices for {backend_name!r}: {names}; name it itself"
            raise InvalidArgumentError(msg)
        if not best:
            return None
        return Prices(currency=self._currency, plan=best[0].plan, **best[0].amounts)

    @staticmethod
    def _rank(entry: _Entry) -> tuple[bool, bool]:
        return entry.is_pattern, entry.plan is None

    def required(self, backend_name: str) -> Prices:
        """Return the prices of a backend.

        Raises:
            InvalidArgumentError: The table has none.
        """
        found = self.of(backend_name)
        if found is None:
            known = ", ".join(repr(each.backend) for each in self._entries)
            plan = "" if self._plan is None else f" on the plan {self._plan!r}"
            raise InvalidArgumentError(
                f"{self._where} has no price for the backend {backend_name!r}{plan}; it has prices "
                f"for {known}"
            )
        return found


def price_table(given: str | Path | Mapping[str, Any]) -> PriceTable:
    """Return a table of prices.

    Args:
        given: The file, or what would be in it.

    Raises:
        InvalidArgumentError: It cannot be read, or something in it is wrong.
    """
    if isinstance(given, Mapping):
        return PriceTable(given, "prices")
    path = Path(given)
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise InvalidArgumentError(f"{path} is too large for a table of prices")
        return PriceTable(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except OSError as error:
        msg = f"the table of prices {path} cannot be read: {error.strerror}"
        raise InvalidArgumentError(msg) from error
    except ValueError as error:  # no TOML, or no UTF-8
        msg = f"the table of prices {path} is no TOML: {error}"
        raise InvalidArgumentError(msg) from error


def _refuse_unknown(content: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    for name in content:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it may have {', '.join(known)}"
            raise InvalidArgumentError(f"{what} has {name!r}, which means nothing; {hint}")


def _text(content: Mapping[str, Any], name: str, what: str) -> str | None:
    value = content.get(name)
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise InvalidArgumentError(f"{what} has {name} = {value!r}; it must be a text")
    return value


def _amount(value: Any, name: str, what: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value < float("inf"):
        raise InvalidArgumentError(
            f"{what} has {name} = {value!r}; it must be a number of at least 0"
        )
    return float(value)


# -- what a run costs ------------------------------------------------------------------------------


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
