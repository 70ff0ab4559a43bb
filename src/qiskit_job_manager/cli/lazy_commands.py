"""The commands of ``qjm``, each imported when it is run or when its own help is shown.

Help, completion of names and a mistyped command need names and one line each, and must be quick.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from typer.core import TyperGroup
from typer.main import get_command_from_info
from typer.models import CommandInfo

from qiskit_job_manager.cli.help_words import Command, write_parameters

_COMMANDS = "qiskit_job_manager.cli.commands"


@dataclass(frozen=True, slots=True)
class Listed:
    """A command as the list of commands shows it.

    Attributes:
        name: Its name.
        function: Module and function, such as ``"run:run"``.
        group: Heading under which it is listed.
        about: What it does, in a few words.
        epilog: Examples, below its own help.
        kind: Module and class of the command, or ``None`` for the usual one.
    """

    name: str
    function: str
    group: str
    about: str
    epilog: str
    kind: str | None = None

    def load(self) -> Any:
        """Import the command, and return it."""
        info = CommandInfo(
            name=self.name,
            cls=Command if self.kind is None else _imported(self.kind),
            callback=_imported(self.function),
            short_help=self.about,
            epilog=self.epilog,
            rich_help_panel=self.group,
        )
        return get_command_from_info(info, pretty_exceptions_short=True, rich_markup_mode=None)


def _imported(place: str) -> Any:
    module, name = place.split(":")
    return getattr(import_module(f"{_COMMANDS}.{module}"), name)


class _Commands(dict[str, Any]):
    """Commands by name; each is made when it is first asked for."""

    def __init__(self, listed: list[Listed]) -> None:
        super().__init__({each.name: None for each in listed})
        self._listed = {each.name: each for each in listed}

    def __getitem__(self, name: str) -> Any:
        if (found := super().__getitem__(name)) is None:
            found = self._listed[name].load()
            self[name] = found
        return found

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401  # this is `get`

    def values(self) -> Any:
        return self._all().values()

    def items(self) -> Any:
        return self._all().items()

    def _all(self) -> dict[str, Any]:
        return {name: self[name] for name in self}


class LazyGroup(TyperGroup):
    """A group of commands that lists them in groups, and imports a command when it is needed."""

    listed: list[Listed]

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Commands(self.listed)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # Click passes it
        """Return the names of the commands, in the order of the help."""
        return list(self.commands)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, then the commands."""
        write_parameters(self.get_params(ctx), ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the commands, group by group."""
        for group in dict.fromkeys(each.group for each in self.listed):
            rows = [(each.name, each.about) for each in self.listed if each.group == group]
            with formatter.section(group):
                formatter.write_dl(rows)
