"""One colour for each state, visible on white and on black.

The output of a notebook cannot find out reliably whether the page is dark: JupyterLab's dark theme
does not follow the system's. So the colours are of middling brightness, with a contrast of at least
3 to both, and all text keeps the colour of the page.
"""

from __future__ import annotations

_COLOURS = {
    "done": "#2e9e5b",
    "collecting": "#1f95a0",
    "running": "#3b82c4",
    "queued or running": "#5b7f9e",
    "queued": "#8a6fd1",
    "interrupted": "#8f8265",
    "submitting": "#7a7f8c",
    "planned": "#8a8a8a",
    "in doubt": "#c07a00",
    "failed": "#d64545",
    "cancelled": "#94785e",
    "lost": "#c2479c",
}
ACCENT = "#3b82c4"
FAINT = "rgba(128,128,128,.35)"


def colour(label: str) -> str:
    """Return the colour of a state as ``#rrggbb``."""
    return _COLOURS[label]


def labels() -> tuple[str, ...]:
    """Return every label that has a colour."""
    return tuple(_COLOURS)
