from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest

from qiskit_job_manager.errors import PlanError
from qiskit_job_manager.model import Block, ExperimentSize, Limits, PlannedJob
from qiskit_job_manager.planning import plan, precision_of_share, shots_for


def spans(blocks):
    return [(block.start, block.stop) for block in blocks]


def test_nothing_gives_no_jobs():
    assert list(plan([], Limits(experiments_per_job=3))) == []


def test_without_limits_everything_is_one_job(sized):
    assert list(plan(sized(*[100] * 50), Limits())) == [
        Block(0, 50, (PlannedJob(index=0, start=0, stop=50, shots=100, share=0, shares=1),))
    ]


def test_experiments_per_job_is_kept_and_the_rest_comes_last(sized):
    assert spans(plan(sized(*[100] * 10), Limits(experiments_per_job=4))) == [
        (0, 4),
        (4, 8),
        (8, 10),
    ]


def test_executions_count_circuits_times_shots(sized):
    limits = Limits(executions_per_job=1000)
    assert spans(plan(sized(*[100] * 6, circuits=3), limits)) == [(0, 3), (3, 6)]


def test_payload_bytes_are_kept(sized):
    limits = Limits(payload_bytes_per_job=250)
    assert spans(plan(sized(1, 1, 1, payload_bytes=100), limits)) == [(0, 2), (2, 3)]


def test_different_shots_never_share_a_job(sized):
    assert spans(plan(sized(10, 10, 20, None, None, 10), Limits())) == [
        (0, 2),
        (2, 3),
        (3, 5),
        (5, 6),
    ]


def test_many_circuits_with_too_many_shots_are_one_job_a_share(sized):
    blocks = list(plan(sized(*[50_000] * 300), Limits(shots_per_experiment=10_000)))
    assert spans(blocks) == [(0, 300)]
    assert [job.shots for job in blocks[0].jobs] == [10_000] * 5
    assert [job.index for job in blocks[0].jobs] == [0, 1, 2, 3, 4]


def test_shares_are_as_equal_as_can_be(sized):
    (block,) = plan(sized(10), Limits(shots_per_experiment=4))
    assert [job.shots for job in block.jobs] == [4, 3, 3]
    assert [(job.share, job.shares) for job in block.jobs] == [(0, 3), (1, 3), (2, 3)]


def test_executions_alone_can_force_shares(sized):
    (block,) = plan(sized(1000, circuits=7), Limits(executions_per_job=3500))
    assert [job.shots for job in block.jobs] == [500, 500]


def test_shares_and_executions_hold_together(sized):
    limits = Limits(shots_per_experiment=100, executions_per_job=250)
    blocks = list(plan(sized(*[200] * 5), limits))
    assert spans(blocks) == [(0, 2), (2, 4), (4, 5)]
    assert all(len(block.jobs) == 2 for block in blocks)


def test_one_wide_experiment_does_not_multiply_the_jobs_of_its_neighbours():
    sizes = [
        ExperimentSize(0, "a", 1, 100, 1),
        ExperimentSize(1, "wide", 50, 100, 1),
        ExperimentSize(2, "b", 1, 100, 1),
    ]
    blocks = list(plan(sizes, Limits(executions_per_job=1100)))  # room for "b" in each share
    assert [(b.start, b.stop, len(b.jobs)) for b in blocks] == [(0, 1, 1), (1, 2, 5), (2, 3, 1)]


def test_shots_left_to_the_backend_stay_open_and_are_never_split(sized):
    blocks = list(plan(sized(None, None, None), Limits(shots_per_experiment=1)))
    assert [job.shots for block in blocks for job in block.jobs] == [None]


def test_shots_left_to_the_backend_count_as_one_execution_a_circuit(sized):
    limits = Limits(executions_per_job=10)
    assert spans(plan(sized(None, None, None, circuits=4), limits)) == [(0, 2), (2, 3)]


def test_indices_and_jobs_go_on_from_where_a_plan_is_resumed():
    sizes = [ExperimentSize(index, "c", 1, 10, 1) for index in (7, 8)]
    blocks = list(plan(sizes, Limits(experiments_per_job=1), start_job=20))
    assert [(b.start, b.jobs[0].index) for b in blocks] == [(7, 20), (8, 21)]


