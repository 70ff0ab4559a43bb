"""What is checked of a store, the installation and the job sets, for ``qjm doctor`` and pages."""

from __future__ import annotations

import platform
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from qiskit_job_manager import stores
from qiskit_job_manager.errors import JobManagerError, StoreBusyError, StoreError
from qiskit_job_manager.job_set.attention import needs_of
from qiskit_job_manager.job_set.status import read_overview
from qiskit_job_manager.patience import patient
from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.phrases import plural, short_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.model.progress import Progress
    from qiskit_job_manager.ports import SearchableStore
    from qiskit_job_manager.stores.health import Health
    from qiskit_job_manager.stores.sql_store import SqlStore


_DUPLICATES_SHOWN = 20
_OPEN_WITHIN_S = 3.0
_LEAST_FREE_BYTES = 500 * 1024 * 1024
_PACKAGES = (
    "qiskit",
    "qiskit-aer",
    "qiskit-ibm-runtime",
    "sqlalchemy",
    "psycopg",
    "pandas",
    "pyarrow",
    "xarray",
    "matplotlib",
    "prometheus-client",
    "apprise",
    "qiskit-qasm3-import",
    "starlette",
)


class Verdict(StrEnum):
    """How bad a finding is."""

    FINE = "ok"
    NEEDS_USER = "look"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked.

    Attributes:
        what: The thing.
        value: Its state.
        verdict: How bad it is.
        advice: What the user should do, or ``None``.
    """

    what: str
    value: str
    verdict: Verdict = Verdict.FINE
    advice: str | None = None


def versions() -> Iterator[Finding]:
    """Yield the versions of the installed packages."""
    from importlib import metadata

    yield Finding("qiskit-job-manager", metadata.version("qiskit-job-manager"))
    yield Finding("python", f"{platform.python_version()} on {platform.platform()}")
    yield Finding("sqlite", sqlite3.sqlite_version)
    for name in _PACKAGES:
        try:
            yield Finding(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, "not installed")


def place(location: str | None) -> Iterator[Finding]:
    """Yield where the store is, and how much space is left there."""
    path = _path(location)
    if path is None:
        yield Finding("store", "PostgreSQL")
        return
    yield Finding("store", f"SQLite, {path}")
    yield from _disk(path)
    with suppress(OSError):
        yield Finding("file size", size(path.stat().st_size))


def _path(location: str | None) -> Path | None:
    return stores.sqlite_path(stores.default_location() if location is None else location)


def store_file(location: str | None) -> Iterator[Finding]:
    """Yield findings about the store before it is opened."""
    path = _path(location)
    if path is None:
        yield Finding("store", "PostgreSQL")
        return
    yield Finding("store", f"SQLite, {path}")
    yield from _disk(path)
    if not stores.store_exists(location):
        yield Finding("store file", "does not exist yet; the first job set creates it")
        return
    from qiskit_job_manager.stores.health import examine

    try:
        yield from _file(examine(path))
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            yield _unreadable(error)
        else:
            advice = "nothing is wrong with it: ask again when that process is done"
            yield Finding("store file", "another process holds it", Verdict.NEEDS_USER, advice)
    except (sqlite3.Error, OSError) as error:
        yield _unreadable(error)


def _unreadable(error: Exception) -> Finding:
    advice = "restore it from a backup, or name another with --store"
    return Finding("store file", f"cannot be read: {error}", Verdict.BROKEN, advice)


def _disk(path: Path) -> Iterator[Finding]:
    folder = next((each for each in path.parents if each.exists()), None)
    if folder is not None:
        free = shutil.disk_usage(folder).free
        low = free < _LEAST_FREE_BYTES
        yield Finding(
            "free disk",
            size(free),
            Verdict.NEEDS_USER if low else Verdict.FINE,
            "free some space: without space no result is fetched" if low else None,
        )


def _file(health: Health) -> Iterator[Finding]:
    yield Finding("size", size(health.n_bytes))
    if health.is_empty:
        yield Finding("kind", "empty: nothing was stored yet")
        return
    if not health.is_ours:
        yield Finding(
            "kind",
            "a database, but not marked as a store",
            Verdict.BROKEN,
            "name another file with --store or QISKIT_JOB_MANAGER_STORE",
        )
        return
    yield _readers(health)
    yield _journal(health)
    yield _revision(health)
    yield _integrity(health)
    if not health.is_original:
        yield Finding(
            "place",
            "it was copied or moved",
            Verdict.NEEDS_USER,
            "make sure that nobody uses the original, then run: qjm adopt",
        )
    if health.unknown_submissions:
        unknown = plural(health.unknown_submissions, "submission")
        yield Finding(
            "age",
            f"older than what was driven from it: it does not know {unknown}",
            Verdict.NEEDS_USER,
            "put the newer store back; or look on the backend for those jobs, then: qjm adopt",
        )


def _readers(health: Health) -> Finding:
    if not health.others_can_read:
        return Finding("readable by", "its owner only")
    return Finding("readable by", "others too", Verdict.NEEDS_USER, f"chmod 600 {health.path}")


def _journal(health: Health) -> Finding:
    safe = "safe" if health.safe_mode == "wal" else "not safe"
    value = f"{health.journal_mode} (WAL is {safe} with SQLite {sqlite3.sqlite_version})"
    if health.journal_mode == "wal" and health.safe_mode != "wal":
        advice = "end all processes that use the store; the next qjm command changes the mode"
        return Finding("journal", value, Verdict.NEEDS_USER, advice)
    return Finding("journal", value)


def _revision(health: Health) -> Finding:
    value = f"version {health.revision or 'none'}"
    if health.is_newer:
        advice = "install a newer qiskit-job-manager"
        return Finding("schema", f"{value}, of a newer program", Verdict.BROKEN, advice)
    return Finding("schema", value)


def _integrity(health: Health) -> Finding:
    if not health.defects:
        return Finding("integrity", "no defects found")
    advice = "restore the store from a backup"
    return Finding("integrity", "; ".join(health.defects), Verdict.BROKEN, advice)


def spool(location: str | None, *, is_usable: bool) -> Iterator[Finding]:
    """Yield findings about result files beside the store."""
    folders = _spool_folders(location, is_usable=is_usable)
    found = [each for folder in folders for each in folder.glob("*")]
    files = [each for each in found if each.suffix in {".result", ".part", ".error"}]
    results = [each for each in files if each.suffix == ".result"]
    if not files:
        yield Finding("spool", "empty")
    elif not results:
        yield Finding("spool", f"{plural(len(files), 'file')} of fetches under way or broken off")
    else:
        yield Finding(
            "spool",
            f"{plural(len(results), 'result')} not in the store yet, in {results[0].parent}",
            Verdict.NEEDS_USER,
            "qjm resume takes them in",
        )


def _spool_folders(location: str | None, *, is_usable: bool) -> list[Path]:
    from qiskit_job_manager.stores.store_files import StoreFiles

    if is_usable:
        with suppress(StoreError), closing(_opened(location)) as store:
            return store.spool_folders
    where = stores.default_location() if location is None else location
    return StoreFiles(where, ()).spool_folders()


def _opened(location: str | None) -> SqlStore:
    """Open the store, or say soon that another process holds it."""
    with patient(_OPEN_WITHIN_S):
        return stores.open_store(location)


def job_sets(store: SearchableStore) -> Iterator[Finding]:
    """Yield who drives what, and what needs the user."""
    found = list(read_overview(store))
    yield Finding("job sets", f"{len(found):,}")
    for left in store.half_deleted():
        advice = f"qjm delete {left.job_set_id} removes the rest"
        value = f"{left.name}: half deleted"
        yield Finding(_title(left), value, Verdict.NEEDS_USER, advice)
    duplicates = _duplicates(store)
    moving = {each.key for each in store.unfinished()}
    for record, progress in found:
        for text in duplicates.get(record.key, ()):
            yield Finding(_title(record), f"{record.name}: {text}")
        is_unfinished = record.key in moving
        if is_unfinished or not record.complete or progress.held or progress.needs_user:
            yield from _moving(store, record, progress, is_unfinished=is_unfinished)


def _moving(
    store: SearchableStore, record: JobSetRecord, progress: Progress, *, is_unfinished: bool
) -> Iterator[Finding]:
    """Yield what of one job set needs the user, and who drives it."""
    driver = store.driver(record.key)
    if driver is not None:
        yield Finding(_title(record), f"{record.name}: driven by {phrases.driver(driver)}")
    for need in needs_of(store, record, progress, is_unfinished=is_unfinished):
        command = " ".join(("qjm", *need.command)) if need.command else ""
        advice = ": ".join(filter(None, (need.advice, command)))
        value = f"{record.name}: {need.words}"
        yield Finding(_title(record), value, Verdict.NEEDS_USER, advice or None)


def _title(record: JobSetRecord) -> str:
    return f"job set {short_id(record.job_set_id)}"


def _duplicates(store: SearchableStore) -> dict[int, list[str]]:
    """Return what is known of jobs that a backend accepted a second time, by their job set."""
    texts: dict[int, list[str]] = {}
    for key, event in store.duplicates(limit=_DUPLICATES_SHOWN):
        texts.setdefault(key, []).append(f"job {event.job_index} {event.cause}")
    return texts


def all_findings(location: str | None) -> Iterator[Finding]:
    """Yield all findings; those about job sets only if the store can be opened safely."""
    yield from versions()
    is_broken = False
    for finding in store_file(location):
        is_broken |= finding.verdict is Verdict.BROKEN
        yield finding
    is_usable = not is_broken and stores.store_exists(location)
    yield from spool(location, is_usable=is_usable)
    if not is_usable:
        return
    try:
        with closing(_opened(location)) as store:
            yield from job_sets(store)
    except StoreBusyError as error:
        yield Finding("job sets", error.message, Verdict.NEEDS_USER, "ask again later")
    except JobManagerError as error:
        yield Finding("job sets", error.message, Verdict.BROKEN)


def size(n_bytes: float) -> str:
    """Return a size as text, such as ``3.2 GB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.1f} TB"
