from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiskit_job_manager.merging import merge_counts

relaxed = settings(deadline=None, max_examples=100)


def test_no_counts_give_none():
    assert merge_counts([]) == {}


def test_counts_add():
    assert merge_counts([{"0x0": 3, "0x1": 4}, {"0x1": 5, "0x2": 6}]) == {
        "0x0": 3,
        "0x1": 9,
        "0x2": 6,
    }


def test_the_same_outcome_spelled_differently_is_added_under_its_first_spelling():
    merged = merge_counts([{"0x0A": 1}, {"0xa": 2}, {"0XA": 4}, {"0b1010": 8}, {"0x00a": 16}])
    assert merged == {"0x0A": 31}


def test_outcomes_beyond_64_bits_are_told_apart():
    one, other = hex(2**100), hex(2**100 + 1)
    assert merge_counts([{one: 1}, {other: 2}, {one: 3}]) == {one: 4, other: 2}


@pytest.mark.parametrize("key", ["01 10", "0 1", "11", "0xzz", "", "0x"])
def test_keys_that_are_no_prefixed_numbers_equal_only_themselves(key):
    assert merge_counts([{key: 1}, {"0x3": 2}, {key: 4}]) == {key: 5, "0x3": 2}


def test_bit_strings_are_not_taken_for_numbers():
    assert merge_counts([{"1": 1}, {"01": 1}]) == {"1": 1, "01": 1}


def test_a_text_is_not_the_number_that_it_could_be_read_as():
    assert merge_counts([{"10": 1}, {"0xa": 2}]) == {"10": 1, "0xa": 2}


def test_keys_that_are_numbers_add():
    assert merge_counts([{3: 1}, {3: 2, "0x3": 4}]) == {3: 7}


def test_quasi_counts_add_and_may_be_negative():
    assert merge_counts([{"0x0": 0.75, "0x1": -0.25}, {"0x0": 0.25}]) == {"0x0": 1.0, "0x1": -0.25}


def test_the_order_is_that_of_first_appearance():
    assert list(merge_counts([{"0x3": 1, "0x0": 1}, {"0x2": 1, "0x3": 1}])) == ["0x3", "0x0", "0x2"]


def test_the_shares_are_left_as_they_are():
    parts = [{"0x0": 1}, {"0x0": 2}]
    merge_counts(parts)
    assert parts == [{"0x0": 1}, {"0x0": 2}]


outcomes = st.lists(st.integers(0, 7), max_size=60)


@relaxed
@given(st.lists(outcomes, max_size=6), st.data())
def test_counts_of_shares_give_the_counts_of_all_shots(shares, data):
    """However each share spells its outcomes, the sum is what one run would have counted."""
    spell = [hex, bin, lambda n: f"0x{n:04x}", lambda n: f"0X{n:X}"]
    parts = []
    for share in shares:
        style = data.draw(st.sampled_from(spell))
        parts.append({style(n): share.count(n) for n in dict.fromkeys(share)})
    merged = {int(key, 0): count for key, count in merge_counts(parts).items()}
    flat = [n for share in shares for n in share]
    assert merged == {n: flat.count(n) for n in set(flat)}
    assert len(merge_counts(parts)) == len(merged)
