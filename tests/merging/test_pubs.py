"""Results of shares of a primitive's work: merging undoes the split."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.primitives import BitArray

from qiskit_job_manager.errors import MergeError
from qiskit_job_manager.merging import PubShare, merge_pubs

relaxed = settings(deadline=None, max_examples=60)
SHAPES = ((), (1,), (3,), (2, 3))


def sampled(shots, shape=(), seed=0):
    """All that a sampler may give: bits of two registers, values of each shot, and averages."""
    draw = np.random.default_rng(seed)
    registers = {"low": 3, "wide": 11}
    bits = {
        name: draw.integers(0, 256, (*shape, shots, -(-size // 8)), np.uint8)
        for name, size in registers.items()
    }
    kernelled = draw.normal(size=(*shape, shots, 2)) + 1j
    fields = {**bits, "kernelled": kernelled, "average": kernelled.mean(axis=-2)}
    return share(fields, shots, shape=shape, sampled=True, bits=registers)


def share(fields, shots, *, shape=(), sampled=False, bits=None, **metadata):
    told = {"shots": shots, "circuit_metadata": {"a": 1}} | metadata
    return PubShare(shape, shots, sampled, fields, bits or {}, told)


def cut(whole, start, stop):
    """The part of a sampler's result that has these shots."""
    fields = {name: whole.fields[name][..., start:stop, :] for name in ("low", "wide", "kernelled")}
    fields["average"] = fields["kernelled"].mean(axis=-2)
    return share(fields, stop - start, shape=whole.shape, sampled=True, bits=whole.bits)


def estimated(shots, evs, stds, shape=(), **fields):
    fields = {"evs": np.asarray(evs), "stds": np.asarray(stds), **fields}
    return share(fields, shots, shape=shape)


def same(one, other):
    """Equal, and averages equal within rounding."""
    return (
        (one.shape, one.shots, one.sampled, one.bits) == (*_about(other),)
        and list(one.fields) == list(other.fields)
        and all(_same_field(name, one, other) for name in one.fields)
        and one.metadata == other.metadata
    )


def _about(share):
    return share.shape, share.shots, share.sampled, share.bits


def _same_field(name, one, other):
    a, b = np.asarray(one.fields[name]), np.asarray(other.fields[name])
    exact = name in ("low", "wide", "kernelled")
    return a.dtype == b.dtype and (np.array_equal(a, b) if exact else np.allclose(a, b))


def pieces(total, cuts):
    return list(pairwise([0, *sorted({c for c in cuts if c < total}), total]))


cutting = st.lists(st.integers(1, 29), max_size=5)
whole_runs = st.builds(
    sampled, st.integers(1, 30), st.sampled_from(SHAPES), st.integers(0, 2**32 - 1)
)


@relaxed
@given(whole_runs, cutting)
def test_merging_undoes_the_split(whole, cuts):
    parts = [cut(whole, *piece) for piece in pieces(whole.shots, cuts)]
    assert same(merge_pubs(parts), whole)


@relaxed
@given(whole_runs, cutting, st.data())
def test_it_makes_no_difference_which_shares_are_merged_first(whole, cuts, data):
    parts = [cut(whole, *piece) for piece in pieces(whole.shots, cuts)]
    start = data.draw(st.integers(0, len(parts) - 1))
    stop = data.draw(st.integers(start + 1, len(parts)))
    nested = [*parts[:start], merge_pubs(parts[start:stop]), *parts[stop:]]
    assert same(merge_pubs(nested), merge_pubs(parts))


estimates = st.builds(
    lambda shots, ev, std, extra: estimated(
        shots, [ev, -ev], [std, 2 * std], (2,), **({"extra": extra} if extra else {})
    ),
    st.integers(1, 1000),
    st.floats(-1, 1),
    st.floats(0, 1),
    st.integers(0, 2),
)


@relaxed
@given(st.lists(estimates, min_size=1, max_size=6), st.data())
def test_so_it_is_for_expectation_values(parts, data):
    start = data.draw(st.integers(0, len(parts) - 1))
    stop = data.draw(st.integers(start + 1, len(parts)))
    nested = [*parts[:start], merge_pubs(parts[start:stop]), *parts[stop:]]
    assert same(merge_pubs(nested), merge_pubs(parts))


@relaxed
@given(st.sampled_from(SHAPES), st.integers(1, 20), st.lists(st.integers(1, 9), min_size=1))
def test_bits_are_joined_as_qiskit_joins_them(shape, bits, counts):
    draw = np.random.default_rng(bits)
    arrays = [BitArray.from_bool_array(draw.random((*shape, n, bits)) < 0.5) for n in counts]
    parts = [
        share({"c": array.array}, array.num_shots, shape=shape, sampled=True, bits={"c": bits})
        for array in arrays
    ]
    merged = merge_pubs(parts)
    assert BitArray(merged.fields["c"], merged.bits["c"]) == BitArray.concatenate_shots(arrays)
    assert merged.metadata["shots"] == sum(counts)


