"""``qjm results``: prints counts as a table, histograms, JSON or CSV.

Experiments are read one after another, so memory does not grow with the job set.
"""

from __future__ import annotations

import csv
import re
import sys
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager.cli import errors
from qiskit_job_manager.cli.options import (
    AllOption,
    Format,
    JobSetArgument,
    JsonOption,
    at_most,
    bound,
    choice,
    opened_manager,
    print_how_to_see,
)
from qiskit_job_manager.cli.output import cut, escape, first_line, plural, print_array
from qiskit_job_manager.cli.tables import Column, shortened_to, table, terminal_width
from qiskit_job_manager.errors import JobManagerError, JobManagerJobNotFound
from qiskit_job_manager.job_set.status import read_jobs, word_for_silent
from qiskit_job_manager.model import JobState
from qiskit_job_manager.results import source_of
from qiskit_job_manager.views.close_names import did_you_mean
from qiskit_job_manager.views.phrases import state_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.results import ManagedResults


ExperimentsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="EXPERIMENT",
        help="Names or indices of circuits, shown as histograms. Default: a table of all.",
    ),
]
FormatOption = Annotated[Format, choice(Format, "--format", help="How to print the counts.")]

LimitOption = Annotated[
    int | None,
    at_most("--limit", "How many rows of the table to print. Default on a terminal: 100."),
]

_COLUMNS = (
    Column("INDEX"),
    Column("NAME", least=10),
    Column("STATE"),
    Column("SHOTS", dropped=1),
    Column("MOST FREQUENT OUTCOMES", least=16),
)
_OUTCOMES_SHOWN = 3
_SHOWN = 100
_NAMES_COMPARED = 10_000
_NUMBERS = re.compile(r"\d+")


