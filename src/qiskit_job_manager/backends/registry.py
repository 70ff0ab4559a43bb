"""Opens backends by name, and lists the kinds of backends that are installed.

Each kind is an installed entry point of the group `GROUP`. Names are resolved in no other way.
A name may have options, as in ``aer?method=statevector``.

Before that, a name that people type is replaced by the one that it means here. Qiskit, its
tutorials and our own tables call the same simulators ``aer_simulator``, ``AerSimulator`` or
``qasm_simulator``. A fake device is ``FakeTorino``, ``fake_torino`` or ``torino``. Such a name
opens what it means. A name of a real device opens nothing by itself, as that would cost money: the
message offers the device and the fake one.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import parse_qsl, quote

from qiskit_job_manager.errors import UnknownBackendError

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.ports import Backend

GROUP = "qiskit_job_manager.backends"

# Entry points that are shipped for tests: they open, but they are not listed.
_FOR_TESTS = "qiskit_job_manager.testing."

_Opener = TypeVar("_Opener", bound="Callable[..., object]")


@dataclass(frozen=True, slots=True)
class OpenerInfo:
    """What an opener states about the backends that it opens.

    Attributes:
        example: A name that it opens.
        network: Whether its backends are reached over a network.
        package: The package that it needs beside Qiskit, or ``None``.
        install: What to install with pip for it, or ``None``.
        arguments: Returns what may follow the name of the kind and a colon, or ``None``.
    """

    example: str
    network: bool
    package: str | None = None
    install: str | None = None
    arguments: Callable[[], list[str]] | None = None


@dataclass(frozen=True, slots=True)
class BackendKind:
    """One kind of named backends, such as ``aer``.

    Attributes:
        name: Its name, with which the names of its backends begin.
        summary: What it is, in a sentence.
        about: What its opener states, or ``None``.
        installed: Whether the package that it needs is installed; ``None``: not known.
        trouble: Why its opener cannot be imported, or ``None``.
    """

    name: str
    summary: str
    about: OpenerInfo | None = None
    installed: bool | None = None
    trouble: str | None = None


def describes(about: OpenerInfo) -> Callable[[_Opener], _Opener]:
    """Attach a statement about its backends to an opener; for openers of any package.

    Example:
        >>> @describes(OpenerInfo("mine:left", network=True))
        ... def open_mine(argument): ...
    """

    def add(opener: _Opener) -> _Opener:
        opener.about = about  # type: ignore[attr-defined]  # functions take any
        return opener

    return add


def known_names() -> list[str]:
    """Return the names of all listed kinds, in order."""
    return sorted({found.name for found in _found()})


def kinds() -> list[BackendKind]:
    """Return all listed kinds, in the order of their names."""
    found = {each.name: each for each in _found()}
    return [_kind(found[name]) for name in sorted(found)]


def _found() -> list[EntryPoint]:
    return [each for each in _installed() if not each.value.startswith(_FOR_TESTS)]


def _installed() -> EntryPoints:
    """Return the entry points that are installed now."""
    return _entry_points(tuple((folder, _changed_at_ns(folder)) for folder in sys.path))


@lru_cache(maxsize=4)
def _entry_points(_folders: tuple[tuple[str, int], ...]) -> EntryPoints:
    """Read the entry points, for which a file of each installed package is opened.

    To install or remove a package changes one of the folders.
    """
    return entry_points(group=GROUP)


def _changed_at_ns(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns  # noqa: PTH116  # half the time of a Path's
    except OSError:
        return 0


def _kind(found: EntryPoint) -> BackendKind:
    try:
        opener = found.load()
    except Exception as error:  # noqa: BLE001  # code of others may raise anything
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
        uri: A kind alone (``"aer"``), with an argument (``"fake:torino"``), or with options
            (``"aer?method=statevector&max_parallel_threads=1"``). Other words for the same are
            taken too, such as ``"AerSimulator"`` or ``"FakeTorino"``.

    Raises:
        UnknownBackendError: There is no such kind, or the kind has no such backend.
        InvalidArgumentError: The argument or the options cannot be used.
    """
    if (retired := _RETIRED.fullmatch(uri)) is not None:
        raise UnknownBackendError(_no_more(retired["name"]))
    kind, argument = split_uri(uri if _is_kind(uri) else meaning(uri))
    found = _installed().select(name=kind)
    if not found:
        raise UnknownBackendError(_unknown(uri, kind))
    entry_point: EntryPoint = next(iter(found))
    opener = cast("Callable[[str | None], Backend]", entry_point.load())
    return opener(argument)


def _is_kind(uri: str) -> bool:
    return split_uri(uri)[0] in _installed().names


