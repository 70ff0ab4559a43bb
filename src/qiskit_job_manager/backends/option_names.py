"""The names of the run options that a backend is known to have."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from qiskit_job_manager.ports import Backend


class OptionNames(NamedTuple):
    """What a backend says of its run options.

    Attributes:
        known: Names of those that it has.
        may_have_more: Whether it may have others, too.
    """

    known: frozenset[str]
    may_have_more: bool


def option_names(adapter: Backend) -> OptionNames:
    """Return the run options that a backend has: the parameters of its ``run()``, and its options.

    Args:
        adapter: The adapter to a Qiskit backend, to a primitive, or to something else.
    """
    primitive = getattr(adapter, "primitive", None)
    device = getattr(adapter, "qiskit_backend", None) if primitive is None else None
    try:
        runs: Any = device if primitive is None else primitive
        parameters = list(inspect.signature(runs.run).parameters.values())
    except (AttributeError, TypeError, ValueError):
        return OptionNames(frozenset(), may_have_more=True)
    named = {each.name for each in parameters if each.kind is not each.VAR_KEYWORD}
    options = getattr(device, "options", None)
    listed = {name for name in getattr(options, "__dict__", {}) if not name.startswith("_")}
    any_name = any(each.kind is each.VAR_KEYWORD for each in parameters)
    # An adapter takes a seed for a primitive, too, and checks the options of primitives itself.
    return OptionNames(frozenset(named | listed), any_name or primitive is not None)