def test_the_limits_on_the_pace_do_not_split(sized):
    limits = Limits(pending_jobs=1, submissions_per_minute=1)
    assert spans(plan(sized(*[5] * 10), limits)) == [(0, 10)]


def test_a_block_comes_when_at_most_one_more_experiment_was_taken(sized):
    taken = []

    def stream():
        for size in sized(*[10] * 9):
            taken.append(size.index)
            yield size

    blocks = plan(stream(), Limits(experiments_per_job=3))
    assert taken == []
    for block in blocks:
        assert taken[-1] <= block.stop


def test_an_endless_stream_can_be_planned():
    def stream():
        index = 0
        while True:
            yield ExperimentSize(index, "c", 1, 1, 1)
            index += 1

    blocks = plan(stream(), Limits(experiments_per_job=2))
    assert spans(next(blocks) for _ in range(3)) == [(0, 2), (2, 4), (4, 6)]


@pytest.mark.parametrize("field", [field.name for field in fields(Limits)])
@pytest.mark.parametrize("value", [0, -1, True, 2.0, "9"])
def test_an_unusable_limit_is_refused_at_once_by_name(field, value):
    with pytest.raises(PlanError) as caught:
        plan([], Limits(**{field: value}))
    assert field in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("shots", [0, -5, True, 1.5])
def test_unusable_shots_are_refused_by_index_and_name(shots):
    with pytest.raises(PlanError, match=r"experiment 3 \('bell'\)"):
        list(plan([ExperimentSize(3, "bell", 1, shots, 1)], Limits()))


@pytest.mark.parametrize("circuits", [-1, True, 1.5])
def test_an_impossible_number_of_circuits_is_refused(circuits):
    with pytest.raises(PlanError, match=rf"experiment 0 \('odd'\) has {circuits} circuits"):
        list(plan([ExperimentSize(0, "odd", circuits, 1, 1)], Limits()))


def test_an_experiment_without_circuits_takes_no_executions():
    empty, full = ExperimentSize(0, "empty", 0, 9, 1), ExperimentSize(1, "full", 1, 9, 1)
    (block,) = plan([empty, full], Limits(executions_per_job=9))
    assert [(job.start, job.stop, job.circuits, job.shots) for job in block.jobs] == [(0, 2, 1, 9)]


@pytest.mark.parametrize(
    ("size", "limits", "words"),
    [
        (
            ExperimentSize(1, "big", 1, 10, 5000),
            Limits(payload_bytes_per_job=4999),
            ["payload_bytes_per_job", "5000", "4999"],
        ),
        (
            ExperimentSize(1, "big", 11, 1, 1),
            Limits(executions_per_job=10),
            ["executions_per_job", "11", "10"],
        ),
        (
            ExperimentSize(1, "big", 11, None, 1),
            Limits(executions_per_job=10),
            ["executions_per_job", "11", "10"],
        ),
    ],
)
@pytest.mark.parametrize("split_shots", [True, False])
def test_what_no_split_can_mend_is_refused_by_index_name_limit_and_figure(
    size, limits, words, split_shots
):
    sizes = [ExperimentSize(0, "fine", 1, size.shots, 1), size]
    with pytest.raises(PlanError) as caught:
        list(plan(sizes, limits, split_shots=split_shots))
    for word in ["experiment 1", "'big'", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(shots_per_experiment=99), ["shots_per_experiment", "100", "99"]),
        (Limits(executions_per_job=199), ["executions_per_job", "200", "199"]),
    ],
)
def test_too_many_shots_are_refused_when_they_may_not_be_split(limits, words):
    size = ExperimentSize(0, "long", 2, 100, 1)
    assert len(next(plan([size], limits)).jobs) == 2
    with pytest.raises(PlanError) as caught:
        next(plan([size], limits, split_shots=False))
    for word in ["experiment 0", "'long'", *words]:
        assert word in str(caught.value)


def test_a_figure_at_its_limit_is_allowed():
    size = ExperimentSize(0, "c", 2, 100, 50)
    limits = Limits(
        experiments_per_job=1,
        executions_per_job=200,
        shots_per_experiment=100,
        payload_bytes_per_job=50,
    )
    assert spans(plan([size], limits, split_shots=False)) == [(0, 1)]


