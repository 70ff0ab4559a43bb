"""Help that lists the commands in groups."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class GroupedCommands(TyperGroup):
    """A group of commands whose help lists them in the groups that they name."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, group by group."""
        commands: list[Any] = [self.get_command(ctx, name) for name in self.list_commands(ctx)]
        for group in dict.fromkeys(command.rich_help_panel for command in commands):
            rows = [(c.name, c.short_help) for c in commands if c.rich_help_panel == group]
            with formatter.section(group):
                formatter.write_dl(rows)
