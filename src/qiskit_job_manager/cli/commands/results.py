"""``qjm results``: prints counts as a table, histograms, JSON or CSV.

Experiments are read one after another, so memory does not grow with the job set.
"""

from __future__ import annotations

import csv
import shutil
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager.cli import errors
from qiskit_job_manager.cli.options import JobSetArgument, JsonOption, opened_manager
from qiskit_job_manager.cli.output import escape, first_line, plural, print_array, table
from qiskit_job_manager.errors import JobManagerError, JobManagerJobNotFound
from qiskit_job_manager.model import JobState
from qiskit_job_manager.results import source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.results import ManagedResults


class Format(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


ExperimentsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[EXPERIMENT...]",
        help="Names or indices of circuits, shown as histograms. Default: a table of all.",
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print the counts.")]

_HEADER = ("INDEX", "NAME", "STATE", "SHOTS", "MOST FREQUENT OUTCOMES")
_OUTCOMES_SHOWN = 3


def results(
    ctx: typer.Context,
    job_set: JobSetArgument,
    experiments: ExperimentsArgument = None,
    output: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Print the counts that are stored now; does not wait.

    Exits with 3 if some of the experiments have no counts.
    """
    with opened_manager(ctx) as manager:
        wanted = manager.find(job_set)
        chosen = choose(wanted, experiments) if experiments else None
        outcomes = _Outcomes(read(wanted, chosen))
        _printer(Format.JSON if as_json else output, named=chosen is not None)(outcomes)
    raise typer.Exit(errors.SOME_WITHOUT_RESULT if outcomes.incomplete else errors.ALL_DONE)


class _Outcomes:
    """Iterates over outcomes, and remembers whether one had no counts."""

    def __init__(self, outcomes: Iterator[Outcome]) -> None:
        self._outcomes = outcomes
        self.incomplete = False

    def __iter__(self) -> Iterator[Outcome]:
        for outcome in self._outcomes:
            self.incomplete |= outcome.counts is None
            yield outcome


def _printer(output: Format, *, named: bool) -> Callable[[Iterable[Outcome]], None]:
    if output is Format.JSON:
        return lambda outcomes: print_array(map(_as_json, outcomes))
    if output is Format.CSV:
        return _print_csv
    return _print_histograms if named else _print_table


def _print_histograms(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        for line in histogram(outcome):
            typer.echo(line)


def _print_table(outcomes: Iterable[Outcome]) -> None:
    for line in table(_HEADER, map(_row, outcomes)):
        typer.echo(line)


def _row(outcome: Outcome) -> tuple[str, ...]:
    about = (str(outcome.index), escape(outcome.name), str(outcome.state))
    if outcome.counts is None:
        return (*about, "-", first_line(outcome.reason))
    shown = outcome.most_frequent(_OUTCOMES_SHOWN)
    text = ", ".join(f"{bits}: {count:,}" for bits, count in shown)
    left = len(outcome.counts) - len(shown)
    return (*about, str(outcome.shots), f"{text}, {left:,} more" if left else text)


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "index": outcome.index,
        "name": outcome.name,
        "state": outcome.state,
        "counts": outcome.counts,
        "error": outcome.reason,
    }


def _print_csv(outcomes: Iterable[Outcome]) -> None:
    # A file gets names as they are. A terminal would execute control characters in them.
    shown = escape if sys.stdout.isatty() else str
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("index", "name", "outcome", "count"))
    for outcome in outcomes:
        for bits, count in (outcome.counts or {}).items():
            writer.writerow((outcome.index, shown(outcome.name), bits, count))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one experiment.

    Attributes:
        index: Its index in the job set.
        name: Its name.
        state: The state of its job; with several shares, of the first share that is not done.
        counts: Its counts by outcome, or ``None``.
        reason: Why it has no counts, or ``None``.
    """

    index: int
    name: str
    state: JobState
    counts: Mapping[str, int] | None
    reason: str | None

    @property
    def shots(self) -> int:
        """Counted shots of all shares."""
        return sum((self.counts or {}).values())

    def most_frequent(self, limit: int) -> list[tuple[str, int]]:
        """Return the most frequent outcomes; equal counts are ordered by their bits."""
        return sorted((self.counts or {}).items(), key=lambda item: (-item[1], item[0]))[:limit]


def choose(job_set: ManagedJobSet, wanted: Sequence[str]) -> list[int]:
    """Return the indices of experiments that the user names by name or index.

    A name has priority over an index, and means all experiments with this name.

    Raises:
        JobManagerJobNotFound: A word is neither a name nor an index; the message has the word.
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
    """Yield the stored results of the chosen experiments, or of all."""
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
    where = f"results.get_counts({index}) in Python has the counts of each point"
    return None, f"a sweep of shape {counts.shape}: {where}"


def _named(job_set: ManagedJobSet, chosen: Iterable[int] | None) -> Iterator[tuple[int, str]]:
    if chosen is None:
        return ((experiment.index, experiment.name) for experiment in job_set)
    source = source_of(job_set)
    found = (source.store.experiment(source.record.key, index) for index in chosen)
    return ((experiment.index, experiment.name) for experiment in found if experiment)


class _States:
    """The states of experiments, kept as the states of their jobs."""

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


_BARS_SHOWN = 20
_NARROWEST_BAR = 10
_WIDEST_BAR = 60
_FULL, _EIGHTHS = "\u2588", "\u258f\u258e\u258d\u258c\u258b\u258a\u2589"


def histogram(outcome: Outcome) -> Iterator[str]:
    """Yield the lines of a histogram, the most frequent outcomes first."""
    yield f"{escape(outcome.name)} (index {outcome.index}, {_caption(outcome)})"
    shown = outcome.most_frequent(_BARS_SHOWN)
    if shown:
        yield from _bars(shown, outcome.shots)
    left = len(outcome.counts or {}) - len(shown)
    if left:
        yield f"  and {plural(left, 'more outcome')}"
    yield ""


def _caption(outcome: Outcome) -> str:
    if outcome.counts is None:
        return f"{outcome.state}: {first_line(outcome.reason)}"
    return plural(outcome.shots, "shot")


def _bars(counts: list[tuple[str, int]], shots: int) -> Iterator[str]:
    width = max(len(outcome) for outcome, _ in counts)
    digits = len(f"{counts[0][1]:,}")
    room = shutil.get_terminal_size().columns - width - digits - len("    100.0 %  ")
    room = max(_NARROWEST_BAR, min(room, _WIDEST_BAR))
    for outcome, count in counts:
        bar = _bar(count / counts[0][1] * room)
        share = 100 * count / shots
        yield f"  {outcome:>{width}}  {count:>{digits},} {share:5.1f} %  {bar}"


def _bar(length: float) -> str:
    if "utf" not in (sys.stdout.encoding or "").lower():
        return "#" * round(length)
    eighths = round(length * 8)
    return _FULL * (eighths // 8) + (_EIGHTHS[eighths % 8 - 1] if eighths % 8 else "")
