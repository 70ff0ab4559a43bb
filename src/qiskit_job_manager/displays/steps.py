"""How far a task of many equal steps is, such as transpiling, as a bar or as one line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EVERY_S = 0.2


@contextmanager
def shown_steps(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show how many steps are done while the ``with`` block lasts, if there are any.

    On a terminal and in a notebook it is a bar; elsewhere one line at the end.

    Args:
        title: What is done.
        total: How many steps there are, or ``None`` if that is not known.

    Yields:
        A function that takes the number of steps that are done.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), auto_refresh=False)
    task = bar.add_task(escape(title), total=total, start=False, visible=False)
    shown_s = float("-inf")

    def show(done: int) -> None:
        nonlocal shown_s
        if done == 1:
            bar.start()
            bar.start_task(task)
        bar.update(task, completed=done, visible=True)
        if bar.get_time() >= shown_s + _EVERY_S:
            shown_s = bar.get_time()
            bar.refresh()

    try:
        yield show
    finally:
        bar.stop()
