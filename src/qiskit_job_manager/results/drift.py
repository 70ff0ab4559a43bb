"""Which experiments straddled a calibration, or rest on errors that moved while they ran."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.engine.observations import PAUSE_S
from qiskit_job_manager.errors import CodecError, InvalidArgumentError
from qiskit_job_manager.model import ExperimentKind, ObservationKind
from qiskit_job_manager.model.provenance import ExperimentDrift
from qiskit_job_manager.results.calibrated_values import Place, used_by, values_of
from qiskit_job_manager.results.provenance import ProvenanceReader
from qiskit_job_manager.results.tables import needs_pandas

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import pandas as pd

    from qiskit_job_manager.model import AttemptRecord, JobRecord, Observation
    from qiskit_job_manager.results.calibrated_values import CalibratedValues, Used, Value
    from qiskit_job_manager.results.source import ResultSource

_NAMED = 3
_NOT_SEEN = "no calibration of its backend was recorded"
_SEEN_ONCE = "its jobs end with the process that sent them, so its backend is looked at only once"
_TAKEN_OVER = "its result was taken over from another job set, where it ran"


class DriftTable(tuple[ExperimentDrift, ...]):
    """One `ExperimentDrift` for each experiment, in order; see `ManagedResults.drift`."""

    __slots__ = ()

    def __repr__(self) -> str:
        moved = sum(each.moved is True for each in self)
        straddled = sum(each.straddled is True for each in self)
        unknown = sum(each.unknown is not None for each in self)
        return (
            f"<DriftTable of {len(self)} experiments: {moved} moved, {straddled} straddled, "
            f"{unknown} not fully known>"
        )

    def to_dataframe(self) -> pd.DataFrame:
        """Return a data frame with the attributes of `ExperimentDrift` as columns.

        Returns:
            The frame; its index is that of the experiments. Needs pandas:
            ``pip install "qiskit-job-manager[dataframe]"``.

        Raises:
            InvalidArgumentError: pandas is missing.
        """
        pandas = needs_pandas("to_dataframe")
        names = [each.name for each in fields(ExperimentDrift)]
        rows = [asdict(each) for each in self]
        whole: pd.DataFrame = pandas.DataFrame(rows, columns=names).set_index("experiment")
        return whole


def drift_of(source: ResultSource, threshold: float) -> DriftTable:
    """Return how the calibration changed for each experiment; see `ManagedResults.drift`."""
    return DriftTable(_DriftReader(source, _checked(threshold)).rows())


def _checked(threshold: Any) -> float:
    is_number = isinstance(threshold, (int, float)) and not isinstance(threshold, bool)
    if is_number and threshold >= 0:
        return float(threshold)
    msg = f"threshold is {threshold!r}; it is a relative change, a number from 0, such as 0.5"
    raise InvalidArgumentError(msg)


@dataclass(frozen=True, slots=True)
class _Window:
    """When an experiment was on its way, and the calibrations from before that until after it."""

    sent: datetime
    ended: datetime
    seen: list[CalibratedValues]


class _Unknown(Exception):  # noqa: N818  # it is no error of anybody
    """Why nothing can be said of an experiment."""


class _DriftReader:
    """Reads jobs block by block; each calibration is decoded once."""

    def __init__(self, source: ResultSource, threshold: float) -> None:
        self._source = source
        self._store, self._record = source.store, source.record
        self._threshold = threshold
        self._reader = ProvenanceReader(source.store, source.record)
        self._seen = self._reader.of(ObservationKind.CALIBRATION)
        self._values: dict[bytes, CalibratedValues] = {}

    def rows(self) -> Iterator[ExperimentDrift]:
        jobs = sorted(self._store.jobs(self._record.key), key=lambda job: (job.start, job.share))
        for _, block in groupby(jobs, key=lambda job: job.start):
            yield from self._block(list(block))

    def _block(self, jobs: list[JobRecord]) -> Iterator[ExperimentDrift]:
        """Yield the rows of the experiments that the same jobs ran, one for each share of shots."""
        start, stop = jobs[0].start, jobs[0].stop
        try:
            window = self._window(jobs)
        except _Unknown as why:
            for each in self._store.experiments(self._record.key, start=start, stop=stop):
                yield ExperimentDrift(experiment=each.index, name=each.name, unknown=str(why))
            return
        payload = self._store.payload(jobs[0].key)
        for each in self._store.experiments(self._record.key, start=start, stop=stop):
            found = self._compared(payload, each.index - start, window)
            yield ExperimentDrift(experiment=each.index, name=each.name, **found)

    def _compared(self, payload: Any, offset: int, window: _Window) -> dict[str, Any]:
        from qiskit_job_manager.codec.experiments import stored_circuit

        try:
            circuit = stored_circuit(payload, offset)
        except CodecError as error:
            return {"unknown": f"its circuit cannot be read: {error}"}
        measures_all = self._source.kind is ExperimentKind.ESTIMATOR_PUB
        return _verdict(used_by(circuit, measures_all=measures_all), window, self._threshold)

    def _window(self, jobs: Sequence[JobRecord]) -> _Window:
        if any(job.is_reused for job in jobs):
            raise _Unknown(_TAKEN_OVER)
        if self._record.volatile:
            raise _Unknown(_SEEN_ONCE if self._seen else _NOT_SEEN)
        attempts = [self._attempt(job) for job in jobs]
        sent = min(attempt.intended_at for attempt, _ in attempts)
        latest, ended = max(attempts, key=lambda each: each[1])
        return _Window(sent, ended, self._between(sent, latest, ended))

    def _attempt(self, job: JobRecord) -> tuple[AttemptRecord, datetime]:
        """Return the attempt whose result is read, and when it ended."""
        for attempt in self._store.attempts(job.key)[-1:]:
            ended = _ended(attempt)
            if job.has_result and ended is not None:
                return attempt, ended
        state = f"is {job.state}" if job.state.is_final else "has not ended"
        raise _Unknown(f"it has no result: job {job.index} {state}")

    def _between(
        self, sent: datetime, latest: AttemptRecord, ended: datetime
    ) -> list[CalibratedValues]:
        first = self._reader.calibration_at(sent)
        last = self._reader.calibration_after(latest)
        if first is None or last is None:
            raise _Unknown(_NOT_SEEN)
        if first.first_at > sent + timedelta(seconds=PAUSE_S):
            raise _Unknown("the calibration was not seen when it was sent, but only long after it")
        if last.last_at < ended:
            raise _Unknown("the calibration was not seen after its end")
        known = [self._known(first, "when it was sent")]
        for each in self._seen[self._seen.index(first) + 1 : self._seen.index(last)]:
            known += [] if each.sha256 is None else [self._known(each, "meanwhile")]
        return [*known, self._known(last, "after its end")]

    def _known(self, seen: Observation, when: str) -> CalibratedValues:
        if seen.sha256 is None:
            raise _Unknown(f"the calibration could not be had {when}: {seen.note}")
        if seen.sha256 not in self._values:
            self._values[seen.sha256] = values_of(self._reader.content(seen.sha256))
        return self._values[seen.sha256]


@dataclass(frozen=True, slots=True)
class _Change:
    """What became of one value: ``by`` is its greatest relative change, from before to after."""

    place: Place
    straddled: bool
    by: float | None = None
    before: float | None = None
    after: float | None = None


def _verdict(used: Used, window: _Window, threshold: float) -> dict[str, Any]:
    """Return the attributes of an `ExperimentDrift` that do not name it."""
    changes = [
        _change(place, window)
        for place in used.places()
        if any(place in each.values for each in window.seen)
    ]
    lacking = [*_lacking(used, window), *(str(each.place) for each in changes if each.by is None)]
    compared = [each for each in changes if each.by is not None]
    worst = max(compared, key=lambda each: each.by or 0.0, default=None)
    otherwise = None if lacking or not compared else False
    has_moved = worst is not None and (worst.by or 0.0) > threshold
    return {
        "straddled": True if any(each.straddled for each in changes) else otherwise,
        "moved": True if has_moved else otherwise,
        "unknown": _why(lacking, any_compared=bool(compared)),
        **_about(worst),
    }


def _about(worst: _Change | None) -> dict[str, Any]:
    if worst is None or not worst.by:
        return {}
    return {**worst.place._asdict(), "before": worst.before, "after": worst.after}


def _why(lacking: Sequence[str], *, any_compared: bool) -> str | None:
    if not lacking:
        return None if any_compared else "the calibration tells no error that its circuit uses"
    more = len(lacking) - _NAMED
    named = "; ".join(lacking[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
    return f"the calibrations do not tell both before and after: {named}"


def _lacking(used: Used, window: _Window) -> Iterator[str]:
    """Yield what the circuit uses and no calibration knows."""
    for name, qubits in used.gates:
        if not any((name, qubits) in each.gates for each in window.seen):
            yield f"{name} on {', '.join(map(str, qubits))}"
    for qubit in used.measured:
        if not any(_tells_readout(each, qubit) for each in window.seen):
            yield f"readout of {qubit}"


def _tells_readout(seen: CalibratedValues, qubit: int) -> bool:
    names = ("readout_error", "gate_error")
    return any(Place(name, "measure", (qubit,)) in seen.values for name in names)


def _change(place: Place, window: _Window) -> _Change:
    """Return what became of a value; what was calibrated after the end did not hold before it."""
    said = [each.values.get(place) for each in window.seen]
    told = [each for each in said if each is not None]
    straddled = _is_straddled(told, window)
    held = [each for each in told if not _is_dated_after(each, window.ended)]
    held = held[_at_sending(held, window.sent) :]
    numbers = [each.number for each in held if each.number is not None]
    is_lacking = None in (said[0], said[-1]) or _is_dated_after(told[0], window.sent)
    if is_lacking or len(numbers) < len(held):
        return _Change(place, straddled)
    before = numbers[0]
    after = max(numbers, key=lambda number: _relative_change(before, number))
    return _Change(place, straddled, _relative_change(before, after), before, after)


def _at_sending(held: Sequence[Value], sent: datetime) -> int:
    """Return which value held at sending: a later look may tell of one from before, by its date."""
    dated = [at for at, each in enumerate(held) if each.dated is not None and each.dated <= sent]
    return max(dated, default=0)


def _is_straddled(told: Sequence[Value], window: _Window) -> bool:
    """Return whether a value was calibrated meanwhile; without dates, whether it changed."""
    dated = any(
        _is_dated_after(each, window.sent) and not _is_dated_after(each, window.ended)
        for each in told
    )
    return dated or any(each.dated is None and each.number != told[0].number for each in told)


def _is_dated_after(value: Value, time: datetime) -> bool:
    return value.dated is not None and value.dated > time


def _relative_change(before: float, after: float) -> float:
    """Return by how much the larger one exceeds the smaller one, relative to the smaller one.

    So an error that doubles has changed as much as one that halves, and a time as its rate.
    """
    smaller, larger = sorted((before, after))
    if smaller == larger:
        return 0.0
    return larger / smaller - 1.0 if smaller > 0.0 else math.inf


def _ended(attempt: AttemptRecord) -> datetime | None:
    """Return when an attempt ended, by the backend if it says so and its clock is not ahead."""
    told = attempt.figures.ended_at if attempt.figures else None
    stored_at = attempt.ended_at
    return stored_at if told is None or stored_at is None else min(told, stored_at)
