#!/usr/bin/env python3
"""Writes docs/command-line.md again, from the commands themselves.

A test compares what this writes with the file that is there.
"""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.main import get_command

from qiskit_job_manager.cli.app import app
from qiskit_job_manager.cli.errors import MEANINGS
from qiskit_job_manager.cli.help_words import shown_name, usage_word, value_word

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = Path(__file__).parents[1] / "docs" / "command-line.md"

_HEAD = """\
# The command line

<!-- Written by scripts/write_command_line_reference.py; not edited by hand. -->

Results go to standard output, all else to standard error. Without a terminal there is no colour
and nothing is redrawn; `NO_COLOR` and `TERM=dumb` have their usual effect. Names and messages of
others' making are shown with their control characters escaped. `qjm --install-completion` has the
shell complete commands, options and job sets.
"""

_ENVIRONMENT = {
    "QISKIT_JOB_MANAGER_STORE": "The store, unless `--store` names one: a file, or a URL.",
    "QISKIT_JOB_MANAGER_WORKERS": "Processes that compute simulations, unless `--workers` says so.",
    "QISKIT_JOB_MANAGER_EXECUTOR": "Cluster that does so instead, unless an option says so.",
    "QISKIT_JOB_MANAGER_NOTIFY": "Services that tell you, unless `--notify` names others.",
    "NO_COLOR": "Set to anything: no colour.",
    "TERM": "`dumb`: lines instead of what is redrawn in place.",
}


def reference() -> str:
    """Return the whole text."""
    group: Any = get_command(app)
    parts = [_HEAD, *_section("qjm", group)]
    for name, command in group.commands.items():
        parts += _section(f"qjm {name}", command)
    parts.append("## Exit codes\n")
    parts.append(_table(("code", "meaning"), [(str(c), text) for c, text in MEANINGS.items()]))
    parts.append("## Environment\n")
    parts.append(_table(("variable", "meaning"), [(f"`{k}`", v) for k, v in _ENVIRONMENT.items()]))
    return "\n".join(parts)


def _section(name: str, command: Any) -> Iterator[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    parameters = command.get_params(context)
    yield f"## {name}\n\n```\n{_usage(name, parameters)}\n```\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    for kind in ("argument", "option"):
        rows = [_row(each, context) for each in parameters if each.param_type_name == kind]
        if rows:
            yield _table((kind, "meaning"), rows)
    if examples := _examples(command.epilog or ""):
        yield "```\n" + "\n".join(examples) + "\n```\n"


def _usage(name: str, parameters: list[Any]) -> str:
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    shown = map(usage_word, arguments)
    return " ".join([name, "[OPTIONS]", *shown, *(["COMMAND"] if name == "qjm" else [])])


def _row(parameter: Any, context: Any) -> tuple[str, str]:
    record = parameter.get_help_record(context)
    shown, meaning = record or (value_word(parameter), "")
    shown = shown_name(parameter, shown)
    return f"`{_cell(shown)}`", _cell(" ".join(meaning.split()))


def _examples(epilog: str) -> list[str]:
    lines = (line.strip() for line in epilog.splitlines())
    return [line for line in lines if line.startswith("qjm ")]


def _table(header: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    lines = [header, ("---", "---"), *rows]
    return "".join(f"| {left} | {right} |\n" for left, right in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    os.environ.pop("QISKIT_JOB_MANAGER_STORE", None)
    REFERENCE.write_text(reference(), encoding="utf-8")
