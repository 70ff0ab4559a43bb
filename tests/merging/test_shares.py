from __future__ import annotations

import numpy as np
import pytest

from qiskit_job_manager.errors import MergeError
from qiskit_job_manager.merging import merge


def test_no_share_is_refused():
    with pytest.raises(MergeError, match=r"^there are no shares to merge$"):
        merge([])


def test_one_share_is_itself(share):
    alone = share(5, header={"name": "a"}, status="DONE", odd=[1])
    assert merge([alone]) == alone


def test_shots_and_counts_add(share):
    merged = merge([share(10), share(7), share(7)])
    assert merged["shots"] == 24
    assert merged["data"] == {"counts": {"0x0": 24}}
    assert merged["success"] is True


def test_shots_of_numpy_add(share):
    assert merge([share(np.int64(10)), share(np.int64(5))])["shots"] == 15


@pytest.mark.parametrize("form", [tuple, list])
def test_ranges_of_shots_are_joined_in_their_own_form(share, form):
    counts = {"counts": {"0x0": 1}}
    going_on = merge([share(form((1, 10)), data=counts), share(form((11, 15)), data=counts)])
    assert going_on["shots"] == form((1, 15))
    from_one_again = merge([share(form((1, 10)), data=counts), share(form((1, 5)), data=counts)])
    assert from_one_again["shots"] == form((1, 15))


def test_ranges_of_shots_take_the_form_of_the_first(share):
    counts = {"counts": {"0x0": 1}}
    parts = [share((1, 10), data=counts), share([1, 5], data=counts)]
    assert merge(parts)["shots"] == (1, 15)


def test_a_range_and_a_number_of_shots_give_a_number(share):
    counts = {"counts": {"0x0": 1}}
    assert merge([share((1, 10), data=counts), share(5, data=counts)])["shots"] == 15


def test_shots_that_nobody_told_stay_untold(share):
    counts = {"counts": {"0x0": 1}}
    assert merge([share(None, data=counts), share(None, data=counts)])["shots"] is None


@pytest.mark.parametrize("odd", [None, "many", (1, 2, 3)])
def test_shots_that_cannot_be_added_are_refused_by_name(share, odd):
    counts = {"counts": {"0x0": 1}}
    with pytest.raises(MergeError, match="'shots'"):
        merge([share(5, data=counts), share(odd, data=counts)])


def test_memory_keeps_the_order_of_the_shares(share):
    parts = [share(2, data={"memory": ["0x1", "0x0"]}), share(1, data={"memory": ["0x2"]})]
    assert merge(parts)["data"]["memory"] == ["0x1", "0x0", "0x2"]


def test_a_field_that_one_share_lacks_is_refused_by_name(share):
    parts = [share(1, data={"counts": {"0x0": 1}, "memory": ["0x0"]}), share(1)]
    with pytest.raises(MergeError, match="'memory' is missing in share 1"):
        merge(parts)


