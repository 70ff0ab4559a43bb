"""``qjm retry --where``: runs experiments again that drifted, after it has said what that takes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from qiskit_job_manager.cli.commands.provenance import drift_lines
from qiskit_job_manager.cli.commands.run import plan_lines, plan_values
from qiskit_job_manager.cli.output import confirm, escape, plural, print_object, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.model.drift import DriftedPlan


def show_drifted(planned: DriftedPlan, backend: str, *, as_json: bool) -> None:
    """Print what would run again, for people or for scripts."""
    if not as_json:
        for line in _lines(planned, backend):
            say(line, indent=2)
        return
    values = asdict(planned)
    values["plan"] = None if planned.plan is None else plan_values(planned.plan, backend)
    print_object(values)


def confirm_drifted(job_set: ManagedJobSet, planned: DriftedPlan, *, yes: bool) -> None:
    """Print what is to run again to standard error, and return if the user agrees."""
    for line in _lines(planned, job_set.backend_name):
        say(line, err=True, indent=2)
    if planned.plan is None:
        return
    what = f"{plural(len(planned.experiments), 'experiment')} of {escape(job_set.name())}"
    warning = f"{what} run again on {escape(job_set.backend_name)}, and are paid for again."
    confirm(warning, "Run again?", yes=yes)


def _lines(planned: DriftedPlan, backend: str) -> Iterator[str]:
    n_new = len(planned.experiments)
    before = f"; {planned.n_run_again:,} more ran again before" if planned.n_run_again else ""
    yield f"{plural(n_new, 'experiment')} to run again, in {escape(planned.name)}{before}"
    if planned.n_unknown:
        left_out = plural(planned.n_unknown, "experiment")
        why = escape(planned.why_unknown or "")
        yield f"{left_out} left out, as the drift is not known; of the first: {why}"
    if planned.plan is not None:
        yield from drift_lines(planned.experiments)
        yield from plan_lines(planned.plan, backend)
