"""Lines about jobs that need the user: jobs in doubt, and jobs beyond the usage limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.cli.options import command_for
from qiskit_job_manager.cli.output import escape, plural
from qiskit_job_manager.job_set.report import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    import typer

    from qiskit_job_manager.job_set import Progress
    from qiskit_job_manager.model import JobSetRecord


def needs_user(ctx: typer.Context, record: JobSetRecord, progress: Progress) -> Iterator[str]:
    """Yield lines that say which jobs need the user and what to do; nothing if none does."""
    if progress.needs_user:
        yield (
            f"{escape(record.name)} needs you: {plural(progress.needs_user, 'job')} may or may "
            "not have been accepted by the backend. Look there, then:"
        )
        for command, effect in commands_for(ctx, record.job_set_id):
            yield f"  {command}  {effect}"
    if progress.held:
        yield f"{escape(record.name)} needs you: {why_held(record, progress)}. To allow more:"
        for option, limit, value in (
            ("--max-usage", record.max_usage_s, "SECONDS"),
            ("--max-cost", record.max_cost, "AMOUNT"),
        ):
            if limit is not None:
                yield f"  {command_for(ctx, 'resume', record.job_set_id, option)} {value}"


def why_held(record: JobSetRecord, progress: Progress) -> str:
    """Return a phrase that says how many jobs the limits of usage and cost hold."""
    number = progress.held
    verb = "is" if number == 1 else "are"
    return f"{plural(number, 'job')} {verb} not sent, as more than {limits(record)} would be used"


def commands_for(ctx: typer.Context, job_set_id: str) -> list[tuple[str, str]]:
    """Return the two commands that decide about jobs in doubt, each with its effect."""
    return [
        (command_for(ctx, "resubmit", job_set_id), "sends them again"),
        (command_for(ctx, "abandon", job_set_id), "gives them up"),
    ]
