"""Finds the arguments that a provider's ``run()`` takes."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def argument_names(run: Callable[..., Any]) -> frozenset[str] | None:
    """Return the names of the arguments after the first; ``None``: any name, or not known."""
    try:
        parameters = list(inspect.signature(run).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return None
    return frozenset(each.name for each in parameters[1:])
