"""Downloads of a job set: the same files as those of ``qjm export``."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from qiskit_job_manager.dashboard.actions import chosen_sets
from qiskit_job_manager.dashboard.cache import results_of
from qiskit_job_manager.dashboard.rendering import page, qjm
from qiskit_job_manager.errors import InvalidArgumentError, JobManagerInvalidStateError
from qiskit_job_manager.exchange.export_format import ExportFormat, export_format
from qiskit_job_manager.exchange.exports import export_file
from qiskit_job_manager.views.close_names import not_one_of

if TYPE_CHECKING:
    from starlette.responses import Response

    from qiskit_job_manager.dashboard.visit import Visit
    from qiskit_job_manager.results.tables import By

_BY: dict[str, By] = {"experiment": "experiment", "outcome": "outcome"}

_COMMANDS_SHOWN = 5

_one_at_a_time = threading.Lock()


def choose(visit: Visit) -> Response:
    """Return a page with the downloads of each job set that was chosen."""
    records = [visit.job_set_with(each) for each in chosen_sets(visit.texts("set"))]
    commands = [qjm("export", record.job_set_id) for record in records[:_COMMANDS_SHOWN]]
    return page(visit, "exports.html", records=records, commands=commands)


def export(visit: Visit) -> Response:
    """Return a job set as a file, as far as it is stored."""
    record = visit.job_set()
    form = export_format(visit.text("format") or "csv")
    if form is ExportFormat.QPY:  # reads circuits, which only one thread here may do
        msg = "the dashboard exports no QPY: qjm export --format qpy does"
        raise InvalidArgumentError(msg)
    by = _BY.get(visit.text("by"))
    if by is None and visit.text("by"):
        raise InvalidArgumentError(not_one_of("by", visit.text("by"), _BY))
    if not _one_at_a_time.acquire(blocking=False):
        msg = "another export is being written: try again when it is done"
        raise JobManagerInvalidStateError(msg)
    folder = Path(tempfile.mkdtemp(prefix="qjm-export-"))
    try:
        file = export_file(results_of(visit.store, record), folder, form, by, overwrite=False)
    except BaseException:
        rmtree(folder, ignore_errors=True)
        raise
    finally:
        _one_at_a_time.release()
    remove = BackgroundTask(rmtree, folder, ignore_errors=True)
    kind = "application/octet-stream"  # never shown by the browser, whatever is in it
    return FileResponse(file, media_type=kind, filename=file.name, background=remove)
