"""JSON for scripts, in the shapes of the command line's ``--json``, and metrics for Prometheus."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from qiskit_job_manager import checkup
from qiskit_job_manager.dashboard import filters
from qiskit_job_manager.dashboard.experiments import read
from qiskit_job_manager.job_set.json_values import (
    event_values,
    job_values,
    measured,
    show_values,
    summary_of,
    watch_values,
)
from qiskit_job_manager.job_set.status import (
    ends_at,
    held_jobs,
    read_activity,
    read_progress,
    word_for_silent,
)
from qiskit_job_manager.model.progress import Pace, progress_of
from qiskit_job_manager.model.search import JobFilter

if TYPE_CHECKING:
    from qiskit_job_manager.dashboard.experiments import Found
    from qiskit_job_manager.dashboard.visit import Visit

_MOST_ROWS = 1000
_ROWS = 100


def _answer(value: Any) -> Response:
    return Response(json.dumps(value), media_type="application/json")


def _bounds(visit: Visit) -> dict[str, int]:
    """Return which rows are asked for: ``limit`` of them, from ``offset`` on."""
    most = visit.number("limit", _ROWS, least=1, most=_MOST_ROWS)
    return {"offset": visit.number("offset", 0), "limit": most}


def mark(visit: Visit) -> Response:
    """Return a text that changes when something has happened, to one job set or to any."""
    job_set_id, store = visit.text("set"), visit.store
    if not job_set_id:
        return _answer({"mark": str(store.mark())})
    key = visit.job_set_with(job_set_id).key
    requests = len(store.requests(key))
    return _answer({"mark": f"{store.mark(key)} {requests} {store.driver(key) or ''}"})


def job_sets(visit: Visit) -> Response:
    """Return job sets as ``qjm list --json`` prints them."""
    store, wanted = visit.store, filters.job_set_filter(visit)
    found = store.find_job_sets(wanted, filters.job_set_order(visit), **_bounds(visit))
    totals = store.totals_of([record.key for record in found])
    values = []
    for record in found:
        held = held_jobs(store, record, totals[record.key])
        values.append(summary_of(store, record, progress_of(record, totals[record.key], held)))
    return _answer(values)


def job_set(visit: Visit) -> Response:
    """Return a job set as ``qjm show --json`` prints it, with some of its jobs."""
    store, record = visit.store, visit.job_set()
    bounds = _bounds(visit)
    wanted = filters.job_filter(visit)
    listed = store.find_jobs(record.key, wanted, **bounds)
    progress = read_progress(store, record)
    left = max(store.count_jobs(record.key, JobFilter()) - len(listed), 0)
    values = show_values(store, record, progress, not_listed=left)
    silent = word_for_silent(store, record)
    jobs = [job_values(*each, silent) for each in measured(store, record.key, listed)]
    return _answer(values | {"job_list": jobs})


def watch(visit: Visit) -> Response:
    """Return how far a job set is, as a line of ``qjm watch --json``."""
    store, record = visit.store, visit.job_set()
    progress = read_progress(store, record)
    now = visit.clock.now()
    end = ends_at(store.last_events(record.key, limit=100), progress, now)
    left_s = None if end is None else (end - now).total_seconds()
    ended_per_s = (progress.n_jobs - progress.n_ended) / left_s if left_s else None
    pace = Pace(0.0, ended_per_s, left_s, end)
    activity = read_activity(store, record, progress)
    return _answer(watch_values(record, progress, activity, pace, driver=store.driver(record.key)))


def log(visit: Visit) -> Response:
    """Return the newest events as ``qjm log --json`` prints them, oldest first."""
    record = visit.job_set()
    job = visit.number("job", 0) if visit.text("job") else None
    most = visit.number("last", _ROWS, least=1, most=_MOST_ROWS)
    return _answer(
        [event_values(each) for each in visit.store.last_events(record.key, job, limit=most)]
    )


def results(visit: Visit) -> Response:
    """Return stored results as ``qjm results --json`` prints them."""
    record, bounds = visit.job_set(), _bounds(visit)
    start = bounds["offset"]
    experiments = visit.store.experiments(record.key, start=start, stop=start + bounds["limit"])
    return _answer([_result_values(each) for each in read(visit, record, experiments)])


def _result_values(found: Found) -> dict[str, Any]:
    row = found.first
    is_sweep = len(found.rows) > 1
    counts = None if is_sweep or row.counts is None else dict(row.counts)
    error = f"a sweep of {len(found.rows)} points or more" if is_sweep else row.error
    return {
        "index": row.index,
        "name": row.name,
        "state": row.state,
        "counts": counts,
        "error": error,
    }


def findings(visit: Visit) -> Response:
    """Return what ``qjm doctor --json`` finds about job sets and packages."""
    found = [*checkup.versions(), *checkup.job_sets(visit.store)]
    is_well = all(each.verdict is checkup.Verdict.FINE for each in found)
    return _answer({"well": is_well, "findings": [asdict(each) for each in found]})


def metrics(visit: Visit) -> Response:
    """Return the metrics of the store as ``qjm serve`` serves them."""
    from qiskit_job_manager.job_set.gauges import exposition

    text, kind = exposition(visit.store)
    return Response(text, headers={"Content-Type": kind})
