from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qiskit_job_manager.merging import merge

relaxed = settings(deadline=None, max_examples=100)


def measured(outcomes, values, **fields):
    """What a backend returns that saw these outcomes, one a shot, and these kernelled values."""
    data = {
        "counts": {hex(n): outcomes.count(n) for n in dict.fromkeys(outcomes)},
        "memory": [hex(n) for n in outcomes],
        "statevector": np.array([0.6, 0.8j]),
        "each": list(values),
        "average": float(np.mean(values)),
    }
    told = {"each": "list", "average": "average", "statevector": "single"}
    return {
        "shots": len(outcomes),
        "success": True,
        "status": "DONE",
        "data": data,
        "meas_level": 2,
        "header": {"name": "bell"},
        "metadata": {"result_subtypes": told},
        "time_taken": len(outcomes) / 8,
    } | fields


def failed(reason):
    return {
        "shots": 50,
        "success": False,
        "status": reason,
        "data": {},
        "meas_level": 2,
        "of_failed": reason,
    }


def same(one, other):
    """Equal, but for the rounding of averages and for values that were not compared."""
    one, other = ({**part, "data": dict(part["data"])} for part in (one, other))
    averages = [part["data"].pop("average", 0.0) for part in (one, other)]
    states = [np.asarray(part["data"].pop("statevector", 0)) for part in (one, other)]
    return np.isclose(*averages) and np.array_equal(*states) and one == other


shots = st.lists(st.tuples(st.integers(0, 7), st.floats(-1, 1)), min_size=1, max_size=12)
runs = st.builds(lambda shots: measured(*map(list, zip(*shots, strict=True))), shots)
shares = st.lists(runs | st.builds(failed, st.sampled_from(["x", "y"])), min_size=1, max_size=6)


@relaxed
@given(shots, st.lists(st.integers(1, 11), max_size=5))
def test_merging_undoes_the_split(shots, cuts):
    """Shares of a run give, together, what the run would have given in one."""
    cuts = [0, *sorted({cut for cut in cuts if cut < len(shots)}), len(shots)]
    pieces = [shots[a:b] for a, b in pairwise(cuts)]
    whole = measured(*map(list, zip(*shots, strict=True)))
    parts = [measured(*map(list, zip(*piece, strict=True))) for piece in pieces]
    assert same(merge(parts), whole)


@relaxed
@given(shares, st.data())
def test_it_makes_no_difference_which_shares_are_merged_first(parts, data):
    start = data.draw(st.integers(0, len(parts) - 1))
    stop = data.draw(st.integers(start + 1, len(parts)))
    nested = [*parts[:start], merge(parts[start:stop]), *parts[stop:]]
    assert same(merge(nested), merge(parts))


@relaxed
@given(shares)
def test_shots_are_those_of_the_shares_with_data(parts):
    merged = merge(parts)
    expected = sum(part["shots"] for part in parts if part["data"])
    if len(parts) > 1:
        assert merged["shots"] == expected
    if expected:
        assert sum(merged["data"]["counts"].values()) == expected
        assert len(merged["data"]["memory"]) == expected


@relaxed
@given(shares)
def test_success_needs_every_share(parts):
    assert merge(parts)["success"] == all(part["success"] for part in parts)


@relaxed
@given(shares)
def test_the_shares_are_left_as_they_are(parts):
    copies = [{**part, "data": dict(part["data"])} for part in parts]
    merge(parts)
    assert all(same(part, copy) for part, copy in zip(parts, copies, strict=True))
