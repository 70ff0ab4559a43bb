"""When an attempt was sent, queued, run and collected, as far as is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from qiskit_job_manager.model import AttemptRecord


@dataclass(frozen=True, slots=True)
class Span:
    """Something that went on for a while.

    Attributes:
        label: What went on: ``submitting``, ``queued``, ``running``, ``collecting``, or ``active``
            where the backend does not tell when the job began to run.
        begin: Since when.
        end: Until when.
    """

    label: str
    begin: datetime
    end: datetime


def spans_of(attempt: AttemptRecord, now: datetime) -> Iterator[Span]:
    """Yield what went on in one attempt, in order, without gaps.

    Args:
        attempt: The attempt.
        now: Until when it goes on if it has not ended.
    """
    marks = [("submitting", attempt.intended_at)]
    if attempt.accepted_at is not None:
        marks += _on_backend(attempt, attempt.accepted_at)
    ends = [at for _, at in marks[1:]] + [attempt.ended_at or now]
    latest = attempt.intended_at
    for (label, _), end in zip(marks, ends, strict=True):
        # Two clocks were read, ours and the backend's: neither makes time run backwards.
        until = min(max(end, latest), max(ends[-1], latest))
        if until > latest:
            yield Span(label, latest, until)
            latest = until


def _on_backend(attempt: AttemptRecord, accepted: datetime) -> list[tuple[str, datetime]]:
    figures = attempt.figures
    if figures is None or figures.started_at is None:
        return [("active", accepted)]
    marks = [("queued", accepted), ("running", figures.started_at)]
    return marks if figures.ended_at is None else [*marks, ("collecting", figures.ended_at)]
