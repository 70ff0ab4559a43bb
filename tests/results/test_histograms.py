"""Counts that are made all at once are those that Qiskit makes outcome by outcome."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from qiskit.result import Counts, Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

from qiskit_job_manager.results import counts as counts_module
from qiskit_job_manager.results.counts import histogram


def _experiment(counts, header, *, success=True):
    return ExperimentResult(7, success, ExperimentResultData(counts=counts), header=header)


def _qiskits(counts, header):
    return Result(results=[_experiment(dict(counts), header)]).get_counts(0)


def _same(ours, theirs):
    told = [{**vars(each)} for each in (ours, theirs)]
    raw = [
        [list((each.pop(name) or {}).items()) for name in ("int_raw", "hex_raw")] for each in told
    ]
    return (
        type(ours) is type(theirs) is Counts
        and list(ours.items()) == list(theirs.items())
        and told[0] == told[1]
        and raw[0] == raw[1]
    )


hexes = st.integers(0, 40).map(hex) | st.integers(0, 2**90).map(hex)
odd = st.sampled_from(["0X1F", "0x01", "0x1_0", " 0x1", "-0x1", "0b11", "11", "0 1", "02", "", 3])
registers = st.lists(
    st.tuples(st.text(max_size=2), st.integers(0, 9)).map(list) | st.just(("c", 3)), max_size=4
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=3),
        "creg_sizes": st.none() | registers | registers.map(tuple),
        "memory_slots": st.none() | st.integers(0, 70),
        "time_taken": st.none() | st.floats(0, 9),
    },
)
odd_headers = st.none() | st.fixed_dictionaries(
    {
        "creg_sizes": st.sampled_from([[["c", -1]], [["c", 2.0]], [["c"]], "c1", {"c": 1}, [7]]),
        "memory_slots": st.sampled_from([-1, 2.0, "3", True, 4]),
    }
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(hexes, st.integers() | st.floats(0, 1), min_size=1, max_size=9), headers)
@example({"0x5": 1}, {"creg_sizes": [["a", 2], ["b", 3]], "memory_slots": 5})
@example({"0x1f": 1, "0xf": 2}, {"creg_sizes": [["a", 4]], "memory_slots": 3})
def test_counts_by_hexadecimal_outcome_are_made_as_qiskit_makes_them(counts, header):
    for _ in range(2):  # the second time, the outcomes are known
        made = histogram(_experiment(dict(counts), header))
        assert made is not None
        assert _same(made, _qiskits(counts, header))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(hexes | odd, st.integers(), max_size=5), headers | odd_headers)
@example({"0x0": 1, 3: 2}, {})
@example({"-0x1": 1}, {})
@example({"0x1": 1}, {"memory_slots": -1})
@example({"0x1": 1}, {"memory_slots": 2, "creg_sizes": [["c", 2.0]]})
def test_whatever_else_a_backend_may_give_is_left_to_qiskit_or_made_the_same(counts, header):
    made = histogram(_experiment(dict(counts), header))
    assert made is None or _same(made, _qiskits(counts, header))


@pytest.mark.parametrize("counts", [{}, None, ["0x1"], {"0011": 2}])
def test_what_are_no_counts_by_hexadecimal_outcome_is_left_to_qiskit(counts):
    assert histogram(_experiment(counts, {"memory_slots": 4})) is None


def test_an_experiment_that_failed_is_left_to_qiskit():
    assert histogram(_experiment({"0x1": 1}, {}, success=False)) is None
    assert histogram(_experiment({"0x1": 1}, {})) == {"1": 1}


def test_a_qiskit_that_makes_counts_otherwise_is_asked_itself(monkeypatch):
    original = Counts.__init__

    def otherwise(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.more = bool(self.hex_raw)

    counts_module._can_be_made.cache_clear()
    try:
        monkeypatch.setattr(Counts, "__init__", otherwise)
        assert histogram(_experiment({"0x1": 1}, {})) is None
    finally:
        monkeypatch.undo()
        counts_module._can_be_made.cache_clear()
    assert histogram(_experiment({"0x1": 1}, {})) == {"1": 1}


def test_no_more_outcomes_are_remembered_than_fit():
    header = {"memory_slots": 11, "creg_sizes": [["bounded", 11]]}
    layout = counts_module._layout(11, (11,))
    for first in range(0, 2048, 100):
        counts = {hex(first + i): i + 1 for i in range(100)}
        assert _same(histogram(_experiment(counts, header)), _qiskits(counts, header))
        assert len(layout._numbers) == len(layout._texts) <= counts_module._OUTCOMES_KNOWN
    assert layout._numbers


def test_counts_can_be_changed_without_changing_others():
    counts = {"0x1": 1, "0x2": 3}
    header = {"memory_slots": 2, "creg_sizes": [["c", 2]]}
    first, second = (histogram(_experiment(dict(counts), dict(header))) for _ in range(2))
    first["01"] = 99
    first.int_raw[1] = first.hex_raw["0x1"] = 99
    assert _same(second, _qiskits(counts, header))