class TestWholeState:
    def test_equal_states_are_kept_once(self, share):
        state = np.array([1, 1j]) / np.sqrt(2)
        merged = merge([share(data={"statevector": state}), share(data={"statevector": state + 0})])
        assert merged["data"]["statevector"] is state

    def test_rounding_is_no_difference(self, share):
        parts = [share(data={"unitary": np.eye(2) + wiggle}) for wiggle in (0, 1e-9)]
        assert np.array_equal(merge(parts)["data"]["unitary"], np.eye(2))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (np.array([1, 0]), np.array([0, 1])),
            (np.array([1, 0]), np.array([1, 0, 0])),
            ([1.0, 0.0], [1.0, 0.5]),
            ([1.0], [1.0, 0.0]),
            ({"a": 1}, {"b": 1}),
            ({"a": [1]}, {"a": [2]}),
            ("x", "y"),
            (1.0, "1.0"),
            (np.array(["a"]), np.array(["b"])),
            (np.array([1.0]), np.array(["a"])),
            (np.array([1.0, 0.0]), "x"),
            ({"a": 1}, 1),
            (1, {"a": 1}),
            ([1.0], 1.0),
            (1.0, [1.0]),
            ([0.1, float("nan")], [0.1, 1.0]),
            ([0.1, 1.0], [0.1, float("nan")]),
        ],
    )
    def test_different_values_are_refused_by_name(self, share, one, other):
        with pytest.raises(MergeError, match=r"'statevector'.*share 1 differs from share 0"):
            merge([share(data={"statevector": one}), share(data={"statevector": other})])

    @pytest.mark.parametrize(
        "value",
        [
            np.array([1, np.nan]),
            [0.1, [complex(0, 1), float("nan")]],
            {"x": [{"value": np.ones(3)}]},
            "text",
            None,
            np.array(["a"]),
        ],
    )
    def test_equal_values_of_any_kind_are_kept(self, share, value):
        assert merge([share(data={"snapshots": value})] * 2)["data"]["snapshots"] is value

    def test_an_array_and_a_list_of_the_same_numbers_are_equal(self, share):
        array, listed = np.array([1.0, 0.5]), [1.0, 0.5]
        for one, other in ((array, listed), (listed, array)):
            merged = merge([share(data={"saved": one}), share(data={"saved": other})])
            assert merged["data"]["saved"] is one

    def test_states_of_qiskit_are_compared_by_their_amplitudes(self, share):
        from qiskit.quantum_info import Operator, Statevector

        plus, minus = Statevector.from_label("+"), Statevector.from_label("-")
        parts = [
            share(data={"statevector": Statevector(plus), "unitary": Operator.from_label("X")})
        ]
        assert merge(parts * 2)["data"]["statevector"] == plus
        with pytest.raises(MergeError, match="statevector"):
            merge([share(data={"statevector": plus}), share(data={"statevector": minus})])


class TestKernelledMemory:
    def test_single_shots_are_joined_on_the_axis_of_shots(self, share):
        parts = [
            share(2, meas_level=1, meas_return="single", data={"memory": np.ones((2, 3)) * 1j}),
            share(1, meas_level=1, meas_return="single", data={"memory": np.zeros((1, 3)) * 1j}),
        ]
        assert merge(parts)["data"]["memory"].shape == (3, 3)

    def test_averages_are_weighted_by_shots(self, share):
        parts = [
            share(3, meas_level=1, meas_return="avg", data={"memory": [[1.0, 2.0]]}),
            share(1, meas_level=1, meas_return="avg", data={"memory": [[5.0, 2.0]]}),
        ]
        assert merge(parts)["data"]["memory"] == [[2.0, 2.0]]

    @pytest.mark.parametrize(
        ("level", "single", "averaged"),
        [
            (1, [[[1.0, 0.0]], [[3.0, 0.0]]], [[1.0, 0.0]]),
            (1, np.array([[1j], [3j]]), np.array([1j])),
            (0, [[[[1.0, 0.0]]], [[[3.0, 0.0]]]], [[[1.0, 0.0]]]),
            (0, np.array([[[1j]], [[3j]]]), np.array([[1j]])),
        ],
    )
    def test_what_is_not_told_is_seen_by_the_shape(self, share, level, single, averaged):
        of_single = merge([share(2, meas_level=level, data={"memory": single})] * 2)
        assert len(of_single["data"]["memory"]) == 4
        of_averages = merge([share(2, meas_level=level, data={"memory": averaged})] * 2)
        assert np.array_equal(of_averages["data"]["memory"], averaged)

    def test_qiskits_own_words_for_level_and_return_are_understood(self, share):
        from qiskit.result.models import MeasLevel, MeasReturnType

        said = {"meas_level": MeasLevel.KERNELED, "meas_return": MeasReturnType.AVERAGE}
        merged = merge([share(1, **said, data={"memory": np.array([1j, 2j])})] * 2)
        assert merged["data"]["memory"].tolist() == [1j, 2j]
        said["meas_return"] = MeasReturnType.SINGLE
        merged = merge([share(1, **said, data={"memory": np.array([[1j, 2j]])})] * 2)
        assert merged["data"]["memory"].tolist() == [[1j, 2j]] * 2

    def test_memory_of_no_stated_level_is_classified(self, share):
        part = share(1, meas_return="avg", data={"memory": ["0x1"]})
        del part["meas_level"]
        assert merge([part, part])["data"]["memory"] == ["0x1", "0x1"]

    def test_an_average_and_single_shots_are_refused(self, share):
        averaged = share(2, meas_level=1, data={"memory": [[1.0, 0.0]]})
        single = share(2, meas_level=1, data={"memory": [[[1.0, 0.0]], [[3.0, 0.0]]]})
        with pytest.raises(MergeError, match="'memory' do not fit together"):
            merge([averaged, single])

    def test_averages_of_different_shape_are_refused(self, share):
        parts = [
            share(1, meas_level=1, meas_return="avg", data={"memory": np.zeros(n)}) for n in (1, 2)
        ]
        with pytest.raises(MergeError, match=r": the shares have different shapes$"):
            merge(parts)

    def test_averages_over_no_shots_are_refused(self, share):
        part = share(0, meas_level=1, meas_return="avg", data={"memory": np.zeros(1)})
        with pytest.raises(MergeError, match=r": an average over no shots has no weight$"):
            merge([part, part])

    @pytest.mark.parametrize(("field", "values"), [("meas_level", (1, 2)), ("meas_return", "ab")])
    def test_shares_that_measured_differently_are_refused(self, share, field, values):
        one, other = values
        words = f"^'{field}' is {one!r} in share 0 and {other!r} in 1$"
        with pytest.raises(MergeError, match=words):
            merge([share(1, **{field: value}) for value in values])


