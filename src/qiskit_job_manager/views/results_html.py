"""Results as HTML: the first experiments, each with its most frequent outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_job_manager.views import html, phrases

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qiskit_job_manager.views.html import Safe

_OUTCOMES_SHOWN = 4


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
    rows = [
        [html.text(f"{each.index:,}"), html.name(each.name, 40), _outcomes(each)] for each in shown
    ]
    parts = [
        html.line(html.join([html.name(title), html.text(facts, 200)], html.DOT)),
        html.table(("index", "name", "counts"), rows),
    ]
    left = n_experiments - len(shown)
    if left > 0:
        note = f"and {phrases.plural(left, 'more experiment')}"
        parts.append(html.line(html.faint(html.text(note))))
    return html.block(*parts)


def _outcomes(shown: Shown) -> Safe:
    if shown.counts is None:
        return html.text(shown.why_not, 200)
    ranked = sorted(shown.counts.items(), key=lambda pair: (-pair[1], pair[0]))
    chart = html.counts_chart(ranked[:_OUTCOMES_SHOWN], sum(shown.counts.values()))
    left = len(ranked) - _OUTCOMES_SHOWN
    if left <= 0:
        return chart
    note = html.faint(html.text(f"and {phrases.plural(left, 'more outcome')}"))
    return html.join([chart, note])
