"""Which kinds of named backends are installed, and what is known of each without opening it.

Named backends, found through installed entry points and in no other way.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar, cast

from qiskit_job_manager.errors import UnknownBackendError

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint

    from qiskit_job_manager.ports import Backend


GROUP = "qiskit_job_manager.backends"

# Entry points of what is shipped for tests: they open, and nobody is told of them.
_FOR_TESTS = "qiskit_job_manager.testing."

_Opener = TypeVar("_Opener", bound="Callable[..., object]")


@dataclass(frozen=True, slots=True)
class OpenerInfo:
    """What an opener tells of the backends that it opens.

    Attributes:
        example: A name that it opens.
        network: Whether it is somewhere else, so that running on one asks the network.
        package: The package that it imports beside Qiskit, or ``None``.
        install: What to install with pip to have it, or ``None``.
    """

    example: str
    network: bool
    package: str | None = None
    install: str | None = None


@dataclass(frozen=True, slots=True)
class BackendKind:
    """A kind of backends, such as ``aer``.

    Attributes:
        name: Its name, which those of its backends begin with.
        summary: What it is, in a sentence.
        about: What its opener tells, or ``None``.
        installed: Whether what it needs is installed, or ``None`` where that is not told.
        trouble: Why its opener cannot even be imported, or ``None``.
    """

    name: str
    summary: str
    about: OpenerInfo | None = None
    installed: bool | None = None
    trouble: str | None = None


def describes(about: OpenerInfo) -> Callable[[_Opener], _Opener]:
    """Have an opener tell what it opens; for openers of any distribution.

    Example:
        >>> @describes(OpenerInfo("mine:left", network=True))
        ... def open_mine(argument): ...
    """

    def add(opener: _Opener) -> _Opener:
        opener.about = about  # type: ignore[attr-defined]  # functions take any
        return opener

    return add


def known_names() -> list[str]:
    """Return the names of all kinds that users are told of, in order."""
    return sorted({found.name for found in _found()})


def kinds() -> list[BackendKind]:
    """Return all kinds that users are told of, in the order of their names."""
    found = {each.name: each for each in _found()}
    return [_kind(found[name]) for name in sorted(found)]


def _found() -> list[EntryPoint]:
    return [each for each in entry_points(group=GROUP) if not each.value.startswith(_FOR_TESTS)]


def _kind(found: EntryPoint) -> BackendKind:
    try:
        opener = found.load()
    except Exception as error:  # noqa: BLE001  # others' code, which may not even be importable
        return BackendKind(
            found.name, "", installed=False, trouble=f"{type(error).__name__}: {error}"
        )
    summary = (inspect.getdoc(opener) or "").partition("\n\n")[0].replace("\n", " ")
    about = getattr(opener, "about", None)
    if not isinstance(about, OpenerInfo):
        return BackendKind(found.name, summary)
    installed = about.package is None or find_spec(about.package) is not None
    return BackendKind(found.name, summary, about, installed)


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
