"""One figure of each experiment against a swept quantity, with its statistical error."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.pictures import canvas
from qiskit_job_manager.views.colours import ACCENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

    from qiskit_job_manager.results.rows import Row

Point = tuple[float, float, float]
"""Place on the axis, height, and standard error."""


def points_of(rows: Iterable[Row], y: str | None, x: str | Sequence[float] | None) -> list[Point]:
    """Return the points of a sweep; experiments without a result are left out.

    Args:
        rows: The results.
        y: The outcome whose probability is plotted; ``None``: the expectation value.
        x: Key of the circuits' metadata, or a number for each row; ``None``: the number of the row.

    Raises:
        InvalidArgumentError: ``x`` has no number for a row, or there are no values of this kind.
    """
    found = []
    for place, row in enumerate(rows):
        if row.error is None:
            height, error = _height(row, y)
            found.append((_place(row, place, x), height, error))
    return found


def draw_sweep(
    points: Sequence[Point], title: str, labels: tuple[str, str], ax: Axes | None
) -> Any:
    """Draw points with error bars, and return the figure.

    Raises:
        InvalidArgumentError: matplotlib is not installed.
    """
    canvas.require_matplotlib("plots of sweeps")
    if ax is None:
        from matplotlib import pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    if points:
        places, heights, errors = zip(*sorted(points), strict=True)
        ax.errorbar(places, heights, errors, fmt="o-", ms=4, lw=1, capsize=2, color=ACCENT)
    ax.set_xlabel(labels[0])
    ax.set_ylabel(labels[1])
    ax.grid(alpha=0.3)
    canvas.title(ax, title)
    return canvas.finish(ax)


def _height(row: Row, y: str | None) -> tuple[float, float]:
    if y is None:
        if row.value is None:
            msg = "y is None, which plots expectation values; these are counts, so y is an outcome"
            raise InvalidArgumentError(msg + ", such as '00'")
        return row.value, row.std or 0.0
    if row.counts is None:
        msg = f"y is {y!r}, an outcome; these are expectation values, which y=None plots"
        raise InvalidArgumentError(msg)
    shots = sum(row.counts.values())
    share = row.counts.get(y, 0) / shots if shots else 0.0
    return share, sqrt(share * (1 - share) / shots) if shots else 0.0


def _place(row: Row, place: int, x: str | Sequence[float] | None) -> float:
    if x is None:
        return float(place)
    try:
        return float(row.metadata[x] if isinstance(x, str) else x[place])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        where = f"metadata {x!r}" if isinstance(x, str) else f"number at place {place} of x"
        msg = (
            f"experiment {row.index} ({row.name!r}) has no {where} that is a number; x is a key of "
            "the circuits' metadata, or one number for each experiment or point of a sweep"
        )
        raise InvalidArgumentError(msg) from error
