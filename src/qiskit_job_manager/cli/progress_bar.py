"""The bar of a job set that is printed once, on terminals alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from qiskit_job_manager.cli.tables import terminal_width

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDEST_BAR = 60
_NARROWEST_BAR = 8


def bar_lines(states: Sequence[tuple[str, int]], indent: int) -> list[str]:
    """Return a bar as one line, or no line where standard output is no terminal.

    Args:
        states: How many jobs are in each state.
        indent: Characters before the bar on its line.
    """
    columns = terminal_width()
    if columns is None or columns - indent < _NARROWEST_BAR:
        return []
    from qiskit_job_manager.displays.state_bar import state_bar  # Rich, where it is needed

    bar = state_bar(states, min(columns - indent, _WIDEST_BAR), sys.stdout.encoding)
    return [bar.plain]
