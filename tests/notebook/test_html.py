"""What a notebook shows: nothing but what was meant, whatever the names are."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiskit_job_manager.model import RemoteState
from qiskit_job_manager.model.progress import Activity, Pace, Progress
from qiskit_job_manager.testing import JobStory
from qiskit_job_manager.testing.scripts import Call, LoseAnswer
from qiskit_job_manager.views import colours, html
from qiskit_job_manager.views.escape import escape, shortened
from qiskit_job_manager.views.html import Shown, progress_html, results_html

TAGS = {"div", "span", "table", "thead", "tbody", "tr", "th", "td", "code"}
ATTRIBUTES = {"style", "title"}


class Reader(HTMLParser):
    """Reads HTML as a browser does, and refuses what is not ours."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.open: list[str] = []
        self.in_code: list[str] = []

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS
        assert {name for name, _ in attrs} <= ATTRIBUTES
        for name, value in attrs:
            assert value.isprintable()
            if name == "style":
                assert "url" not in value
                assert "<" not in value
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        assert data.replace("\u2002", "").isprintable(), data  # our own gap
        self.text.append(data)
        if "code" in self.open:
            self.in_code.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    handle_decl = handle_pi = unknown_decl = handle_comment


def read(source):
    reader = Reader()
    reader.feed(source)
    reader.close()
    assert reader.open == []
    return reader


# -- single pieces --------------------------------------------------------------------------------


@given(st.text(max_size=200), st.integers(2, 80))
def test_any_text_is_read_as_that_text_escaped_and_cut(text, limit):
    shown = "".join(read(html.text(text, limit)).text)
    assert shown == shortened(text, limit)
    assert len(shown) <= limit
    if len(escape(text)) <= limit:
        assert shown == escape(text)


@given(st.text(max_size=100))
def test_any_name_stands_where_no_formula_is_typeset(name):
    reader = read(html.name(name))
    assert "".join(reader.in_code) == "".join(reader.text) == shortened(name, 60)


@given(st.dictionaries(st.text(max_size=40), st.integers(0, 10**9), max_size=8), st.text())
def test_any_counts_are_drawn_within_their_bars(counts, why):
    source = results_html("set", "facts", [Shown(0, "c", counts), Shown(1, "d", None, why)], 2)
    read(source)
    widths = [float(part.split("%")[0]) for part in source.split("height:100%;width:")[1:]]
    assert all(0 <= width <= 100 for width in widths)
    assert len(widths) == min(len(counts), 4)


@pytest.mark.parametrize("label", colours.labels())
@pytest.mark.parametrize("page", ["#ffffff", "#111111"])
def test_every_colour_is_seen_on_light_and_on_dark_pages(label, page):
    """By the rule for parts of pictures of the Web Content Accessibility Guidelines."""
    lights = sorted([luminance(colours.colour(label)), luminance(page)])
    assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 3


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_bar_is_divided_in_proportion_and_named():
    source = html.states_bar([("done", 3), ("failed", 1)])
    assert "width:75.000%" in source
    assert "width:25.000%" in source
    assert 'title="failed: 1"' in source


def test_progress_of_an_empty_set_can_be_drawn():
    read(progress_html("x", Progress(0, 0, {}, {}, False, 0), Activity(0, 0), Pace(0.0)))


# -- whole objects --------------------------------------------------------------------------------


def test_job_sets_results_and_managers_obey_no_name(manager, backend, named, nasty_names):
    for name in nasty_names:
        backend.tell(JobStory.ending(RemoteState.ERROR, name), JobStory())
        job_set = manager.run(
            named(name, "plain"), backend, name=name, job_tags=[name], max_experiments_per_job=1
        )
        assert job_set.wait(60)
        seen = "".join(read(job_set._repr_html_()).text)
        assert shortened(name, 60) in seen
        assert "failed" in seen
        of_results = read(job_set.results(0, partial=True)._repr_html_())
        assert shortened(name, 40) in "".join(of_results.text)
        assert len(job_set._repr_html_()) < 20_000
    listed = read(manager._repr_html_())
    assert {shortened(name, 40) for name in nasty_names} <= set(listed.in_code)


def test_names_are_never_typeset_as_formulas(manager, backend, named):
    name = "$\\frac{1}{2}$"
    job_set = manager.run(named(name), backend, name=name, job_tags=[name])
    for source in (job_set, job_set.results(60), manager):
        reader = read(source._repr_html_())
        outside = "".join(reader.text).replace(name, "")
        assert "$" not in outside
        assert "".join(reader.in_code).count(name) == "".join(reader.text).count(name) > 0


def test_a_job_set_shows_what_is_in_trouble_first(manager, backend, named):
    stories = [JobStory()] * 30
    stories[27] = JobStory.ending(RemoteState.ERROR, "the fridge is warm")
    backend.tell(*stories)
    job_set = manager.run(named(*map(str, range(30))), backend, max_experiments_per_job=1)
    assert job_set.wait(60)
    text = " ".join(read(job_set._repr_html_()).text)
    failed = [job.index for job in job_set.managed_jobs() if job.error_message()]
    assert len(failed) == 1
    assert text.index("the fridge is warm") < text.index("and 20 more jobs")
    assert "29 done" in text


def test_what_only_the_user_can_decide_is_pointed_out(manager, named):
    from qiskit_job_manager.clock import SystemClock
    from qiskit_job_manager.ports import Capabilities
    from qiskit_job_manager.testing import ScriptedBackend

    remote = ScriptedBackend(SystemClock(), Capabilities())
    remote.script(Call.SUBMIT, LoseAnswer())
    job_set = manager.run(named("a"), remote)
    assert job_set.wait(60)
    text = " ".join(read(job_set._repr_html_()).text)
    assert "1 in doubt" in text
    assert "resubmit() sends them again" in text


def test_what_was_deleted_or_closed_shows_that_instead_of_raising(manager, backend, named):
    job_set = manager.run(named("a"), backend, name="<gone>")
    results = job_set.results(60)
    job_set.delete()
    assert "was deleted" in "".join(read(job_set._repr_html_()).text)
    read(results._repr_html_())
    manager.close()
    assert "closed" in "".join(read(manager._repr_html_()).text)


def test_a_manager_shows_the_newest_sets_and_says_that_there_are_more(manager, backend, named):
    for i in range(12):
        manager.run(named("a"), backend, name=f"set {i}").wait(60)
    text = "".join(read(manager._repr_html_()).text)
    assert "set 11" in text
    assert "set 1 " not in text
    assert "older job sets are not shown" in text
