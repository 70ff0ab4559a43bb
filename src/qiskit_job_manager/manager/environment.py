"""What this process runs in: versions, machine, script and its commit, recorded with job sets.

All of it is read from files in moments, but for the commit, which git is asked for. A thread does
it, so that a slow file system or a git that hangs holds up no run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import CodecError, InvalidArgumentError
from qiskit_job_manager.views.close_names import not_one_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.model import Snapshot

VARIABLE = "QISKIT_JOB_MANAGER_PROVENANCE"
"""The environment variable that says how much is recorded."""

WAIT_S = 2.0
"""Seconds that a run waits for it at most."""

_GIT_S = 1.0
_FRESH_S = 5.0
_LARGEST_SCRIPT_BYTES = 16 << 20
_WHEEL = ".dist-info"


class Provenance(StrEnum):
    """How much is recorded of what job sets run in and on."""

    FULL = "full"
    ANONYMOUS = "anonymous"
    OFF = "off"


def chosen_provenance(given: str | None) -> Provenance:
    """Return how much to record, as the user or the environment says.

    Raises:
        InvalidArgumentError: There is no such choice.
    """
    name = os.environ.get(VARIABLE) if given is None else given
    try:
        return Provenance(name or Provenance.FULL)
    except ValueError:
        where = VARIABLE if given is None else "provenance"
        raise InvalidArgumentError(not_one_of(where, name, Provenance)) from None


class Environment:
    """What this process runs in, read by threads that `begin` starts.

    A notebook lives for days, and its folder gets new commits, so it is read again for each run,
    but not more often than every few seconds.

    Args:
        provenance: How much to record.
    """

    def __init__(self, provenance: Provenance) -> None:
        self._provenance = provenance
        self._reader: threading.Thread | None = None
        self._read_s = float("-inf")
        self._found: Snapshot | None = None
        self._lock = threading.Lock()

    @property
    def recorded(self) -> Callable[[], Snapshot | None] | None:
        """What returns it, or ``None`` if nothing is recorded."""
        return None if self._provenance is Provenance.OFF else self.snapshot

    def begin(self) -> None:
        """Begin to read it, if it was not read just now; does not wait."""
        with self._lock:
            if self._provenance is Provenance.OFF or self._is_fresh():
                return
            reader = threading.Thread(target=self._read, name="qjm-environment", daemon=True)
            with contextlib.suppress(RuntimeError):  # the system has no thread to give
                reader.start()
                self._reader = reader

    def snapshot(self) -> Snapshot | None:
        """Return it; ``None`` if it cannot be had within `WAIT_S`. The next call may have it."""
        self.begin()
        reader = self._reader
        if reader is not None:
            reader.join(WAIT_S)
        return self._found

    def _is_fresh(self) -> bool:
        is_being_read = self._reader is not None and self._reader.is_alive()
        return is_being_read or time.monotonic() < self._read_s + _FRESH_S

    def _read(self) -> None:
        # NumPy comes with it, which a process that only reads does not need.
        from qiskit_job_manager.codec.snapshots import encode_snapshot

        anonymous = self._provenance is Provenance.ANONYMOUS
        with contextlib.suppress(CodecError, OSError):
            self._found = encode_snapshot(environment(anonymous=anonymous))
        self._read_s = time.monotonic()


def environment(*, anonymous: bool = False) -> dict[str, Any]:
    """Return what this process runs in, as plain values.

    Args:
        anonymous: Whether to leave out the names of the machine and of the script.

    Returns:
        ``python``, ``implementation``, ``platform``, ``packages`` (versions by name), and if known
        ``host``, ``script`` (``name`` and ``sha256``) and ``git`` (``commit``, and whether tracked
        files were ``changed`` since).
    """
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "packages": _packages(),
    }
    script = _script()
    if script is not None:
        found["script"] = _about(script, anonymous=anonymous)
    if not anonymous:
        found["host"] = platform.node()
    git = _git(Path.cwd() if script is None else script.parent)
    return found | ({} if git is None else {"git": git})


@cache
def _packages() -> dict[str, str]:
    """Return the versions of the installed packages, as the names of their folders have them.

    What is installed later is not what this process has imported, so this is read once.
    `importlib.metadata` reads a file of each, which takes 30 times as long.
    """
    found: dict[str, str] = {}
    for folder in sys.path:
        with contextlib.suppress(OSError):
            for each in sorted(Path(folder or ".").glob(f"*{_WHEEL}")):
                name, _, version = each.name.removesuffix(_WHEEL).partition("-")
                found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return found


def _script() -> Path | None:
    """Return the script that runs; ``None`` in a notebook, a shell, or an installed command."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if not isinstance(main, str):
        return None
    path = Path(main).resolve()
    is_installed = path.is_relative_to(Path(sys.prefix).resolve())
    return None if is_installed or not path.is_file() else path


def _about(script: Path, *, anonymous: bool) -> dict[str, Any]:
    said: dict[str, Any] = {} if anonymous else {"name": script.name}
    if script.stat().st_size <= _LARGEST_SCRIPT_BYTES:
        said["sha256"] = hashlib.sha256(script.read_bytes()).hexdigest()
    return said


def _git(folder: Path) -> dict[str, Any] | None:
    """Return the commit of a folder, if git has one."""
    commit = _asked(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _asked(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit} | ({} if changed is None else {"changed": bool(changed)})


def _asked(folder: Path, *words: str) -> str | None:
    """Return what git says; it writes nothing, and runs nothing that the repository names."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        said = subprocess.run(  # noqa: S603  # the words are our own
            [git, "-c", "core.fsmonitor=false", "--no-optional-locks", "-C", str(folder), *words],
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_GIT_S,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return said.stdout.strip()
