"""The run options of a backend: the names that it takes, and the seed that its object keeps.

A job set stores the seed in a backend object, or in its options, as if it had been given as a run
option. So each job gets a seed of its own that is derived from it: jobs that ran with one seed
would repeat the same samples.
"""

from __future__ import annotations

import inspect
import operator
from typing import TYPE_CHECKING, Any, NamedTuple

from qiskit_job_manager.planning import SEED_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


def argument_names(run: Callable[..., Any]) -> frozenset[str] | None:
    """Return the names of the arguments after the first; ``None``: any name, or not known."""
    try:
        parameters = list(inspect.signature(run).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return None
    return frozenset(each.name for each in parameters[1:])


# -- the seed --------------------------------------------------------------------------------------


def backend_seed(backend: Any) -> dict[str, int]:
    """Return the seed among the options of a Qiskit backend, by the name of the option.

    Qiskit's interface says that ``run()`` takes each option as an argument, which then counts in
    place of the option.

    Returns:
        One item, or none where there is no seed or ``run()`` does not take it.
    """
    options, run = getattr(backend, "options", None), getattr(backend, "run", None)
    if options is None or run is None:
        return {}
    known = argument_names(run)
    for name in SEED_OPTIONS:
        seed = as_seed(_option(options, name))
        if seed is not None and (known is None or name in known):
            return {name: seed}
    return {}


def as_seed(value: Any) -> int | None:
    """Return a seed as an integer; ``None`` for anything else, such as a random generator."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def with_kept_options(kept: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run options that a job set stores.

    Args:
        kept: Those of the backend; see `BaseBackend.kept_options`.
        given: Those that the user gave. A seed among them counts in place of the backend's seed,
            even if the two have different names; ``None`` is no seed, as in Aer.
    """
    seeds = {name for name in SEED_OPTIONS if given.get(name) is not None}
    mine = {name: each for name, each in kept.items() if not (seeds and name in SEED_OPTIONS)}
    return {**given, **{name: each for name, each in mine.items() if given.get(name) is None}}


def _option(options: Any, name: str) -> Any:
    get = getattr(options, "get", None)
    return get(name) if callable(get) else getattr(options, name, None)
