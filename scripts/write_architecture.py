#!/usr/bin/env python3
"""Writes the generated parts of docs/architecture.md again, from the code itself.

The layers come from the import contract in pyproject.toml, the states from the table of
transitions. A test compares what this writes with the file that is there.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from qiskit_job_manager.lifecycle.table import TRANSITIONS
from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
SOURCE = ROOT / "src" / "qiskit_job_manager"
PACKAGE = "qiskit_job_manager"


def page(before: str) -> str:
    """Return the whole page, with its generated parts written again.

    Args:
        before: The page as it is; what stands between the marks of a part is replaced.
    """
    for name, text in (
        ("layers", layers_picture()),
        ("packages", packages_table()),
        ("states", states_picture()),
    ):
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        before = pattern.sub(lambda _, part=begin + text + end: part, before)
    return before


def layers() -> list[list[str]]:
    """Return the layers from the top down, each with the packages that share it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    [contract] = [each for each in contracts if each["type"] == "layers"]
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def layers_picture() -> str:
    """Return the stack of layers as a Mermaid flow chart; arrows point where imports may go."""
    lines = ["```mermaid", "flowchart TB"]
    for number, names in enumerate(layers()):
        lines.append(f'    L{number}["{" · ".join(names)}"]')
    lines += [f"    L{number} --> L{number + 1}" for number in range(len(layers()) - 1)]
    return "\n".join([*lines, "```", ""])


def packages_table() -> str:
    """Return one row for each package: what it holds, and what it imports directly."""
    rows = ["| package | what it holds | imports |", "| --- | --- | --- |"]
    for name in (name for layer in layers() for name in layer):
        used = ", ".join(f"`{each}`" for each in sorted(imports_of(name)))
        rows.append(f"| `{name}` | {_first_line(name)} | {used} |")
    return "\n".join([*rows, ""])


def imports_of(package: str) -> set[str]:
    """Return the packages of ours that a package imports, for types alone or at run time."""
    known = {name for layer in layers() for name in layer} - {package}
    return {
        name
        for path in _files(package)
        for module in _imported(path)
        if (name := module.split(".")[1]) in known
    }


def states_picture() -> str:
    """Return the table of transitions as a Mermaid state diagram."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> planned"]
    together: dict[tuple[JobState, JobState], list[str]] = {}
    for (before, event), after in TRANSITIONS.items():
        together.setdefault((before, after), []).append(str(event))
    for (before, after), events in together.items():
        lines.append(f"    {_node(before)} --> {_node(after)}: {', '.join(events)}")
    lines += [f"    {_node(state)} --> [*]" for state in JobState if state.is_final]
    return "\n".join([*lines, "```", ""])


def _node(state: JobState) -> str:
    return str(state).replace(" ", "_")


def _files(package: str) -> Iterator[Path]:
    folder = SOURCE / package
    yield from folder.rglob("*.py") if folder.is_dir() else [SOURCE / f"{package}.py"]


def _imported(path: Path) -> Iterator[str]:
    """Yield the full names of what a file imports from this project."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            yield from (f"{PACKAGE}.{each.name}" for each in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
            yield str(node.module)


def _first_line(package: str) -> str:
    folder = SOURCE / package
    path = folder / "__init__.py" if folder.is_dir() else SOURCE / f"{package}.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.split("\n\n", maxsplit=1)[0].replace("\n", " ").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
