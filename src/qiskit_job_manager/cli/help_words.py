"""The words of help for values: ``SET``, ``NUMBER``, ``TEXT``, not the types of the parser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Iterator

# Releases of the parser write a type as <int range>, as INTEGER RANGE or as [a|b].
_NUMBER = re.compile(r"<[^|>]*(?:int|float)[^|>]*>|\b(?:INTEGER|FLOAT)(?: RANGE)?\b")
_CHOICES = re.compile(r"[<\[]([^\s<>\[\]]*\|[^\s<>\[\]]*)[>\]]")
_TEXT = re.compile(r"<[^>]*>")


class Command(TyperCommand):
    """A command whose help has the words of the documentation."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what follows the name of the command in the line of its usage."""
        return ["[OPTIONS]", *map(usage_word, _arguments(self.get_params(ctx)))]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options."""
        write_parameters(self.get_params(ctx), ctx, formatter)


def write_parameters(parameters: list[Any], ctx: Any, formatter: Any) -> None:
    """Write the help of arguments and of options, each under a heading."""
    for heading, kind in (("Arguments", "argument"), ("Options", "option")):
        rows = [
            (shown_name(each, record[0]), record[1])
            for each in parameters
            if each.param_type_name == kind and (record := each.get_help_record(ctx))
        ]
        if rows:
            with formatter.section(heading):
                formatter.write_dl(rows)


def shown_name(parameter: Any, name: str) -> str:
    """Return an argument, or an option with what stands for its value.

    Args:
        parameter: The argument or option.
        name: How the parser's own help shows it.
    """
    if parameter.param_type_name == "argument":
        return _repeated(parameter)
    shown: str = _TEXT.sub("TEXT", _CHOICES.sub(r"\1", _NUMBER.sub("NUMBER", name)))
    return shown


def usage_word(argument: Any) -> str:
    """Return an argument as the line of usage shows it, such as ``[EXPERIMENT...]``."""
    word = _repeated(argument)
    return word if argument.required else f"[{word}]"


def value_word(argument: Any) -> str:
    """Return what stands for the value of an argument."""
    return str(argument.metavar or argument.name.upper())


def _repeated(argument: Any) -> str:
    return value_word(argument) + ("..." if argument.nargs == -1 else "")


def _arguments(parameters: list[Any]) -> Iterator[Any]:
    return (each for each in parameters if each.param_type_name == "argument")
