"""The filters of lists, as fields of an address say them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.model import JobState
from qiskit_job_manager.model.search import ActiveAs, JobFilter, JobSetFilter, JobSetOrder
from qiskit_job_manager.views.close_names import not_one_of
from qiskit_job_manager.views.moments import check_order, moment_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from qiskit_job_manager.dashboard.visit import Visit

_ENDED = {"ended": True, "unfinished": False}
_NEEDS_USER = "needs-you"
WHOLE_SET_STATES = (*_ENDED, _NEEDS_USER)
"""What stands beside the states of jobs in the filter of job sets."""


def state_word(state: JobState) -> str:
    """Return a state as it stands in an address, as the command line has it."""
    return str(state).replace(" ", "-")


_ACTIVE = state_word(JobState.ACTIVE)
_ACTIVE_AS = {str(each): each for each in ActiveAs}
_STATES = {state_word(state): state for state in JobState}
STATES = tuple(word for state in _STATES for word in (ActiveAs if state == _ACTIVE else (state,)))
"""The words for states that are offered: those in which jobs are shown."""


def offered(visit: Visit, words: tuple[str, ...]) -> list[str]:
    """Return the words for states that a list offers, and those that the address has beside."""
    return [*words, *(word for word in visit.texts("state") if word not in words)]


def job_set_filter(visit: Visit) -> JobSetFilter:
    """Return the conditions on job sets.

    Raises:
        InvalidArgumentError: One makes no sense; the message names it and what would.
    """
    words = visit.texts("state")
    chosen = [word for word in words if word not in WHOLE_SET_STATES]
    ended = {_ENDED[word] for word in words if word in _ENDED}
    since, until = _moment(visit, "since"), _moment(visit, "until")
    check_order(since, until)
    return JobSetFilter(
        states=_states(chosen, WHOLE_SET_STATES),
        active_as=_active_as(words),
        ended=ended.pop() if len(ended) == 1 else None,
        may_need_user=_NEEDS_USER in words,
        tags=tuple(visit.texts("tag")),
        backend=visit.text("backend") or None,
        name=visit.text("name") or None,
        since=since,
        until=until,
    )


def _moment(visit: Visit, field: str) -> datetime | None:
    text = visit.text(field)
    if not text:
        return None
    try:
        return moment_of(text, visit.clock.now())
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{field}: {error.message}") from None


def job_set_order(visit: Visit) -> JobSetOrder:
    """Return the order of job sets.

    Raises:
        InvalidArgumentError: There is no such order.
    """
    word = visit.text("sort") or JobSetOrder.NEWEST
    try:
        return JobSetOrder(word)
    except ValueError:
        raise _unknown("sort", word, JobSetOrder) from None


def job_filter(visit: Visit) -> JobFilter:
    """Return the conditions on jobs.

    Raises:
        InvalidArgumentError: A state does not exist.
    """
    words = visit.texts("state")
    error = visit.text("error") or None
    return JobFilter(states=_states(words), active_as=_active_as(words), error=error)


def _states(words: Iterable[str], others: Iterable[str] = ()) -> tuple[JobState, ...]:
    """Return the states that words name as the store names them, `ActiveAs` left out."""
    try:
        return tuple(_STATES[word] for word in words if word not in _ACTIVE_AS)
    except KeyError as error:
        raise _unknown("state", str(error.args[0]), [*STATES, *others]) from None


def _active_as(words: Iterable[str]) -> tuple[ActiveAs, ...]:
    return tuple(_ACTIVE_AS[word] for word in words if word in _ACTIVE_AS)


def _unknown(field: str, word: str, known: Iterable[str]) -> InvalidArgumentError:
    return InvalidArgumentError(not_one_of(field, word, known))
