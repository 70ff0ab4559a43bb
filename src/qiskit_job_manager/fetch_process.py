"""The process that fetches one result that can be read only once: see `engine.fetch_subprocess`.

python -m qiskit_job_manager.fetch_process URI REMOTE_ID TAG FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from qiskit_job_manager.backends import open_backend
from qiskit_job_manager.engine.fetch_subprocess import fetch_into
from qiskit_job_manager.engine.spool import Spool
from qiskit_job_manager.errors import JobManagerError, TransientBackendError


def main(uri: str, remote_id: str, tag: str, folder: str) -> None:
    """Fetch a result into the spool, or write there why that failed."""
    spool = Spool(Path(folder))
    try:
        backend = open_backend(uri)
    except JobManagerError as error:
        spool.keep_error(tag, TransientBackendError(f"{uri} cannot be opened: {error}"))
        return
    fetch_into(spool, backend, remote_id, tag)


if __name__ == "__main__":
    main(*sys.argv[1:])
