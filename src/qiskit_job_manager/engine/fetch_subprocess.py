"""Fetches results that can be read only once, in a process of their own.

The fetch process is detached from this one: killing the notebook in the middle of a download does
not stop it, and the next driver of the job set finds the result in the spool.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import BackendError, ResultGoneError, TransientBackendError

if TYPE_CHECKING:
    from qiskit_job_manager.engine.spool import Spool
    from qiskit_job_manager.model import RawResult
    from qiskit_job_manager.ports import Backend


def fetch_once(spool: Spool, backend: Backend, remote_id: str, tag: str) -> RawResult:
    """Return a result that can be read only once, from the spool or through a fetch process.

    A backend without a URI cannot be opened by another process: its result is fetched here, and is
    in the spool before this returns.

    Raises:
        BackendError: What the fetch raised.
        CodecError: The spooled result is damaged.
    """
    spool.wait_until_served(tag)
    found = spool.take(tag)
    if found is not None:
        return found
    begun = spool.was_begun(tag)
    try:
        if backend.uri is None:
            return _fetch_here(spool, backend, remote_id, tag)
        return _fetch_there(spool, backend.uri, remote_id, tag)
    except ResultGoneError as error:
        if not begun:
            raise
        msg = f"an earlier fetch was cut off before the result was on disk, and now: {error}"
        raise ResultGoneError(msg) from error


def fetch_into(spool: Spool, backend: Backend, remote_id: str, tag: str) -> None:
    """Fetch a result into the spool, or write there why that failed."""
    with spool.serving(tag) as ours:
        if not ours:
            return
        try:
            with spool.reserved(tag) as part:
                spool.keep(tag, part, backend.fetch(remote_id))
        except BackendError as error:
            spool.keep_error(tag, error)
        except Exception as error:  # noqa: BLE001  # the adapter's contract: anything is transient
            spool.keep_error(tag, TransientBackendError(f"{type(error).__name__}: {error}"))


def _fetch_here(spool: Spool, backend: Backend, remote_id: str, tag: str) -> RawResult:
    fetch_into(spool, backend, remote_id, tag)
    return _result(spool, tag, "the fetch")


def _fetch_there(spool: Spool, uri: str, remote_id: str, tag: str) -> RawResult:
    module = "qiskit_job_manager.fetch_process"
    done = subprocess.run(  # noqa: S603  # our own interpreter and module; nothing is a shell's
        [sys.executable, "-m", module, uri, remote_id, tag, str(spool.folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        check=False,
        text=True,
        errors="replace",
    )
    last_words = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    return _result(spool, tag, f"the fetch process ({last_words[0]})")


def _result(spool: Spool, tag: str, who: str) -> RawResult:
    found = spool.take(tag)
    if found is None:
        msg = f"{who} ended without a result; it is tried again"
        raise TransientBackendError(msg)
    return found
