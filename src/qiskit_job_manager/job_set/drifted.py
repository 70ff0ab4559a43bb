"""Which experiments of a job set drifted and are to be run again; the manager runs them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, get_args

from qiskit_job_manager import ways
from qiskit_job_manager.errors import InvalidArgumentError, JobManagerInvalidStateError
from qiskit_job_manager.model.provenance import DRIFT_THRESHOLD, DriftedPlan, Where
from qiskit_job_manager.views.close_names import not_one_of
from qiskit_job_manager.views.phrases import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit_job_manager.job_set.driving import Driving
    from qiskit_job_manager.job_set.job_set import ManagedJobSet
    from qiskit_job_manager.model import JobSetRecord, Plan
    from qiskit_job_manager.model.provenance import ExperimentDrift
    from qiskit_job_manager.ports import Backend
    from qiskit_job_manager.results import ResultSource

logger = logging.getLogger(__name__)


class RunsAgain(Protocol):
    """Runs experiments of a job set again, in another one that is linked to it."""

    def linked_name(self, record: JobSetRecord) -> str:
        """Return the name of the linked job set, or the one that it would get."""

    def left(self, record: JobSetRecord, wanted: Sequence[int]) -> list[int]:
        """Return which experiments the linked job set does not have."""

    def plan(self, record: JobSetRecord, backend: Backend, indices: Sequence[int]) -> Plan:
        """Return what it would take to run experiments again; nothing is stored or sent."""

    def run(self, record: JobSetRecord, backend: Backend, wanted: Sequence[int]) -> ManagedJobSet:
        """Return the linked job set, with each of these experiments in it, and drive it."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """The experiments of a job set that drifted.

    Attributes:
        rows: They, in order.
        n_unknown: How many nothing is known of.
        why_unknown: Why, of the first of these.
    """

    rows: list[ExperimentDrift]
    n_unknown: int
    why_unknown: str | None

    @property
    def indices(self) -> list[int]:
        """Their indices."""
        return [each.experiment for each in self.rows]


def retry(
    source: ResultSource, driving: Driving, again: RunsAgain, where: Any, threshold: Any
) -> ManagedJobSet | None:
    """Run again what drifted; see `ManagedJobSet.retry`."""
    drifted = _found(source, where, threshold)
    fields = {"job_set_id": source.record.job_set_id}
    if drifted.n_unknown:
        logger.warning(
            "%s of %r leaves out %s whose drift is not known; of the first: %s",
            ways.RETRY_DRIFTED,
            source.record.name,
            plural(drifted.n_unknown, "experiment"),
            drifted.why_unknown,
            extra={**fields, "event": "drift unknown"},
        )
    if not drifted.rows:
        words = "%s of %r found no experiment that is known to have drifted; nothing is sent"
        more = {**fields, "event": "nothing to retry"}
        logger.warning(words, ways.RETRY_DRIFTED, source.record.name, extra=more)
        return None
    return again.run(source.record, driving.backend(), drifted.indices)


def plan(
    source: ResultSource, driving: Driving, again: RunsAgain, where: Any, threshold: Any
) -> DriftedPlan:
    """Return what `retry` would run, and what that would take."""
    drifted, record = _found(source, where, threshold), source.record
    left = again.left(record, drifted.indices)
    are_left = set(left)
    return DriftedPlan(
        experiments=tuple(each for each in drifted.rows if each.experiment in are_left),
        n_run_again=len(drifted.rows) - len(left),
        n_unknown=drifted.n_unknown,
        why_unknown=drifted.why_unknown,
        name=again.linked_name(record),
        plan=again.plan(record, driving.backend(), left) if left else None,
    )


def refuse_for_drift(states: object, *, cancelled: bool) -> None:
    """Refuse the arguments of `ManagedJobSet.retry` that are about failed jobs.

    Raises:
        InvalidArgumentError: One is given.
    """
    if states is not None or cancelled:
        msg = (
            "where says which experiments are run again for drift, and states and cancelled which "
            "jobs are sent again: give one of the two"
        )
        raise InvalidArgumentError(msg)


def refuse_threshold(threshold: object) -> None:
    """Refuse a threshold without ``where``.

    Raises:
        InvalidArgumentError: It is given.
    """
    if threshold is not None:
        msg = f"threshold is {threshold!r}, and where is not given: it belongs to where='drifted'"
        raise InvalidArgumentError(msg)


def _found(source: ResultSource, where: Any, threshold: Any) -> Drifted:
    """Return which experiments drifted.

    Raises:
        InvalidArgumentError: ``where`` or ``threshold`` cannot be used.
        JobManagerInvalidStateError: Nothing can be known of this job set.
    """
    from qiskit_job_manager.results.drift import drift_of

    if where not in get_args(Where):
        raise InvalidArgumentError(not_one_of("where", where, list(get_args(Where))))
    if source.record.volatile:
        raise JobManagerInvalidStateError(_nothing_known(source.record))
    rows = drift_of(source, DRIFT_THRESHOLD if threshold is None else threshold)
    unknown = [each for each in rows if each.unknown and not _has_drifted(each, "drifted")]
    why = unknown[0].unknown if unknown else None
    return Drifted([each for each in rows if _has_drifted(each, where)], len(unknown), why)


def _has_drifted(row: ExperimentDrift, where: str) -> bool:
    return row.moved is True or (where == "drifted" and row.straddled is True)


def _nothing_known(record: JobSetRecord) -> str:
    return (
        f"job set {record.name!r} ran on {record.backend_name!r}, whose jobs end with the process "
        "that sends them, as those of a simulator: its calibration is seen once at most, so no "
        "drift is known, and nothing is run again. Drift is known of jobs that a service runs on a "
        f"device; {ways.RETRY} sends failed jobs again"
    )
