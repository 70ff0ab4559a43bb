"""JSON for scripts; pure ASCII, so that no terminal can be addressed through it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def print_object(value: Mapping[str, Any]) -> None:
    """Print one JSON object, for people as well."""
    typer.echo(json.dumps(value, indent=2))


def print_object_with(
    value: Mapping[str, Any], name: str, items: Iterable[Mapping[str, Any]]
) -> None:
    """Print one JSON object whose last entry is an array, an item a line as soon as it is known.

    Args:
        value: All other entries; at least one.
        name: Name of the array.
        items: What it holds.
    """
    head = json.dumps(value, indent=2).removesuffix("\n}")
    typer.echo(f"{head},\n  {json.dumps(name)}: [", nl=False)
    separator = "\n    "
    for item in items:
        typer.echo(separator + json.dumps(item), nl=False)
        separator = ",\n    "
    typer.echo("]\n}" if separator == "\n    " else "\n  ]\n}")


def print_array(values: Iterable[Mapping[str, Any]]) -> None:
    """Print a JSON array with one object a line, each as soon as it is known."""
    separator = "[\n"
    for value in values:
        typer.echo(separator + json.dumps(value), nl=False)
        separator = ",\n"
    typer.echo("[]" if separator == "[\n" else "\n]")
