"""How much memory there is, and whether the kernel had to kill for it."""

from __future__ import annotations

import os
from pathlib import Path

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
