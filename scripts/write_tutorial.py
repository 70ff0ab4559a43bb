#!/usr/bin/env python
"""Executes `docs/tutorial.ipynb` and writes its outputs into it, for readers of the site."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial.ipynb"
# The folder is another one at each execution.
_STORE = re.compile(r"/[^\s\"'<>]*/tutorial\.db")


def main() -> None:
    """Execute the notebook, and write it."""
    notebook = nbformat.read(TUTORIAL, as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            if "metadata" in output:
                output["metadata"] = {}
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
            _hide_folder(output.get("data", {}))
    nbformat.write(notebook, TUTORIAL)


def _hide_folder(data: dict[str, Any]) -> None:
    for kind, value in data.items():
        if isinstance(value, str):
            data[kind] = _STORE.sub("…/tutorial.db", value)


if __name__ == "__main__":
    main()
