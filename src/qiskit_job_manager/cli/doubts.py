"""Jobs of which only the user can say whether the backend has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.cli.session import command_for
from qiskit_job_manager.cli.text import escape, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    import typer

    from qiskit_job_manager.job_set import ManagedJobSet


def needs_user(ctx: typer.Context, job_set: ManagedJobSet, jobs: int) -> Iterator[str]:
    """Yield the lines that tell of so many jobs in doubt, and what to do; none for none."""
    if not jobs:
        return
    yield (
        f"{escape(job_set.name())} needs you: {plural(jobs, 'job')} may or may not have been "
        "accepted by the backend. Look there, then:"
    )
    for command, effect in commands_for(ctx, job_set):
        yield f"  {command}  {effect}"


def commands_for(ctx: typer.Context, job_set: ManagedJobSet) -> list[tuple[str, str]]:
    """Return the two commands that settle a doubt, each with what it does."""
    job_set_id = job_set.job_set_id()
    return [
        (command_for(ctx, "resubmit", job_set_id), "sends them again"),
        (command_for(ctx, "abandon", job_set_id), "gives them up"),
    ]