class TestSavedBySimulators:
    def saved(self, share, subtype, shots, value):
        metadata = {"result_subtypes": {"saved": subtype}}
        return share(shots, metadata=metadata, data={"saved": value})

    def test_averages_are_weighted_by_shots(self, share):
        parts = [self.saved(share, "average", 3, 1.0), self.saved(share, "average", 1, -1.0)]
        assert merge(parts)["data"]["saved"] == 0.5

    def test_averages_in_dictionaries_are_averaged_by_key(self, share):
        parts = [
            self.saved(share, "average", 3, {"0x0": 1.0}),
            self.saved(share, "average", 1, {"0x1": 1.0}),
        ]
        assert merge(parts)["data"]["saved"] == {"0x0": 0.75, "0x1": 0.25}

    def test_averages_of_states_stay_states(self, share):
        from qiskit.quantum_info import DensityMatrix

        zero, one = DensityMatrix.from_label("0"), DensityMatrix.from_label("1")
        parts = [self.saved(share, "average", 1, zero), self.saved(share, "average", 1, one)]
        assert merge(parts)["data"]["saved"] == DensityMatrix(np.eye(2) / 2)

    def test_values_of_each_shot_follow_each_other(self, share):
        parts = [self.saved(share, "list", 2, ["a", "b"]), self.saved(share, "list", 1, ["c"])]
        assert merge(parts)["data"]["saved"] == ["a", "b", "c"]

    def test_one_value_for_all_shots_is_kept_once(self, share):
        parts = [self.saved(share, "list", 20, ["a"]), self.saved(share, "list", 20, ["a"])]
        assert merge(parts)["data"]["saved"] == ["a"]

    @pytest.mark.parametrize("subtype", ["accum", "c_accum"])
    def test_plain_sums_are_refused(self, share, subtype):
        with pytest.raises(MergeError, match=r"'saved'.*: a sum over shots .*; save the average$"):
            merge([self.saved(share, subtype, 2, 1.0)] * 2)


