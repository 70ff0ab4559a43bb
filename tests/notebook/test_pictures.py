"""Pictures hold what they should, and no name is taken for a formula."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.collections import PathCollection

from qiskit_job_manager import InvalidArgumentError, Limits
from qiskit_job_manager.model import AttemptRecord, RemoteState
from qiskit_job_manager.model.payloads import RemoteFigures
from qiskit_job_manager.pictures.timeline import draw_timeline, spans_of
from qiskit_job_manager.testing import JobStory

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def t(seconds):
    return None if seconds is None else T0 + timedelta(seconds=seconds)


@pytest.fixture(autouse=True)
def no_window():
    plt.switch_backend("agg")
    yield
    plt.close("all")


def attempt(accepted=None, ended=None, error=None, figures=None):
    return AttemptRecord(1, "tag", "id", T0, t(accepted), t(ended), error, figures)


def told(started, ended):
    return RemoteFigures(started_at=t(started), ended_at=t(ended))


def parts(*arguments, now=100, **facts):
    spans = spans_of(attempt(*arguments, **facts), t(now))
    return [(s.label, (s.begin - T0).seconds, (s.end - T0).seconds) for s in spans]


# -- what went on ---------------------------------------------------------------------------------


def test_what_is_not_accepted_is_being_submitted_until_now():
    assert parts() == [("submitting", 0, 100)]


def test_without_figures_the_backend_had_it_until_its_end():
    assert parts(2, 50) == [("submitting", 0, 2), ("queued or running", 2, 50)]


def test_with_figures_the_queue_the_run_and_the_collecting_are_told_apart():
    assert parts(2, 50, figures=told(30, 40)) == [
        ("submitting", 0, 2),
        ("queued", 2, 30),
        ("running", 30, 40),
        ("collecting", 40, 50),
    ]


def test_what_still_runs_runs_until_now():
    assert parts(2, figures=told(30, None))[-1] == ("running", 30, 100)


@given(*(st.none() | st.integers(-500, 500) for _ in range(4)))
def test_whatever_the_clocks_say_spans_follow_each_other(accepted, started, ended, over):
    figures = None if started is None else told(started, ended)
    spans = list(spans_of(attempt(accepted, over, figures=figures), t(100)))
    assert all(span.begin < span.end for span in spans)
    for before, after in pairwise(spans):
        assert before.end == after.begin
    assert all(span.begin >= T0 for span in spans)


# -- what is drawn --------------------------------------------------------------------------------


def legend(figure):
    return [each.get_text() for each in figure.axes[0].get_legend().get_texts()]


def drawn(figure, tmp_path):
    """Draw it for good, as much goes wrong only then; warnings are errors."""
    path = tmp_path / "picture.png"
    figure.savefig(path)
    return path.stat().st_size


def test_a_timeline_has_a_row_for_each_job_and_a_cross_for_each_failure(tmp_path):
    tries = [
        [attempt(2, 50, figures=told(30, 40))],
        [attempt(2, 50, "warm"), attempt(60, 90)],
    ]
    figure = draw_timeline("set", tries, t(100), None)
    axes = figure.axes[0]
    assert legend(figure) == ["submitting", "queued", "queued or running", "running", "collecting"]
    assert axes.get_ylim() == (1.5, -0.5)
    crosses = [each for each in axes.collections if isinstance(each, PathCollection)]
    assert crosses[0].get_offsets().tolist() == [[50.0, 1.0]]
    assert drawn(figure, tmp_path) > 0


@pytest.mark.parametrize(
    ("length_s", "unit"),
    [(30, "seconds"), (600, "minutes"), (9000, "hours"), (86400 * 5, "days")],
)
def test_time_is_told_in_the_unit_that_fits(length_s, unit):
    figure = draw_timeline("set", [[attempt(1, length_s)]], t(length_s), None)
    assert figure.axes[0].get_xlabel().startswith(f"{unit} since 2026-01-0")


def test_a_set_of_which_nothing_was_sent_has_an_empty_timeline(tmp_path):
    assert drawn(draw_timeline("set", [[], []], t(0), None), tmp_path) > 0


def test_ten_thousand_jobs_are_drawn_as_few_collections():
    tries = [[attempt(2, 50 + i)] for i in range(10_000)]
    assert len(draw_timeline("set", tries, t(0), None).axes[0].collections) == 2


def test_no_name_is_taken_for_a_formula_or_left_out(manager, backend, named, nasty_names, tmp_path):
    for name in nasty_names:
        job_set = manager.run(named(name), backend, name=name)
        assert job_set.wait(60)
        assert drawn(job_set.plot_timeline(), tmp_path) > 0
        assert drawn(job_set.draw("mpl"), tmp_path) > 0
        assert str(job_set.draw()).replace("\n", "").isprintable()
        plt.close("all")


def test_pictures_are_drawn_on_given_axes(manager, backend, named):
    job_set = manager.run(named("a"), backend)
    assert job_set.wait(60)
    figure, (first, second) = plt.subplots(2)
    assert job_set.plot_timeline(ax=first) is figure
    assert job_set.draw("mpl", ax=second) is figure


def test_the_split_shows_jobs_experiments_and_shares(manager, backend, named, tmp_path):
    job_set = manager.run(
        named(*"abcdefg"),
        backend,
        name="split",
        shots=1500,
        limits=Limits(experiments_per_job=4, shots_per_experiment=1000),
    )
    assert job_set.wait(60)
    lines = str(job_set.draw()).splitlines()
    assert lines[0] == "split: 7 experiments in 4 jobs on scripted"
    assert [line.split()[:6] for line in lines[2:]] == [
        ["0", "0-3,", "share", "1", "of", "2"],
        ["1", "0-3,", "share", "2", "of", "2"],
        ["2", "4-6,", "share", "1", "of", "2"],
        ["3", "4-6,", "share", "2", "of", "2"],
    ]
    assert [line.count("#") for line in lines[2:]] == [19, 19, 14, 14]
    figure = job_set.draw("mpl")
    assert legend(figure) == ["done"]
    texts = [each.get_text().strip() for each in figure.axes[0].texts]
    assert texts == ["750 shots, share 1 of 2", "750 shots, share 2 of 2"] * 2
    assert drawn(figure, tmp_path) > 0


def test_of_many_jobs_the_text_shows_the_first_and_the_last(manager, backend, named):
    names = [f"c{i}" for i in range(100)]
    backend.tell(JobStory.ending(RemoteState.DONE, running=10_000))
    job_set = manager.run(named(*names), backend, max_experiments_per_job=1)
    lines = str(job_set.draw()).splitlines()
    assert len(lines) == 2 + 30 + 1 + 5
    assert "65 more jobs" in lines[32]
    assert lines[-1].split()[0] == "99"
    assert repr(job_set.draw()).splitlines()[0] == lines[0]
    job_set.cancel()


def test_an_unknown_output_is_named(manager, backend, named):
    with pytest.raises(InvalidArgumentError, match="output is 'latex'"):
        manager.run(named("a"), backend).draw("latex")


def test_a_histogram_is_qiskits_own(manager, backend, named, tmp_path):
    results = manager.run(named("a", "b"), backend, shots=100).results(60)
    figure = results.plot_histogram("b", title="mine")
    labels = [each.get_text() for each in figure.axes[0].get_xticklabels()]
    assert labels == sorted(results.get_counts("b"))
    assert drawn(figure, tmp_path) > 0
