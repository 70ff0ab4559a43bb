"""Tables of the command line: aligned, streamed, and no wider than the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiskit_job_manager.cli.tables import Column, columns_of, shortened_to, table

THREE = (Column("A"), Column("NAME"), Column("C"))


def test_columns_are_aligned_and_lines_end_without_blanks():
    assert list(table(THREE, [("1", "量子", "x"), ("1000", "e\u0301", "")])) == [
        "A     NAME  C",
        "1     量子  x",
        "1000  e\u0301",
    ]


def test_a_table_without_rows_is_its_header():
    assert list(table(THREE, [])) == ["A  NAME  C"]


def test_a_file_gets_every_cell_whole():
    _, one, other = table(THREE, [("x" * 100, "y", "z"), ("1", "2", "3")])
    assert one == "x" * 100 + "  y     z"
    assert other == "1" + " " * 49 + "2     3"


def test_a_table_is_printed_while_its_rows_are_read():
    """A table of a million rows must not wait for, nor hold, the last of them."""
    rows = ((str(i),) for i in range(1_000_000))
    lines = table((Column("N"),), rows)
    assert [next(lines) for _ in range(2)] == ["N", "0"]
    assert int(next(rows)[0]) < 10_000


def test_every_row_has_its_line_whatever_the_page():
    lines = list(table((Column("N"),), ((str(i),) for i in range(1234))))
    assert [line.strip() for line in lines[1:]] == [str(i) for i in range(1234)]


def test_the_widest_cells_are_shortened_first_and_then_columns_dropped():
    columns = (Column("SET"), Column("NAME", least=4), Column("WHEN", dropped=1), Column("STATE"))
    row = ("9f3c2a11", "a-rather-long-name", "yesterday", "2 done")
    assert list(table(columns, [row], width=60))[1] == (
        "9f3c2a11  a-rather-long-name  yesterday  2 done"
    )
    assert list(table(columns, [row], width=42))[1] == "9f3c2a11  a-rather-lon…  yesterday  2 done"
    assert list(table(columns, [row], width=28))[1] == "9f3c2a11  a-rather-…  2 done"


cells = st.text("aZ0_-é量子", max_size=60)


@given(st.lists(st.tuples(cells, cells, cells), max_size=5), st.integers(4, 120))
def test_no_line_is_wider_than_the_terminal(rows, width):
    columns = (Column("A", least=3), Column("B", dropped=1), Column("C", least=2))
    assert all(columns_of(line) <= max(width, 7) for line in table(columns, rows, width=width))


@given(cells, st.integers(1, 70))
def test_a_shortened_text_takes_no_more_columns_than_it_may(text, width):
    shown = shortened_to(text, width)
    assert columns_of(shown) <= width
    assert shown == text or shown.endswith("…")


@pytest.mark.parametrize("width", [1, 2, 3])
def test_very_little_room_is_used(width):
    assert len(shortened_to("abcdef", width)) == width