class TestFailedShares:
    def test_a_failed_share_without_data_adds_nothing_and_says_why(self, share):
        failed = share(90, success=False, status="ERROR: fridge", data={})
        merged = merge([share(10, status="DONE"), failed, share(5, status="DONE")])
        assert merged["data"] == {"counts": {"0x0": 15}}
        assert merged["shots"] == 15
        assert merged["success"] is False
        assert merged["status"] == "ERROR: fridge"

    def test_what_a_failed_share_did_measure_counts(self, share):
        merged = merge([share(10), share(3, success=False, status="CANCELLED")])
        assert (merged["shots"], merged["success"]) == (13, False)
        assert merged["data"] == {"counts": {"0x0": 13}}

    def test_the_first_reason_is_kept(self, share):
        parts = [share(1, success=False, status=why, data={}) for why in ("one", "two")]
        merged = merge(parts)
        assert (merged["status"], merged["shots"], merged["data"]) == ("one", 0, {})

    def test_a_failure_without_words_is_not_called_done(self, share):
        assert "status" not in merge([share(1, status="DONE"), share(1, success=False, data={})])


class TestSharesThatDoNotSayWhetherTheySucceeded:
    @pytest.fixture
    def silent(self, share):
        def make(**fields):
            part = share(4, **{"status": "DONE", **fields})
            del part["success"]
            return part

        return make

    def test_they_are_taken_as_successes(self, silent, share):
        merged = merge([silent(), silent()])
        assert (merged["success"], merged["status"]) == (True, "DONE")
        assert merge([share(status="DONE"), silent(status="ENDED")])["status"] == "DONE"

    def test_their_shots_count_without_data(self, silent):
        assert merge([silent(data={}), silent(data={})])["shots"] == 8


def test_the_time_of_a_failed_share_without_data_is_not_added(share):
    failed = share(1, success=False, data={}, time_taken=4.0)
    merged = merge([share(1, time_taken=0.5), failed, share(1, time_taken=0.25)])
    assert merged["time_taken"] == 0.75
    assert merge([failed, failed])["time_taken"] == 8.0


def test_times_that_are_no_numbers_are_not_added(share):
    assert merge([share(1, time_taken="soon"), share(1)])["time_taken"] == "soon"
    assert "time_taken" not in merge([share(1), share(1)])


def test_time_adds_and_the_rest_is_from_the_first_share_with_data(share):
    parts = [
        share(1, success=False, data={}, header={"name": "none"}, only_failed=1),
        share(1, time_taken=0.5, seed=1, header={"name": "a"}, metadata={"time_taken": 0.5}),
        share(1, time_taken=0.25, seed=2, header={"name": "a"}, metadata={"time_taken": 0.25}, x=1),
    ]
    merged = merge(parts)
    assert merged["time_taken"] == 0.75
    assert (merged["seed"], merged["x"], merged["header"]) == (1, 1, {"name": "a"})
    assert merged["metadata"] == {"time_taken": 0.5}
    assert "only_failed" not in merged


def test_shares_without_any_data_have_none_together(share):
    merged = merge([share(4, data={}), share(4, data={})])
    assert (merged["data"], merged["shots"]) == ({}, 8)


def test_data_of_a_wrong_kind_is_refused_by_name(share):
    with pytest.raises(MergeError, match="'counts'"):
        merge([share(1, data={"counts": 3}), share(1)])


@pytest.mark.parametrize("form", [np.array, list, lambda values: {"x": values}])
@pytest.mark.parametrize(
    ("value", "other", "alike"),
    [
        (1000.0, 1000.0 * (1 + 0.9e-5), True),
        (1000.0, 1000.0 * (1 + 1.2e-5), False),
        (0.0, 0.9e-6, True),
        (0.0, 1.2e-6, False),
    ],
)
def test_amplitudes_may_differ_by_rounding_and_by_no_more(share, form, value, other, alike):
    parts = [share(data={"saved": form([each])}) for each in (value, other)]
    if alike:
        assert merge(parts)["data"]["saved"] is parts[0]["data"]["saved"]
        return
    with pytest.raises(MergeError, match=r"'saved'.*share 1 differs from share 0"):
        merge(parts)
