"""``qjm results``: counts, as a table, histograms, JSON or CSV."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from qiskit_job_manager.cli import exit_codes
from qiskit_job_manager.cli.histograms import histogram
from qiskit_job_manager.cli.json_output import print_array
from qiskit_job_manager.cli.outcomes import Outcome, choose, read
from qiskit_job_manager.cli.session import JobSetArgument, JsonOption, opened_manager
from qiskit_job_manager.cli.text import escape, first_line, table


class Format(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


ExperimentsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[EXPERIMENT...]",
        help="Names of circuits, or indices; each is shown as a histogram. Without: all.",
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print them.")]

_HEADER = ("INDEX", "NAME", "STATE", "SHOTS", "MOST FREQUENT OUTCOMES")
_OUTCOMES_SHOWN = 3


def results(
    ctx: typer.Context,
    job_set: JobSetArgument,
    experiments: ExperimentsArgument = None,
    output: FormatOption = Format.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Print the counts of experiments, as far as they are stored; waits for nothing.

    Exits with 3 if some of the experiments have no counts to print.
    """
    with opened_manager(ctx) as manager:
        wanted = manager.find(job_set)
        chosen = choose(wanted, experiments) if experiments else None
        seen = _Seen(read(wanted, chosen))
        _printer(Format.JSON if as_json else output, named=chosen is not None)(seen)
    raise typer.Exit(exit_codes.SOME_WITHOUT_RESULT if seen.incomplete else exit_codes.ALL_DONE)


class _Seen:
    """Outcomes as they pass by, and whether one had no counts."""

    def __init__(self, outcomes: Iterator[Outcome]) -> None:
        self._outcomes = outcomes
        self.incomplete = False

    def __iter__(self) -> Iterator[Outcome]:
        for outcome in self._outcomes:
            self.incomplete |= outcome.counts is None
            yield outcome


def _printer(output: Format, *, named: bool) -> Callable[[Iterable[Outcome]], None]:
    if output is Format.JSON:
        return lambda outcomes: print_array(map(_plain, outcomes))
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


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {
        "index": outcome.index,
        "name": outcome.name,
        "state": outcome.state,
        "counts": outcome.counts,
        "error": outcome.reason,
    }


def _print_csv(outcomes: Iterable[Outcome]) -> None:
    # A file gets the names as they are; a terminal would obey what is in them.
    shown = escape if sys.stdout.isatty() else str
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("index", "name", "outcome", "count"))
    for outcome in outcomes:
        for bits, count in (outcome.counts or {}).items():
            writer.writerow((outcome.index, shown(outcome.name), bits, count))
