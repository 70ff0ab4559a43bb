"""The seed that sits in a backend object or in its options.

A job set stores it as if it had been given as a run option, so that each job gets a seed of its own
that is derived from it: jobs that ran with one seed would repeat the same samples.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.signatures import argument_names
from qiskit_job_manager.planning import SEED_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping


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
