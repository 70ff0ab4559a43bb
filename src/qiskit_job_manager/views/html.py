"""Job sets, their progress and their results as HTML, without script, style sheet or link.

Styles stand in the elements themselves, as several viewers of notebooks drop style sheets. Bars are
made of boxes only, so that they show wherever HTML does.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape as _escape_html
from typing import TYPE_CHECKING, NewType

from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.colours import ACCENT, FAINT, colour
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from qiskit_job_manager.model import JobRecord, JobSetRecord
    from qiskit_job_manager.model.progress import Activity, Pace, Progress


Safe = NewType("Safe", str)
"""HTML in which every text of users, files and backends is escaped."""

GAP = Safe("&ensp;")
DOT = Safe(" &middot; ")
_NOTHING = Safe("")
_CELL = f"text-align:left;padding:2px 10px 2px 0;border-bottom:1px solid {FAINT}"
_ROUND = "display:inline-block;width:.65em;height:.65em;border-radius:50%;margin-right:.35em"
_LONGEST_TITLE = 400
_OUTCOME_LIMIT = 24
_TAGS_SHOWN = 5
_OUTCOMES_SHOWN = 4


def text(value: str, limit: int = 80) -> Safe:
    """Return a text as HTML, escaped and cut."""
    return Safe(_escape_html(shortened(value, limit), quote=True))


def name(value: str, limit: int = 60) -> Safe:
    """Return a name or an id as HTML; a name that is cut is whole in the tool tip.

    Notebooks typeset what looks like a formula, but not inside of ``code``.
    """
    title = f' title="{text(value, _LONGEST_TITLE)}"' if len(value) > limit else ""
    style = "background:none;color:inherit;padding:0"
    return Safe(f'<code style="{style}"{title}>{text(value, limit)}</code>')


def join(parts: Iterable[Safe], between: Safe = _NOTHING) -> Safe:
    """Return pieces one after the other."""
    return Safe(between.join(parts))


def state(label: str, words: str | None = None) -> Safe:
    """Return a state with its colour beside it; it can be read without colours, too."""
    dot = f'<span style="{_ROUND};background:{colour(label)}"></span>'
    return unbroken(Safe(f"{dot}{text(words or label)}"))


def unbroken(content: Safe) -> Safe:
    """Return HTML that is not divided between lines."""
    return Safe(f'<span style="white-space:nowrap">{content}</span>')


def faint(content: Safe) -> Safe:
    """Return HTML in a fainter colour."""
    return Safe(f'<span style="opacity:.7">{content}</span>')


def line(content: Safe) -> Safe:
    """Return a line of its own."""
    return Safe(f'<div style="margin:2px 0">{content}</div>')


def table(header: Sequence[str], rows: Iterable[Sequence[Safe]]) -> Safe:
    """Return a table; its columns are as wide as they need be."""
    head = "".join(f'<th style="{_CELL};opacity:.7">{text(cell)}</th>' for cell in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    style = "border-collapse:collapse;margin:4px 0;border:0;color:inherit;font-size:inherit"
    return Safe(
        f'<table style="{style}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def block(*parts: Safe) -> Safe:
    """Return pieces as one block in the colours of the page."""
    return Safe(f'<div style="color:inherit;line-height:1.5">{"".join(parts)}</div>')


def _cell(content: Safe) -> str:
    return f'<td style="{_CELL};background:none">{content}</td>'


def states_bar(states: Sequence[tuple[str, int]], width: str = "16em") -> Safe:
    """Return one bar divided among states, in proportion."""
    whole = sum(count for _, count in states) or 1
    parts = "".join(
        f'<span title="{text(label)}: {count:,}" style="display:inline-block;height:100%;'
        f'width:{100 * count / whole:.3f}%;background:{colour(label)}"></span>'
        for label, count in states
    )
    style = (
        f"display:inline-block;width:{width};height:.7em;background:{FAINT};border-radius:3px;"
        "overflow:hidden;white-space:nowrap;font-size:inherit;line-height:0;vertical-align:middle"
    )
    return Safe(f'<span style="{style}">{parts}</span>')


def legend(states: Sequence[tuple[str, int]]) -> Safe:
    """Return how many jobs are in each state, each with its colour."""
    return join((state(label, f"{count:,} {label}") for label, count in states), GAP)


def counts_chart(counts: Sequence[tuple[str, int]], shots: int) -> Safe:
    """Return a small bar chart of outcomes, a line each.

    Args:
        counts: Outcomes and how often each was seen, those to be shown.
        shots: All shots; the bars are shares of them.
    """
    rows = [
        f'<div style="display:flex;align-items:center;gap:.5em;line-height:1.3">'
        f'<code style="background:none;color:inherit;padding:0">{text(outcome, _OUTCOME_LIMIT)}'
        f'</code><span style="flex:none;width:8em;height:.6em;background:{FAINT};'
        f'border-radius:2px;overflow:hidden;line-height:0"><span style="display:inline-block;'
        f'height:100%;width:{_share(count, shots):.2f}%;background:{ACCENT}"></span></span>'
        f"<span>{count:,}</span></div>"
        for outcome, count in counts
    ]
    return Safe("".join(rows))


def _share(count: float, shots: int) -> float:
    return min(max(100 * count / shots, 0.0), 100.0) if shots else 0.0


def job_sets_html(
    store_url: str,
    job_sets: Sequence[tuple[JobSetRecord, Sequence[tuple[str, int]]]],
    *,
    more: bool,
) -> Safe:
    """Return the newest job sets of a store, a line each.

    Args:
        store_url: Where the store is, without password.
        job_sets: Those to show, each with its jobs by state.
        more: Whether there are others.
    """
    rows = [
        [
            name(record.name, 40),
            name(phrases.short_id(record.job_set_id)),
            text(record.backend_name, 30),
            text(f"{record.n_experiments:,}"),
            states_bar(states, "8em"),
            legend(states),
            unbroken(text(f"{phrases.local(record.created_at):%Y-%m-%d %H:%M}")),
        ]
        for record, states in job_sets
    ]
    header = ("name", "id", "backend", "experiments", "", "jobs", "created")
    title = join([text("JobManager"), name(store_url, 100)], DOT)
    parts = [line(title)]
    parts += [table(header, rows)] if rows else [line(text("no job sets yet"))]
    if more:
        hint = "older job sets are not shown; job_sets() returns all"
        parts.append(line(faint(text(hint))))
    return block(*parts)


def job_set_html(
    record: JobSetRecord,
    progress: Progress,
    activity: Activity | None,
    jobs: Sequence[tuple[JobRecord, str, str]],
) -> Safe:
    """Return one job set: what it is, how far it is, and some of its jobs.

    Args:
        record: The job set.
        progress: How far it is.
        activity: What its backend last said, if that is known.
        jobs: Those to show, each with its state and with more words on it.
    """
    states = phrases.shares(progress, activity)
    bar = join([states_bar(states), text(phrases.how_far(progress), 200)], GAP)
    parts = [_title(record), line(bar), line(legend(states)), _jobs_table(jobs)]
    left = progress.n_jobs - len(jobs)
    notes = [f"and {phrases.plural(left, 'more job')}"] if left > 0 else []
    if progress.needs_user:
        notes.append(
            f"{phrases.plural(progress.needs_user, 'job')} in doubt: the backend may or may not "
            "have accepted them; resubmit() sends them again, abandon() gives them up"
        )
    parts += [line(faint(text(note, 200))) for note in notes]
    return block(*parts)


def progress_html(title: str, progress: Progress, activity: Activity | None, pace: Pace) -> Safe:
    """Return a bar, the jobs by state, the rate and the estimated end."""
    states = phrases.shares(progress, activity)
    tail = [phrases.rate(pace), phrases.end(pace), phrases.elapsed(pace)]
    return block(
        line(join([name(title), states_bar(states)], GAP)),
        line(text(phrases.how_far(progress, pace), 200)),
        line(legend(states)),
        line(faint(text(" \u00b7 ".join(filter(None, tail))))),
        *([line(text(trouble))] if (trouble := phrases.trouble(activity)) else []),
    )


def _title(record: JobSetRecord) -> Safe:
    so_far = "" if record.complete else " so far"
    experiments = f"{phrases.plural(record.n_experiments, 'experiment')}{so_far}"
    facts = [
        name(record.name),
        name(record.job_set_id),
        text(f"{experiments} on {record.backend_name}"),
        *(name(tag, 20) for tag in record.tags[:_TAGS_SHOWN]),
    ]
    return line(join(facts, DOT))


def _jobs_table(jobs: Sequence[tuple[JobRecord, str, str]]) -> Safe:
    rows = [
        [
            text(str(job.index)),
            text(phrases.experiments(job)),
            text("" if job.shots is None else f"{job.shots:,}"),
            state(label, detail),
            name(job.remote_id or "", 40),
        ]
        for job, label, detail in jobs
    ]
    return table(("job", "experiments", "shots", "state", "job id"), rows)


@dataclass(frozen=True, slots=True)
class Shown:
    """One experiment as it is shown.

    Attributes:
        index: Its index.
        name: Its name.
        counts: Its counts by outcome, or ``None`` if there are none.
        why_not: Why it has none, or what it has instead, in words.
    """

    index: int
    name: str
    counts: Mapping[str, int] | None
    why_not: str = ""


def results_html(title: str, facts: str, shown: Sequence[Shown], n_experiments: int) -> Safe:
    """Return the first experiments with their counts.

    Args:
        title: Name of the job set.
        facts: Other facts about it, in words.
        shown: The first experiments.
        n_experiments: How many there are in all.
    """
    rows = [[text(str(each.index)), name(each.name, 40), _outcomes(each)] for each in shown]
    parts = [
        line(join([name(title), text(facts, 200)], DOT)),
        table(("index", "name", "counts"), rows),
    ]
    left = n_experiments - len(shown)
    if left > 0:
        note = f"and {phrases.plural(left, 'more experiment')}"
        parts.append(line(faint(text(note))))
    return block(*parts)


def _outcomes(shown: Shown) -> Safe:
    if shown.counts is None:
        return text(shown.why_not, 200)
    ranked = sorted(shown.counts.items(), key=lambda pair: (-pair[1], pair[0]))
    chart = counts_chart(ranked[:_OUTCOMES_SHOWN], sum(shown.counts.values()))
    left = len(ranked) - _OUTCOMES_SHOWN
    if left <= 0:
        return chart
    note = faint(text(f"and {phrases.plural(left, 'more outcome')}"))
    return join([chart, note])
