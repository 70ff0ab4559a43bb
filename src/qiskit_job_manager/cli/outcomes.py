"""Reading the outcomes of experiments one after another, so that memory does not grow with them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import JobManagerError, JobManagerJobNotFound
from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.results import ManagedResults


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one experiment.

    Attributes:
        index: Its index in the job set.
        name: Its name.
        state: The state of its job; of several shares, of the first that is not done.
        counts: Its counts by outcome, or ``None``.
        reason: Why there are no counts, or ``None``.
    """

    index: int
    name: str
    state: JobState
    counts: Mapping[str, int] | None
    reason: str | None

    @property
    def shots(self) -> int:
        """Shots that were counted, over all shares."""
        return sum((self.counts or {}).values())

    def most_frequent(self, limit: int) -> list[tuple[str, int]]:
        """Return the most frequent outcomes, those of equal counts in the order of their bits."""
        return sorted((self.counts or {}).items(), key=lambda item: (-item[1], item[0]))[:limit]


def choose(job_set: ManagedJobSet, wanted: Sequence[str]) -> list[int]:
    """Return the indices of the experiments that were asked for, by name or by index.

    A name goes before an index, and stands for all experiments that have it.

    Raises:
        JobManagerJobNotFound: One is neither; the message names it.
    """
    return [index for word in wanted for index in _named_or_numbered(job_set, word)]


def _named_or_numbered(job_set: ManagedJobSet, word: str) -> Sequence[int]:
    if indices := job_set.indices(word):
        return indices
    total = job_set.n_experiments
    if word.isascii() and word.isdigit() and int(word) < total:
        return (int(word),)
    raise JobManagerJobNotFound(
        f"Job set {job_set.name()!r} has no experiment {word!r}; give the name of a circuit, or "
        f"an index from 0 to {total - 1}."
    )


def read(job_set: ManagedJobSet, chosen: Iterable[int] | None = None) -> Iterator[Outcome]:
    """Yield what became of the chosen experiments, or of all, as far as it is stored now."""
    results = job_set.results_so_far()
    states = _States(job_set)
    for index, name in _named(job_set, chosen):
        yield Outcome(index, name, states.of(index), *_counts(results, index))


def _counts(results: ManagedResults, index: int) -> tuple[Mapping[str, int] | None, str | None]:
    from qiskit.exceptions import QiskitError

    try:
        counts = results.get_counts(index)
    except (JobManagerError, QiskitError) as error:
        return None, error.message
    if isinstance(counts, dict):
        return counts, None
    where = f"results.get_counts({index}) in Python has those of each point"
    return None, f"a sweep of shape {counts.shape}: {where}"


def _named(job_set: ManagedJobSet, chosen: Iterable[int] | None) -> Iterator[tuple[int, str]]:
    if chosen is None:
        return ((experiment.index, experiment.name) for experiment in job_set)
    source = job_set.result_source()
    found = (source.store.experiment(source.record.key, index) for index in chosen)
    return ((experiment.index, experiment.name) for experiment in found if experiment)


class _States:
    """The states of the experiments, held as those of their jobs."""

    def __init__(self, job_set: ManagedJobSet) -> None:
        self._starts: list[int] = []
        self._states: list[JobState] = []
        for start, shares in groupby(job_set.managed_jobs(), key=lambda job: job.start_index):
            states = [job.state for job in shares]
            self._starts.append(start)
            self._states.append(next((s for s in states if s is not JobState.DONE), JobState.DONE))

    def of(self, index: int) -> JobState:
        """Return the state of one experiment."""
        return self._states[bisect_right(self._starts, index) - 1]
