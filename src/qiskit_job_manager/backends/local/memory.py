"""How much memory simulations may take, and what tells that they needed more."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CGROUP = Path("/sys/fs/cgroup")
_SHARE = 0.9


def usable_bytes() -> int:
    """Return how much memory simulations may take: most of the machine's, or of this group's."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(_SHARE * min([total, *_numbers(_CGROUP / "memory.max")]))


def oom_kills() -> int:
    """Return how many processes the kernel has killed for lack of memory, as far as is known."""
    return sum(map(_named_number, (Path("/proc/vmstat"), _CGROUP / "memory.events")))


def _numbers(path: Path) -> list[int]:
    text = _text(path).strip()
    return [int(text)] if text.isdecimal() else []


def _named_number(path: Path) -> int:
    for line in _text(path).splitlines():
        name, _, number = line.partition(" ")
        if name == "oom_kill":
            return int(number)
    return 0


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # not on Linux
        return ""


# -- within a process that simulates ---------------------------------------------------------------

_BESIDE_STATES_BYTES = 1 << 30
_COPIES = 2  # to sample from a state takes about as much again


@contextmanager
def limited_to(most_bytes: int | None) -> Iterator[None]:
    """Let this process take no more memory than it has and some bytes, where that is known."""
    try:
        import resource

        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  # no path is worth an object
            now = int(file.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):  # not on Linux
        most_bytes = None
    if most_bytes is None:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    hard = before[1]
    most = now + _BESIDE_STATES_BYTES + _COPIES * most_bytes
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


_MEMORY_WORDS = ("memoryerror", "bad_alloc", "insufficient memory", "unable to allocate")


def with_limit(reason: str, most_bytes: int | None) -> str:
    """Add the limit of memory to a reason that speaks of memory."""
    if most_bytes is None or not any(word in reason.lower() for word in _MEMORY_WORDS):
        return reason
    return f"{reason}; the process that simulates it may take {most_bytes / 2**30:.1f} GiB"
