"""The pages of results: all experiments, one, some side by side, and a plot over a sweep."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.dashboard.cache import readers
from qiskit_job_manager.dashboard.job_set_pages import head_of, set_page
from qiskit_job_manager.dashboard.rendering import Pager, python, qjm
from qiskit_job_manager.dashboard.visit import PAGE_ROWS
from qiskit_job_manager.errors import InvalidArgumentError, JobManagerError, JobManagerJobNotFound
from qiskit_job_manager.job_set.status import word_for_silent
from qiskit_job_manager.model import JobState
from qiskit_job_manager.results import source_of
from qiskit_job_manager.views.close_names import not_one_of
from qiskit_job_manager.views.phrases import state_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from starlette.responses import Response

    from qiskit_job_manager.dashboard.visit import Visit
    from qiskit_job_manager.model import ExperimentRecord, JobSetRecord
    from qiskit_job_manager.results.rows import Row

_OUTCOMES_LISTED = 4
_OUTCOMES_SHOWN, _MOST_OUTCOMES = 20, 500
_POINTS_LISTED = 200
_FEWEST_COMPARED, _MOST_COMPARED = 1, 6
_OUTCOMES_COMPARED = 16
_POINTS_PLOTTED, _MOST_POINTS = 200, 2000
_MOST_DRAWN, _WIDEST_DRAWN, _MOST_AT_ALL = 300, 40, 5000
_BY = ("count", "value")


@dataclass(frozen=True, slots=True)
class Found:
    """One experiment with its results.

    Attributes:
        record: The experiment.
        rows: Its rows: one, or one for each point of its sweep.
        word: The state of its job as it is shown.
    """

    record: ExperimentRecord
    rows: Sequence[Row]
    word: str

    @property
    def first(self) -> Row:
        """Its first row."""
        return self.rows[0]

    @property
    def outcomes(self) -> list[tuple[str, int]]:
        """The most frequent outcomes of the first row."""
        return ranked(self.first.counts or {}, "count", _OUTCOMES_LISTED)


def ranked(counts: Mapping[str, int], by: str, limit: int) -> list[tuple[str, int]]:
    """Return outcomes with their counts, the most frequent first, or in the order of their bits."""
    if by == "value":
        return sorted(counts.items())[:limit]
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]


def index(visit: Visit) -> Response:
    """Return a page of experiments with their most frequent outcomes."""
    start = visit.text("q")
    head = head_of(visit)
    record = head.record
    found, pager = _page_of(visit, record, start)
    return set_page(
        visit,
        "results.html",
        head,
        found=list(read(visit, record, found)),
        pager=pager,
        commands=[qjm("results", record.job_set_id), python(record, "results_so_far()")],
    )


def _page_of(
    visit: Visit, record: JobSetRecord, start: str
) -> tuple[list[ExperimentRecord], Pager]:
    """Return the experiments of a page: all in order, or those that the search finds."""
    store, page, offset = visit.store, visit.page, (visit.page - 1) * PAGE_ROWS
    total = record.n_experiments
    if not start:
        found = list(store.experiments(record.key, start=offset, stop=offset + PAGE_ROWS))
        return found, Pager(page, PAGE_ROWS, total, offset + PAGE_ROWS < total)
    if start.isascii() and start.isdecimal() and len(start) < 12 and page == 1:
        numbered = store.experiment(record.key, int(start))
        if numbered is not None:
            return [numbered], Pager(1, PAGE_ROWS, 1, has_more=False)
    named = store.experiments_named(
        record.key, start.rstrip("*"), offset=offset, limit=PAGE_ROWS + 1
    )
    return named[:PAGE_ROWS], Pager(page, PAGE_ROWS, None, len(named) > PAGE_ROWS)


def read(
    visit: Visit, record: JobSetRecord, experiments: Iterable[ExperimentRecord]
) -> Iterator[Found]:
    """Yield experiments with what is stored of their results."""
    rows = readers.get(visit.store, record).rows()
    silent = word_for_silent(visit.store, record)
    for each in experiments:
        found = list(islice(rows.of(each), _POINTS_LISTED))
        yield Found(each, found, _word(visit, record, found[0], silent))


def _word(visit: Visit, record: JobSetRecord, row: Row, silent: str) -> str:
    if row.state is JobState.ACTIVE:
        for job in visit.store.jobs_covering(record.key, row.index):
            if job.state is JobState.ACTIVE:
                return state_word(job, silent)
    return str(row.state)


# -- one experiment -------------------------------------------------------------------------------


def show(visit: Visit) -> Response:
    """Return the page on one experiment."""
    most = visit.number("top", _OUTCOMES_SHOWN, least=1, most=_MOST_OUTCOMES)
    by = _choice(visit, "by", _BY)
    head = head_of(visit)
    record = head.record
    found = _found(visit, record, visit.parts["experiment"])
    point = visit.number("point", 0, most=max(len(found.rows) - 1, 0))
    row = found.rows[point]
    counts = dict(row.counts or {})
    number = found.record.index
    return set_page(
        visit,
        "experiment.html",
        head,
        found=found,
        row=row,
        point=point,
        outcomes=ranked(counts, by, most),
        left=max(len(counts) - most, 0),
        shots=sum(counts.values()),
        by=by,
        top=most,
        circuit=_circuit(visit, record, number),
        metadata=row.metadata_text() if row.metadata else "",
        jobs=visit.store.jobs_covering(record.key, number),
        commands=[
            qjm("results", record.job_set_id, str(number)),
            python(record, f"results_so_far().get_counts({number})"),
        ],
    )


def _found(visit: Visit, record: JobSetRecord, text: str) -> Found:
    experiment = None
    if text.isascii() and text.isdecimal() and len(text) < 12:
        experiment = visit.store.experiment(record.key, int(text))
    if experiment is None:
        msg = (
            f"job set {record.name!r} has no experiment {text!r}; its experiments are 0 to "
            f"{record.n_experiments - 1}"
        )
        raise JobManagerJobNotFound(msg)
    return next(read(visit, record, [experiment]))


def _choice(visit: Visit, field: str, known: Sequence[str]) -> str:
    word = visit.text(field) or known[0]
    if word not in known:
        raise InvalidArgumentError(not_one_of(field, word, known))
    return word


def _circuit(visit: Visit, record: JobSetRecord, number: int) -> str:
    """Return the circuit as text; of a large one, how large it is."""
    from qiskit.exceptions import QiskitError

    try:
        circuit = source_of(readers.get(visit.store, record).job_set).experiments.circuit(number)
    except (JobManagerError, QiskitError) as error:  # on the command line these are two kinds
        return str(error.message)
    size, width = circuit.size(), circuit.num_qubits
    wanted_all = visit.text("circuit") == "all"
    fits = size <= _MOST_DRAWN and width <= _WIDEST_DRAWN
    if fits or (wanted_all and size <= _MOST_AT_ALL):
        return str(circuit.draw("text", fold=120, cregbundle=True))
    operations = ", ".join(f"{number:,} {name}" for name, number in circuit.count_ops().items())
    return f"{width:,} qubits, {size:,} operations, depth {circuit.depth():,}: {operations}"


# -- side by side ---------------------------------------------------------------------------------


def compare(visit: Visit) -> Response:
    """Return up to six experiments side by side, with the same outcomes in the same lines."""
    head = head_of(visit)
    record = head.record
    chosen = list(dict.fromkeys(visit.texts("i")))
    if not _FEWEST_COMPARED <= len(chosen) <= _MOST_COMPARED:
        msg = f"{len(chosen)} experiments are chosen; choose 2 to {_MOST_COMPARED} to compare"
        raise InvalidArgumentError(msg)
    found = [_found(visit, record, text) for text in chosen]
    both: Counter[str] = Counter()
    for each in found:
        shots = sum((each.first.counts or {}).values()) or 1
        both.update({bits: n / shots for bits, n in (each.first.counts or {}).items()})
    outcomes = [bits for bits, _ in both.most_common(_OUTCOMES_COMPARED)]
    return set_page(
        visit,
        "compare.html",
        head,
        found=found,
        outcomes=sorted(outcomes),
        commands=[qjm("results", record.job_set_id, *chosen)],
    )


# -- a sweep --------------------------------------------------------------------------------------


def sweep(visit: Visit) -> Response:
    """Return a plot of one figure of many experiments over their index or their metadata."""
    head = head_of(visit)
    record = head.record
    most = visit.number("points", _POINTS_PLOTTED, least=2, most=_MOST_POINTS)
    step = max(1, -(-record.n_experiments // most))
    rows = [row for row in _rows_at(visit, record, step) if row.error is None]
    keys = sorted({key for row in rows[:_POINTS_PLOTTED] for key in row.metadata})
    x_name = visit.text("x") or "index"
    outcome = visit.text("outcome") or _usual_outcome(rows)
    points = [point for row in rows if (point := _point(row, x_name, outcome)) is not None]
    has_values = any(row.value is not None for row in rows)
    return set_page(
        visit,
        "sweep.html",
        head,
        points=points,
        step=step,
        keys=keys,
        x_name=x_name,
        outcome="" if has_values else outcome,
        y_name="expectation value" if has_values else f"probability of {outcome}",
        most=most,
        commands=[python(record, "results_so_far().to_dataframe()")],
    )


def _rows_at(visit: Visit, record: JobSetRecord, step: int) -> Iterator[Row]:
    store = visit.store
    numbers = range(0, record.n_experiments, step)
    if step == 1:
        experiments = iter(store.experiments(record.key, start=0, stop=record.n_experiments))
    else:
        found = (store.experiment(record.key, number) for number in numbers)
        experiments = (each for each in found if each is not None)
    for each in read(visit, record, experiments):
        yield from each.rows


def _usual_outcome(rows: Sequence[Row]) -> str:
    counts = next((row.counts for row in rows if row.counts), None)
    return ranked(counts, "count", 1)[0][0] if counts else ""


def _point(row: Row, x_name: str, outcome: str) -> tuple[float, float, float | None] | None:
    x: Any = row.metadata.get(x_name) if x_name != "index" else row.index
    if isinstance(x, bool) or not isinstance(x, (int, float)) or not math.isfinite(x):
        return None
    if row.value is not None:
        return float(x), row.value, row.std
    if not row.counts:
        return None
    shots = sum(row.counts.values())
    share = row.counts.get(outcome, 0) / shots
    return float(x), share, math.sqrt(share * (1 - share) / shots)
