"""The file system where the store is, its locks, and the clocks."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import StoreNotWritableError
from qiskit_job_manager.selftest.checks import Check, Verdict
from qiskit_job_manager.stores.locks import KernelLock, ensure_locks_work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.selftest.ground import Ground

_SHARED = (
    "nfs",
    "cifs",
    "smb",
    "lustre",
    "gpfs",
    "beegfs",
    "ceph",
    "fuse",
    "9p",
    "afs",
    "glusterfs",
)
_LARGEST_DIFFERENCE_S = 5.0
_WITHIN_S = 30.0
_HOLDS_THE_LOCK = """
import fcntl, sys, time
from pathlib import Path
from qiskit_job_manager.stores.locks import KernelLock
held = KernelLock.take(Path(sys.argv[1]))
ranges = open(sys.argv[2], "r+b")
fcntl.lockf(ranges, fcntl.LOCK_EX)
print("held" if held else "not held", flush=True)
time.sleep(600)
"""


def file_system(ground: Ground) -> Iterator[Check]:
    """Say on what the store lies, as far as the machine tells."""
    if ground.is_server:
        words = "PostgreSQL; a schema of its own could be made there, and is dropped at the end"
        yield Check("place", Verdict.HOLDS, words)
        return
    kind = _kind_of(ground.folder)
    is_shared = any(kind.startswith(each) for each in _SHARED)
    words = f"the store is on a file system of the kind {kind or 'unknown'}"
    limit = "a file is for the processes of one machine; for several machines use PostgreSQL"
    yield Check("place", Verdict.LIMITED if is_shared else Verdict.HOLDS, words, limit)
    yield _synced(ground.folder)


def _synced(folder: Path) -> Check:
    path = folder / "synced"
    began = time.monotonic()
    with path.open("wb") as file:
        file.write(b"x" * 4096)
        file.flush()
        os.fsync(file.fileno())
    took_ms = 1000 * (time.monotonic() - began)
    limit = "whether a disk that confirms a write really has it shows only when power fails"
    return Check("writes", Verdict.HOLDS, f"a write is confirmed after {took_ms:.1f} ms", limit)


def _kind_of(folder: Path) -> str:
    """Return the kind of the file system of a folder, or an empty text where nothing tells."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = ("", "")
    for line in mounts.splitlines():
        _, point, kind, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if folder.resolve().is_relative_to(point) and len(point) >= len(found[0]):
            found = (point, kind)
    return found[1]


def locks(ground: Ground) -> Iterator[Check]:
    """Try whether a lock of one process keeps another out, and is free when its process dies."""
    if ground.is_server:
        words = "the server keeps the leases; the trial with a killed driver tries them"
        yield Check("locks", Verdict.NOT_TRIED, words)
        return
    try:
        ensure_locks_work(ground.folder)
        yield _locked_by_another(ground.folder)
    except StoreNotWritableError as error:
        yield Check("locks", Verdict.BROKEN, error.message)


def _locked_by_another(folder: Path) -> Check:
    limit = "a driver that stands still keeps its lock until it goes on or is killed"
    whole, ranges = folder / "locks" / "whole", folder / "ranges"
    ranges.write_bytes(b"x")
    words = [sys.executable, "-c", _HOLDS_THE_LOCK, str(whole), str(ranges)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:  # noqa: S603  # our own program, given no shell
        try:
            has_it = other.stdout is not None and other.stdout.readline() == "held\n"
            kept_out = KernelLock.is_held(whole) and not _can_lock(ranges)
        finally:
            other.send_signal(signal.SIGKILL)
    if not (has_it and kept_out):
        words_of = "two processes got the same lock at once: two drivers could send the same jobs"
        return Check("locks", Verdict.BROKEN, words_of, limit)
    if not _becomes_free(whole, ranges):
        words_of = f"the locks of a killed process were not free after {_WITHIN_S:g} s"
        return Check("locks", Verdict.BROKEN, words_of, limit)
    words_of = "a lock keeps other processes out, and is free when its process is killed"
    return Check("locks", Verdict.HOLDS, words_of, limit)


def _can_lock(path: Path) -> bool:
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _becomes_free(whole: Path, ranges: Path) -> bool:
    until = time.monotonic() + _WITHIN_S
    while KernelLock.is_held(whole) or not _can_lock(ranges):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def clocks(ground: Ground, location: str | None) -> Iterator[Check]:
    """Compare the clocks that play a part: of this machine, of its files, of the server."""
    clock = SystemClock()
    has_boot = hasattr(time, "CLOCK_BOOTTIME") or sys.platform == "darwin"
    words = "this machine has a clock that counts suspend"
    if not has_boot:
        words = "no clock here counts suspend: a driver may take its lease for valid after one"
    limit = "no promise rests on the time of day; it is recorded and shown"
    yield Check("clock", Verdict.HOLDS if has_boot else Verdict.LIMITED, words, limit)
    other = _server_time(location) if ground.is_server else _file_time(ground.folder)
    difference_s = abs(other - clock.now().timestamp())
    whose = "the server" if ground.is_server else "the file system"
    differs = difference_s > _LARGEST_DIFFERENCE_S
    words = f"the clock of {whose} differs from this machine's by {difference_s:.1f} s"
    yield Check("times", Verdict.LIMITED if differs else Verdict.HOLDS, words)


def _file_time(folder: Path) -> float:
    path = folder / "touched"
    path.touch()
    return path.stat().st_mtime


def _server_time(location: str | None) -> float:
    from sqlalchemy import create_engine, make_url, text

    from qiskit_job_manager import stores

    named = stores.default_location() if location is None else location
    engine = create_engine(make_url(named).set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            return float(
                connection.execute(
                    text("SELECT extract(epoch FROM clock_timestamp())")
                ).scalar_one()
            )
    finally:
        engine.dispose()
