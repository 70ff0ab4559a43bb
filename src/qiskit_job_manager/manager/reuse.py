"""Takes results over from job sets that ran the same experiments.

A stored result is one sample. It is taken over at most once into a job set, so that the samples of
equal experiments stay independent. It keeps a mark of where it came from, which names the job set
and the experiment that ran, however often it is taken over. So a sample is known wherever it is,
and is never counted twice.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import (
    InvalidArgumentError,
    JobManagerError,
    JobManagerJobNotFound,
    StoreBusyError,
)
from qiskit_job_manager.job_set import ManagedJobSet
from qiskit_job_manager.manager.stored_experiments import StoredExperiments
from qiskit_job_manager.model import REUSED_TAG, ExperimentKind, JobState, ReusedResult
from qiskit_job_manager.planning import SEED_OPTIONS
from qiskit_job_manager.results import ResultSource, source_of
from qiskit_job_manager.results.lookup import jobs_of
from qiskit_job_manager.results.provenance import REUSED_FROM, origin_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from qiskit_job_manager.model import JobSetDraft, JobSetRecord
    from qiskit_job_manager.ports import Store

_PAGE = 500
_KEPT_OPEN = 4


@dataclass(frozen=True, slots=True)
class Sample:
    """A stored result that a new experiment can take over.

    Attributes:
        origin: The job set and the experiment that ran, as ``"JOB_SET_ID/INDEX"``.
        holder: Name of the job set that it is taken from.
        index: Index of the experiment there.
        data: The encoded experiment that ran.
        result: An `ExperimentResult` or a `PubResult`.
    """

    origin: str
    holder: str
    index: int
    data: bytes
    result: Any


@dataclass(frozen=True, slots=True)
class _Open:
    """The readers of one job set."""

    results: ResultSource
    experiments: StoredExperiments


class Reuse:
    """Finds results that one run takes over.

    Args:
        store: Where they are.
        records: The job sets that they may be taken from, the preferred ones first.
        kind: What the experiments are.
        at: When the run was asked for.
    """

    def __init__(
        self, store: Store, records: Sequence[JobSetRecord], kind: ExperimentKind, at: datetime
    ) -> None:
        self._store = store
        self._kind = kind
        self._at = at
        self._records = {each.key: each for each in records}
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._several: dict[bytes, list[tuple[int, int]]] = {}
        self._stored: set[str] = set()
        self._pending: set[str] = set()
        self._target_id = ""

    def note_target(self, record: JobSetRecord) -> None:
        """Take note of the job set that results are taken over into: it has each only once."""
        self._target_id = record.job_set_id
        self._records.pop(record.key, None)
        target = ResultSource(self._store, record)
        after = -1
        while jobs := self._store.jobs(
            record.key, states=(JobState.DONE,), after=after, limit=_PAGE
        ):
            after = jobs[-1].index
            for job in jobs:
                if job.is_reused:
                    known = (self._read(target, index) for index in range(job.start, job.stop))
                    self._stored.update(origin for each in known if (origin := origin_in(each)))

    def find(self, content_hash: bytes) -> Sample | None:
        """Return a result of an experiment with some content, and keep it for the caller.

        `settle` says that it was stored, `rewind` gives it back.
        """
        for key, index in self._places(content_hash):
            sample = self._sample(self._records[key], index) if key in self._records else None
            if sample is not None:
                self._pending.add(sample.origin)
                return sample
        return None

    def settle(self, origins: Iterable[str]) -> None:
        """Take note that results are stored in the job set."""
        self._stored.update(origins)

    def rewind(self) -> None:
        """Give back what was found and is not stored."""
        self._pending.clear()

    def taken_over(self, samples: Sequence[tuple[Sample, Any]], backend_name: str) -> ReusedResult:
        """Return the result of a job that takes samples over.

        Args:
            samples: The samples, each with the circuit that was handed over.
            backend_name: Name of the backend.
        """
        origins = tuple(sample.origin for sample, _ in samples)
        first, last = samples[0][0], samples[-1][0]
        where = f"{first.holder!r}, {first.index}"
        if len(samples) > 1:
            where += f" to {last.holder!r}, {last.index}"
        cause = f"taken over from job set and experiment {where}; it ran as {origins[0]}"
        results = [_marked(sample, circuit, self._kind) for sample, circuit in samples]
        encoded = _encoded(results, backend_name, self._kind)
        tag = f"{REUSED_TAG}{uuid.uuid4().hex}"
        return ReusedResult(encoded, origins, tag, self._at, cause)

    def _places(self, content_hash: bytes) -> Iterator[tuple[int, int]]:
        """Yield where a content is; what several experiments have is read once, and kept."""
        places = self._several.get(content_hash)
        if places is None:
            places = self._store.places_of_content(list(self._records), content_hash)
            rank = {key: number for number, key in enumerate(self._records)}
            places.sort(key=lambda place: (rank[place[0]], place[1]))
            if len(places) > 1:
                self._several[content_hash] = places
        yield from places

    def _sample(self, record: JobSetRecord, index: int) -> Sample | None:
        """Return the result of an experiment; ``None``: it has none, or this run has it."""
        own = f"{record.job_set_id}/{index}"
        if own in self._pending or own in self._stored:
            return None
        opened = self._opened(record)
        result = self._read(opened.results, index)
        if result is None:
            return None
        try:
            ran_here = not jobs_of(self._store, record, index)[0].is_reused
            encoded = opened.experiments.encoded(index)
        except JobManagerJobNotFound:  # it was deleted meanwhile
            return None
        origin = own if ran_here else origin_in(result) or own
        taken = origin in self._pending or origin in self._stored
        if taken or origin.startswith(f"{self._target_id}/"):
            return None
        return Sample(origin, record.name, index, encoded, result)

    def _opened(self, record: JobSetRecord) -> _Open:
        """Return the readers of a job set; of few sets they are kept, as they hold results."""
        if record.key not in self._open:
            experiments = StoredExperiments(self._store, record, self._kind)
            self._open[record.key] = _Open(ResultSource(self._store, record), experiments)
            if len(self._open) > _KEPT_OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(record.key)
        return self._open[record.key]

    def _read(self, source: ResultSource, index: int) -> Any:
        from qiskit.exceptions import QiskitError

        try:
            if self._kind is ExperimentKind.CIRCUIT:
                found = source.experiment(index, partial=False)
                return found if found.success is True else None
            return source.pub(index, partial=False)
        except StoreBusyError:
            raise  # it can be read later, and must not be paid for again
        except (JobManagerError, QiskitError):  # what cannot be read is run
            return None


def reuse_of(
    wanted: Any,
    draft: JobSetDraft,
    kind: ExperimentKind,
    store: Store,
    find: Callable[[str], ManagedJobSet],
    records: Callable[[], Iterable[JobSetRecord]],
    *,
    reuse_random: bool,
) -> Reuse | None:
    """Return what finds the results that a run takes over; ``None``: it sends all experiments.

    Args:
        wanted: What the user gave as ``reuse``.
        draft: The job set that results are taken over into.
        kind: What its experiments are.
        store: Where the results are.
        find: Finds a job set by its name or id.
        records: Gives all job sets of the store.
        reuse_random: Whether results of runs without a seed are taken over.

    Raises:
        InvalidArgumentError: ``wanted`` names no job sets, or some that ran something else.
        JobManagerUnknownJobSet: It names one that is not in the store.
    """
    if wanted is None or wanted is False:
        if reuse_random:
            raise InvalidArgumentError("reuse_random is given without reuse")
        return None
    must_be_allowed(draft, reuse_random=reuse_random)
    named = wanted is not True
    found = [source_of(each).record for each in _named(wanted, find)] if named else records()
    return Reuse(store, checked_sources(found, draft, named=named), kind, draft.created_at)


def _named(wanted: Any, find: Callable[[str], ManagedJobSet]) -> list[ManagedJobSet]:
    """Return the job sets that ``reuse`` names."""
    each = wanted if isinstance(wanted, (list, tuple)) else [wanted]
    for one in each:
        if not isinstance(one, (ManagedJobSet, str)):
            msg = f"reuse has {one!r}; it takes job sets, their names or ids, or True for all"
            raise InvalidArgumentError(msg)
    return [find(one if isinstance(one, str) else one.job_set_id()) for one in each]


def checked_sources(
    records: Iterable[JobSetRecord], draft: JobSetDraft, *, named: bool
) -> list[JobSetRecord]:
    """Return the job sets that results may be taken over from.

    Args:
        records: Job sets.
        draft: The job set to take them over into.
        named: Whether the user named them; then one that does not fit is refused.

    Raises:
        InvalidArgumentError: One that was named ran on another backend, or with other options.
    """
    kept = []
    for record in records:
        difference = _difference(record, draft, named=named)
        if difference is None:
            kept.append(record)
        elif named:
            raise InvalidArgumentError(f"reuse has the job set {record.name!r}, {difference}")
    return kept


def must_be_allowed(draft: JobSetDraft, *, reuse_random: bool) -> None:
    """Refuse to take over random results, unless the user said so.

    Raises:
        InvalidArgumentError: The run has no seed, and ``reuse_random`` is not given.
    """
    seeds = (draft.options.get(name) for name in SEED_OPTIONS)
    if reuse_random or any(isinstance(seed, int) for seed in seeds):
        return
    msg = (
        "reuse is given and the run has no seed, so that each stored result is one random sample, "
        "which a new run would not repeat: give the seed of the job set, such as "
        "seed_simulator=..., or reuse_random=True to take such samples over"
    )
    raise InvalidArgumentError(msg)


def _difference(record: JobSetRecord, draft: JobSetDraft, *, named: bool) -> str | None:
    """Return why a job set's results are not those of the run, or ``None``."""
    for what, theirs, ours in (
        ("backend", record.backend_name, draft.backend_name),
        ("run options", dict(record.options), dict(draft.options)),
        ("options of the transpiler", record.transpile, draft.transpile),
    ):
        if theirs != ours:
            return f"which has other {what}: {theirs!r}, and not {ours!r}"
    # Two backend objects of one name may differ, such as in their noise: only the user knows.
    if not named and (record.backend_uri is None or record.backend_uri != draft.backend_uri):
        return "whose backend is another object"
    return None


def _marked(sample: Sample, circuit: Any, kind: ExperimentKind) -> Any:
    """Return a result with the name and the metadata of a circuit, and with its origin."""
    metadata = {**(circuit.metadata or {}), REUSED_FROM: sample.origin}
    found = sample.result
    if kind is not ExperimentKind.CIRCUIT:
        return type(found)(found.data, {**found.metadata, "circuit_metadata": metadata})
    from qiskit.result.models import ExperimentResult

    marked = ExperimentResult.from_dict(found.to_dict())
    header = found.header if isinstance(found.header, dict) else {}
    marked.header = {**header, "name": circuit.name, "metadata": metadata}
    return marked


def _encoded(results: list[Any], backend_name: str, kind: ExperimentKind) -> Any:
    if kind is not ExperimentKind.CIRCUIT:
        from qiskit.primitives import PrimitiveResult

        from qiskit_job_manager.codec.primitive_results import encode_primitive_result

        return encode_primitive_result(PrimitiveResult(results))
    from qiskit.result import Result

    from qiskit_job_manager.codec.qiskit_results import encode_result

    whole = Result(backend_name=backend_name, success=True, results=results, status="COMPLETED")
    return encode_result(whole)
