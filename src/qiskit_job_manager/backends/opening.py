"""Named backends, found through installed entry points and in no other way."""

from __future__ import annotations

import re
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, cast

from qiskit_job_manager.backends.kinds import GROUP, known_names
from qiskit_job_manager.errors import UnknownBackendError

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.ports import Backend

_URI = re.compile(r"(?P<kind>[^:?]*)(?::|(?=\?))?(?P<argument>.*)", re.DOTALL)


def open_backend(uri: str) -> Backend:
    """Open a backend by its name.

    Args:
        uri: A kind alone (``"aer"``), with what the kind wants to know (``"fake:torino"``), or
            with options (``"aer?method=statevector&max_parallel_threads=1"``).

    Raises:
        UnknownBackendError: There is no such kind, or the kind has no such backend.
        InvalidArgumentError: What follows the kind cannot be used.
    """
    kind, argument = split_uri(uri)
    found = entry_points(group=GROUP, name=kind)
    if not found:
        raise UnknownBackendError(_unknown(uri, kind))
    entry_point: EntryPoint = next(iter(found))
    opener = cast("Callable[[str | None], Backend]", entry_point.load())
    return opener(argument)


def split_uri(uri: str) -> tuple[str, str | None]:
    """Split the name of a backend into its kind and the argument of that kind."""
    match = _URI.fullmatch(uri)
    if match is None:  # pragma: no cover  # the pattern fits any text
        return uri, None
    return match["kind"], match["argument"] or None


def _unknown(uri: str, kind: str) -> str:
    known = known_names()
    similar = get_close_matches(kind, known, n=1)
    hint = f" Did you mean {similar[0]!r}?" if similar else ""
    return (
        f"there is no backend called {uri!r}.{hint} Known are: {', '.join(known)}, "
        "as in 'aer' or 'fake:torino'; a Qiskit backend object can be handed over as well"
    )
