"""Functions and files stay as short as the page for contributors says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def code_lines(function, lines):
    """Lines without the head, the docstring, blank lines and comments."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    inside = (line.strip() for line in lines[body[0].lineno - 1 : function.end_lineno])
    return sum(bool(line) and not line.startswith("#") for line in inside)


def test_nineteen_of_twenty_functions_have_at_most_18_lines_of_code():
    sizes = []
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        functions = (each for each in ast.walk(ast.parse(text)) if is_function(each))
        sizes += [code_lines(each, text.splitlines()) for each in functions]
    sizes.sort()
    assert len(sizes) > 3000
    assert sizes[len(sizes) // 2] <= 8
    assert sizes[len(sizes) * 19 // 20] <= 18


def is_function(node):
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def test_no_file_is_longer_than_the_page_says():
    (most,) = re.findall(r"One concept is one file, up to (\d+) lines", PAGE)
    long = {
        path.relative_to(ROOT).as_posix(): n_lines
        for path in SOURCES
        if (n_lines := path.read_text(encoding="utf-8").count("\n")) > int(most)
    }
    assert long == {}