def test_values_are_weighted_by_their_shots():
    merged = merge_pubs([estimated(300, 0.5, 0.03), estimated(100, 0.1, 0.07)])
    assert merged.fields["evs"] == pytest.approx(0.4)
    assert merged.fields["stds"] == pytest.approx(np.hypot(300 * 0.03, 100 * 0.07) / 400)
    assert merged.shots == 400


def test_the_deviation_of_a_mean_is_what_many_means_show():
    """The rule for the deviations, by a million draws of it."""
    draw = np.random.default_rng(5)
    parts = [estimated(300, draw.normal(0, 0.03, 10**6), 0.03 * np.ones(10**6), (10**6,))]
    parts += [estimated(100, draw.normal(0, 0.07, 10**6), 0.07 * np.ones(10**6), (10**6,))]
    merged = merge_pubs(parts)
    assert np.std(merged.fields["evs"]) == pytest.approx(merged.fields["stds"][0], rel=0.01)


def test_what_is_not_the_same_in_all_shares_is_left_out_and_named():
    like, unlike = {"noise": np.array([1.0, 3.0])}, {"fit": "linear"}
    parts = [estimated(10, 0.5, 0.1, **like, **unlike), estimated(10, 0.5, 0.1, **like, fit="none")]
    parts.append(estimated(10, 0.5, 0.1, **like, **unlike, odd=1))
    merged = merge_pubs(parts)
    assert list(merged.fields) == ["evs", "stds", "noise"]
    assert merged.metadata["left_out_by_merging"] == ["fit", "odd"]


def test_what_is_the_same_but_for_rounding_is_that_of_the_first_share():
    def parts(*values):
        return [estimated(10, 0.5, 0.1, noise=value) for value in values]

    assert merge_pubs(parts(0.0, 0.8e-6)).fields["noise"] == 0.0
    assert "noise" not in merge_pubs(parts(0.0, 0.8e-6, 1.6e-6)).fields


def test_what_was_left_out_of_merged_shares_stays_named():
    def pair(name):
        return merge_pubs([estimated(10, 0.5, 0.1, **{name: value}) for value in (1, 2)])

    merged = merge_pubs([pair("fit"), pair("odd")])
    assert merged.metadata["left_out_by_merging"] == ["fit", "odd"]


def test_the_precision_is_what_all_shares_reach():
    parts = [share({"evs": np.float64(0)}, n, target_precision=n**-0.5) for n in (300, 100)]
    assert merge_pubs(parts).metadata["target_precision"] == pytest.approx(0.05)
    exact = [share({"evs": np.float64(0)}, 1, target_precision=p) for p in (0.0, 0.1)]
    assert merge_pubs(exact).metadata["target_precision"] == 0


def test_one_share_is_itself():
    alone = sampled(5)
    assert merge_pubs([alone]) is alone


def _bits(shots=2, width=1, size=3, shape=(), name="c"):
    array = np.zeros((*shape, shots, width), np.uint8)
    return share({name: array}, shots, shape=shape, sampled=True, bits={name: size})


def _of_each(shape=(2,), shots=2):
    return share({"x": np.zeros(shape)}, shots, sampled=True)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([], "^there are no shares to merge$"),
        ([_bits(), _bits(name="d")], "'c' is missing in share 1"),
        ([_bits(), _bits(size=4)], "number of bits of 'c' of share 0 is 3"),
        ([_bits(), _bits(width=2)], "'c' do not fit together"),
        ([_bits(), _bits(shape=(2,))], r"shape of share 0 is \(\)"),
        (
            [_bits(), estimated(1, 0, 0)],
            "^the kind of share 0 is 'sampler' and that of share 1 'estimator'$",
        ),
        ([share({"x": np.zeros(())}, 1, sampled=True)] * 2, "'x' has 0 axes"),
        ([estimated(0, 0, 0)] * 2, "'evs' cannot be averaged"),
        ([estimated(1, 0, 0), share({"evs": np.zeros(())}, 1)], "'stds' is missing in share 1"),
        ([share({"v": 1}, 1)] * 2, "'evs' is missing"),
        (
            [estimated(1, [1, 2], 0), estimated(1, [1, 2, 3], 0)],
            r"^the shape of 'evs' .* \(2,\) and",
        ),
        ([estimated(1, 0, 0), estimated(1, [0, 0], 0)], r"shape of 'evs' of share 0 is \(\)"),
        ([estimated(1, 0, 0), estimated(1, 0, [0, 0])], r"shape of 'stds' of share 0 is \(\)"),
        ([estimated(1, "a", 0)] * 2, "'evs' do not fit together"),
        ([estimated(1, 0, "a")] * 2, "'stds' do not fit together"),
        ([share({"stds": 0.0, "evs": 0.0}, 0)] * 2, "^the field 'stds' cannot be averaged"),
        ([_of_each(shots=0)] * 2, "'x' cannot be averaged"),
        ([_of_each((2, 2)), _of_each((2,))], "'x' do not fit together"),
        ([_of_each((2,)), _of_each((2, 2))], r"shape of 'x' of share 0 is \(2,\)"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(parts, words):
    with pytest.raises(MergeError, match=words):
        merge_pubs(parts)