def test_unknown_shots_may_stay_when_shots_may_not_be_split(sized):
    assert spans(plan(sized(None), Limits(shots_per_experiment=1), split_shots=False)) == [(0, 1)]


def test_experiments_of_other_precision_are_sent_apart():
    sizes = [
        ExperimentSize(i, f"c{i}", 1, 400, 10, precision)
        for i, precision in enumerate([0.05, 0.05, 0.0501, None, None])
    ]
    blocks = list(plan(sizes, Limits()))
    assert [(block.start, block.stop) for block in blocks] == [(0, 2), (2, 3), (3, 5)]


@pytest.mark.parametrize(
    ("precision", "shots"),
    [(None, None), (0, None), (0.0, None), (1.0, 1), (0.015625, 4096), (0.03, 1112), (1e-9, 2**53)],
)
def test_a_precision_stands_for_the_shots_that_reach_it(precision, shots):
    assert shots_for(precision) == shots


def test_shares_of_a_precision_reach_it_together():
    for precision in (0.01, 0.03, 0.1):
        shots = shots_for(precision)
        assert precision_of_share(precision, shots) == precision
        assert precision_of_share(precision, None) == precision
        parts = [shots // 3, shots - shots // 3]
        weights = [1 / precision_of_share(precision, part) ** 2 for part in parts]
        assert sum(weights) ** -0.5 == pytest.approx(precision, rel=1e-3)


def test_only_a_tiny_precision_stands_for_the_most_shots():
    assert shots_for(math.sqrt(1.5 / 2**53)) == pytest.approx(2**53 / 1.5)
    assert shots_for(math.sqrt(0.9 / 2**53)) == 2**53


def test_limits_hold_for_the_largest_share(sized):
    limits = Limits(shots_per_experiment=2, executions_per_job=3)  # shares of 2 shots and of 1
    assert spans(plan(sized(3, 3), limits)) == [(0, 1), (1, 2)]


def test_a_job_knows_its_circuits_where_they_are_more_than_its_experiments():
    sizes = [ExperimentSize(index, "c", 3, 10, 1) for index in (4, 5)]
    (block,) = plan(sizes, Limits(shots_per_experiment=5))
    assert [job.circuits for job in block.jobs] == [6, 6]
    (block,) = plan([ExperimentSize(4, "c", 1, 10, 1)], Limits())
    assert block.jobs[0].circuits is None


BIG = ExperimentSize(2, "big", 11, 100, 5000)


@pytest.mark.parametrize(
    ("size", "limits", "text"),
    [
        (
            BIG,
            Limits(pending_jobs=0),
            (
                "the limit pending_jobs is 0; it must be a whole number of at least 1, or None for "
                "no limit"
            ),
        ),
        (
            replace(BIG, shots=0),
            Limits(),
            (
                "experiment 2 ('big') asks for 0 shots; it must be a whole number of at least 1, "
                "or None for the backend's default"
            ),
        ),
        (
            replace(BIG, circuits=-1),
            Limits(),
            "experiment 2 ('big') has -1 circuits; it must be a whole number of at least 0",
        ),
        (
            BIG,
            Limits(payload_bytes_per_job=4999),
            (
                "experiment 2 ('big') takes 5000 bytes, more than the limit payload_bytes_per_job "
                "of 4999; an experiment cannot be divided, so make it smaller"
            ),
        ),
        (
            BIG,
            Limits(executions_per_job=10),
            (
                "experiment 2 ('big') has 11 circuits after parameter broadcasting, more than the "
                "limit executions_per_job of 10 even at one shot; give its parameters in several "
                "experiments"
            ),
        ),
        (
            BIG,
            Limits(shots_per_experiment=99),
            (
                "experiment 2 ('big') asks for 100 shots, more than the limit shots_per_experiment "
                "of 99; ask for fewer shots, or allow them to be split"
            ),
        ),
        (
            BIG,
            Limits(executions_per_job=1099),
            (
                "experiment 2 ('big') takes 1100 executions (11 x 100 shots), more than the limit "
                "executions_per_job of 1099; ask for fewer shots, or allow them to be split"
            ),
        ),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_would_be_right(size, limits, text):
    with pytest.raises(PlanError) as caught:
        list(plan([size], limits, split_shots=False))
    assert caught.value.message == text