def split_uri(uri: str) -> tuple[str, str | None]:
    """Split the name of a backend into its kind and the argument of that kind."""
    match = _URI.fullmatch(uri)
    if match is None:  # pragma: no cover  # the pattern fits any text
        return uri, None
    return match["kind"], match["argument"] or None


_RETIRED = re.compile(r"(?:ibm:|fake:)?(?P<name>ibmq(?:_|x\d)[^?]*)(?:\?.*)?", re.DOTALL)


def _no_more(name: str) -> str:
    return (
        f"the backend {name!r} is retired, with the service that IBM had then. Choose one of the "
        "present service, as in 'ibm:ibm_fez', and transpile the circuits for it; "
        f"{_rehearsal(name)!r} rehearses that here, without an account"
    )


def _rehearsal(name: str) -> str:
    """Return the name of a simulator that stands for a retired backend."""
    if "simulator" in name:
        return "aer"
    device = name.rpartition("_")[2]
    client = find_spec("qiskit_ibm_runtime")
    snapshots = Path((client and client.origin) or "").parent / "fake_provider" / "backends"
    return f"fake:{device}" if device and (snapshots / device).is_dir() else "fake:torino"


def _unknown(uri: str, kind: str) -> str:
    known = known_names()
    similar = offers(uri) or get_close_matches(kind, known, n=1)
    hint = f" Did you mean {' or '.join(map(repr, similar))}?" if similar else ""
    return (
        f"there is no backend called {uri!r}.{hint} Known are: {', '.join(known)}, "
        "as in 'aer' or 'fake:torino'; a Qiskit backend object can be handed over as well"
    )


# -- names that people type ------------------------------------------------------------------------

_SIMULATORS = {
    "aersimulator": "aer",
    "aer_simulator": "aer",
    "qasm_simulator": "aer",
    "aer_simulator_statevector": "aer?method=statevector",
    "statevector_simulator": "aer?method=statevector",
    "basicsimulator": "basic",
    "basic_simulator": "basic",
    "statevectorsampler": "sampler:statevector",
    "statevectorestimator": "estimator:statevector",
}
_FAKE = re.compile(r"fake_?(?P<device>[a-z][a-z0-9]*?)(v2)?", re.IGNORECASE)
_IBM = re.compile(r"ibm_(?P<device>[a-z0-9]+)", re.IGNORECASE)


def meaning(name: str) -> str:
    """Return the name of a backend that a typed name means; the typed one if it means none."""
    word, mark, options = name.strip().partition("?")
    known = _SIMULATORS.get(word.lower()) or _fake(word)
    if known is None:
        return name
    return f"{known}{'&' if '?' in known else '?'}{options}" if mark else known


def offers(name: str) -> list[str]:
    """Return names of backends that a name of a real device may mean."""
    device = _IBM.fullmatch(name.strip())
    if device is None:
        return []
    fake = f"fake:{device['device'].lower()}"
    return [f"ibm:{name.strip().lower()}", *([fake] if _is_fake_device(device["device"]) else [])]


def _is_fake_device(device: str) -> bool:
    """Say whether there is a fake device of this name."""
    return device.lower() in fake_devices()


def fake_devices() -> list[str]:
    """Return the names of the fake devices, in order, without an import of IBM's client."""
    client = find_spec("qiskit_ibm_runtime")
    if client is None or client.origin is None:
        return []
    folder = Path(client.origin).parent / "fake_provider" / "backends"
    return sorted(each.parent.name for each in folder.glob("*/__init__.py"))


def _fake(word: str) -> str | None:
    if word.isidentifier() and _is_fake_device(word):
        return f"fake:{word.lower()}"
    found = _FAKE.fullmatch(word)
    return f"fake:{found['device'].lower()}" if found else None


# -- options in names ------------------------------------------------------------------------------

Scalar = str | int | float | bool


def scalars_in(query: str) -> dict[str, Scalar]:
    """Return the options in ``method=statevector&max_parallel_threads=1``.

    A value that is valid JSON is read as JSON; any other is text.

    Raises:
        ValueError: It is not of this form, or a value is a list or an object.
    """
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    return {name: _scalar(text) for name, text in pairs}


def query_of(options: dict[str, Scalar]) -> str:
    """Return options in the form that `scalars_in` reads, in the order of their names."""
    return "&".join(f"{quote(k)}={quote(_text(v), safe='')}" for k, v in sorted(options.items()))


def _scalar(text: str) -> Scalar:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if not isinstance(value, Scalar):
        raise ValueError(  # noqa: TRY004  # of the text, whose type is right
            f"{text} is neither text, nor a number, nor true or false"
        )
    return value


def _text(value: Scalar) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        json.loads(value)
    except ValueError:
        return value
    return json.dumps(value)