def results(
    ctx: typer.Context,
    job_set: JobSetArgument,
    experiments: ExperimentsArgument = None,
    output: FormatOption = Format.TABLE,
    limit: LimitOption = None,
    all_experiments: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print the counts that are stored now; does not wait.

    The table shows the first experiments on a terminal, and all of them in a file. Experiments
    without counts that follow each other, for the same reason, share one row.

    Exits with 3 if some of the experiments have no counts.
    """
    default = _SHOWN if sys.stdout.isatty() else None
    most = bound("--limit", limit, all_of_them=all_experiments, default=default)
    with opened_manager(ctx) as manager:
        wanted = manager.find(job_set)
        chosen = choose(wanted, experiments) if experiments else None
        outcomes = _Outcomes(read(wanted, chosen))
        form = Format.JSON if as_json else output
        if form is Format.TABLE and chosen is None:
            _print_table(ctx, wanted, outcomes, most)
        else:
            _printer(form)(outcomes)
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


def _printer(output: Format) -> Callable[[Iterable[Outcome]], None]:
    if output is Format.JSON:
        return lambda outcomes: print_array(map(_as_json, outcomes))
    return _print_csv if output is Format.CSV else _print_histograms


def _print_histograms(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        for line in histogram(outcome):
            typer.echo(line)


def _print_table(
    ctx: typer.Context, job_set: ManagedJobSet, outcomes: Iterable[Outcome], most: int | None
) -> None:
    rows = _rows(outcomes)
    for line in table(_COLUMNS, islice(rows, most)):
        typer.echo(line)
    if next(rows, None) is not None:
        words = ("results", job_set.job_set_id())
        more = "More experiments are not shown"
        print_how_to_see(ctx, more, (*words, "--all"), (*words, "--limit", "NUMBER"))


def _rows(outcomes: Iterable[Outcome]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each experiment with counts, and one for each run of others alike."""
    for why, group in groupby(outcomes, key=_why_missing):
        if why is None:
            yield from map(_row, group)
        else:
            yield _row_of_missing(group)


def _row_of_missing(alike: Iterator[Outcome]) -> tuple[str, ...]:
    first = next(alike)
    last = deque(chain([first], alike), maxlen=1)[0]
    several = last is not first
    return (
        f"{first.index}-{last.index}" if several else str(first.index),
        f"{escape(first.name)} ... {escape(last.name)}" if several else escape(first.name),
        first.word,
        "-",
        first_line(first.reason),
    )


def _why_missing(outcome: Outcome) -> tuple[str, str] | None:
    """Return what experiments of one row have in common; ``None`` if there are counts."""
    if outcome.counts is not None:
        return None
    if not outcome.state.is_final:
        return outcome.word, ""
    return outcome.word, _NUMBERS.sub("", outcome.reason or "")


def _row(outcome: Outcome) -> tuple[str, ...]:
    shown = outcome.most_frequent(_OUTCOMES_SHOWN)
    text = ", ".join(f"{bits}: {count:,}" for bits, count in shown)
    left = len(outcome.counts or {}) - len(shown)
    return (
        str(outcome.index),
        escape(outcome.name),
        outcome.word,
        f"{outcome.shots:,}",
        f"{text}, {left:,} more" if left else text,
    )


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
        word: That state as it is shown.
        counts: Its counts by outcome, or ``None``.
        reason: Why it has no counts, or ``None``.
    """

    index: int
    name: str
    state: JobState
    word: str
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
    names = (each.name for each in islice(job_set, _NAMES_COMPARED))
    near = did_you_mean(word, names) or f", or an index from 0 to {total - 1}."
    raise JobManagerJobNotFound(
        f"Job set {job_set.name()!r} has no experiment {cut(word, 200)!r}; give the name of a "
        f"circuit{near}"
    )


def read(job_set: ManagedJobSet, chosen: Iterable[int] | None = None) -> Iterator[Outcome]:
    """Yield the stored results of the chosen experiments, or of all."""
    results = job_set.results_so_far()
    states = _States(job_set)
    for index, name in _named(job_set, chosen):
        yield Outcome(index, name, *states.of(index), *_counts(results, index))


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
    """The states of experiments and their words, kept as those of their jobs."""

    def __init__(self, job_set: ManagedJobSet) -> None:
        self._starts: list[int] = []
        self._states: list[tuple[JobState, str]] = []
        source = source_of(job_set)
        silent = word_for_silent(source.store, source.record)
        jobs = read_jobs(source.store, source.record.key)
        for start, shares in groupby(jobs, key=lambda job: job.start):
            words = [(job.state, state_word(job, silent)) for job in shares]
            unlike = (each for each in words if each[0] is not JobState.DONE)
            self._starts.append(start)
            self._states.append(next(unlike, words[0]))

    def of(self, index: int) -> tuple[JobState, str]:
        """Return the state of one experiment, and its word."""
        return self._states[bisect_right(self._starts, index) - 1]


_BARS_SHOWN = 20
_NARROWEST_BAR = 10
_BAR_IN_A_FILE = 60
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
        return f"{outcome.word}: {first_line(outcome.reason)}"
    return plural(outcome.shots, "shot")


def _bars(counts: list[tuple[str, int]], shots: int) -> Iterator[str]:
    width = max(len(outcome) for outcome, _ in counts)
    digits = len(f"{counts[0][1]:,}")
    beside = digits + len("     100.0 %  ")
    line = terminal_width()
    if line is not None:
        width = max(min(width, line - beside - _NARROWEST_BAR), 1)
    room = _BAR_IN_A_FILE if line is None else max(line - beside - width, _NARROWEST_BAR)
    for outcome, count in counts:
        bar = _bar(count / counts[0][1] * room)
        share = 100 * count / shots
        yield f"  {shortened_to(outcome, width):>{width}}  {count:>{digits},} {share:5.1f} %  {bar}"


def _bar(length: float) -> str:
    if "utf" not in (sys.stdout.encoding or "").lower():
        return "#" * round(length)
    eighths = round(length * 8)
    return _FULL * (eighths // 8) + (_EIGHTHS[eighths % 8 - 1] if eighths % 8 else "")
