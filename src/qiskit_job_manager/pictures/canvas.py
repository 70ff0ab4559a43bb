"""Axes, rectangles and texts that all pictures use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.views.colours import colour
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from matplotlib.axes import Axes

    Rectangle: TypeAlias = tuple[float, float, float, float]
    """Left, right, middle and height."""

_WIDTH_INCHES = 9.0
_ROW_INCHES = 0.26
_FEWEST_INCHES, _MOST_INCHES = 2.4, 10.0
_MARGIN_INCHES = 1.1
_TITLE = 70
_TOFU = "\u25a1"


def require_matplotlib(what: str) -> None:
    """Make sure that matplotlib can be imported.

    Args:
        what: What needs it, in the plural.

    Raises:
        InvalidArgumentError: It cannot.
    """
    try:
        import_module("matplotlib")
    except ImportError as error:
        msg = f'{what} need matplotlib: pip install "qiskit-job-manager[plot]" ({error})'
        raise InvalidArgumentError(msg) from error


def axes(rows: int, ax: Axes | None) -> Axes:
    """Return axes for so many rows, the first on top: the given ones, or new ones.

    Raises:
        InvalidArgumentError: matplotlib is not installed.
    """
    require_matplotlib("pictures of job sets")
    if ax is None:
        from matplotlib import pyplot as plt

        height = min(max(_MARGIN_INCHES + rows * _ROW_INCHES, _FEWEST_INCHES), _MOST_INCHES)
        _, ax = plt.subplots(figsize=(_WIDTH_INCHES, height), layout="constrained")
    from matplotlib.ticker import MaxNLocator

    ax.set_ylim(rows - 0.5, -0.5)
    ax.yaxis.set_major_locator(MaxNLocator(min(rows, 20), integer=True, min_n_ticks=1))
    ax.set_ylabel("job")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def fill(ax: Axes, rectangles: Mapping[str, Sequence[Rectangle]]) -> None:
    """Draw rectangles in the colour of their state, with a legend below.

    They are drawn as one collection a state: ten thousand single patches take minutes.
    """
    from matplotlib.collections import PolyCollection
    from matplotlib.patches import Patch

    for label, boxes in rectangles.items():
        corners = [
            [(left, y - h / 2), (right, y - h / 2), (right, y + h / 2), (left, y + h / 2)]
            for left, right, y, h in boxes
        ]
        ax.add_collection(PolyCollection(corners, facecolors=colour(label), edgecolors="none"))
    handles = [Patch(color=colour(label), label=label) for label in rectangles]
    if handles:
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
        ax.legend(handles=handles, frameon=False, **place)


def title(ax: Axes, text: str) -> None:
    """Put a title on top, in which nothing is taken for a formula."""
    ax.set_title(drawable(shortened(text, _TITLE)), loc="left", parse_math=False)


def drawable(text: str) -> str:
    """Return a text with a box for what the font cannot draw, as matplotlib would warn of it."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    return "".join(c if font.get_char_index(ord(c)) else _TOFU for c in text)


def finish(ax: Axes) -> Any:
    """Return the figure, which a notebook then shows once and not twice."""
    from qiskit.visualization.utils import matplotlib_close_if_inline

    figure = ax.get_figure(root=True)
    matplotlib_close_if_inline(figure)
    return figure
