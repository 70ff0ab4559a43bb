"""Finds the name that opens a backend like a given object."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, quote

Scalar = str | int | float | bool


def uri_of(backend: Any) -> str | None:
    """Return the name that opens an equal backend, or ``None`` if no name is sure to."""
    cls = type(backend)
    if cls.__module__.startswith("qiskit_ibm_runtime.fake_provider.backends."):
        # Once it has run, its options hold a noise model, which may be its own or another one.
        pristine = backend.options == cls._default_options()
        return f"fake:{backend.name.removeprefix('fake_')}" if pristine else None
    match f"{cls.__module__}.{cls.__name__}":
        case "qiskit_aer.backends.aer_simulator.AerSimulator":
            return _uri_of_aer(backend)
        case "qiskit.providers.basic_provider.basic_simulator.BasicSimulator":
            return "basic" if backend.options == cls._default_options() else None
    return None


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


def _uri_of_aer(backend: Any) -> str | None:
    plain = type(backend)()
    options = {
        name: value
        for name, value in dict(backend.options).items()
        if value != plain.options.get(name)
    }
    if not all(isinstance(value, Scalar) for value in options.values()):
        return None
    again = type(backend)(**options)
    if not _same_aer(backend, again):
        return None
    return f"aer?{query_of(options)}" if options else "aer"


def _same_aer(one: Any, other: Any) -> bool:
    """Say whether two simulators are set up alike, beyond their options."""
    alike = one.name == other.name and one.options == other.options
    return alike and _configuration(one) == _configuration(other)


def _configuration(simulator: Any) -> dict[str, Any]:
    # The name in the configuration is that of the first method; the simulator's own name is right.
    figures: dict[str, Any] = simulator.configuration().to_dict()
    return {name: value for name, value in figures.items() if name != "backend_name"}


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
