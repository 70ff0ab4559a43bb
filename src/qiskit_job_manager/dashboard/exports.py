"""Downloads of a job set: the same files as those of ``qjm export``."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from qiskit_job_manager.dashboard.result_readers import results_of
from qiskit_job_manager.errors import InvalidArgumentError, JobManagerInvalidStateError
from qiskit_job_manager.exchange.export_format import export_format
from qiskit_job_manager.exchange.exports import export_file

if TYPE_CHECKING:
    from starlette.responses import Response

    from qiskit_job_manager.dashboard.visit import Visit
    from qiskit_job_manager.results.tables import By

FORMATS = ("csv", "parquet", "json", "archive", "qpy")
_BY: dict[str, By] = {"experiment": "experiment", "outcome": "outcome"}

_one_at_a_time = threading.Lock()


def export(visit: Visit) -> Response:
    """Return a job set as a file, as far as it is stored."""
    record = visit.job_set()
    form = export_format(visit.text("format") or FORMATS[0])
    by = _BY.get(visit.text("by"))
    if by is None and visit.text("by"):
        msg = f"by is {visit.text('by')!r}; it is one of {', '.join(_BY)}"
        raise InvalidArgumentError(msg)
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
