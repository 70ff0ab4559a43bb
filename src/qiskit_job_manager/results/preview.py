"""What of the results is shown at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.views.results_html import Shown, results_html

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.model import ExperimentRecord
    from qiskit_job_manager.results.source import ResultSource

_SHOWN = 5


def glance(source: ResultSource, counts: Callable[[int], Any], *, success: bool) -> str:
    """Return the first few experiments as HTML; one that cannot be read shows why.

    Args:
        source: Gives the names.
        counts: Gives the counts of an experiment by its index; of a sweep, an array of them.
        success: Whether every job of the set is done.
    """
    from qiskit.exceptions import QiskitError

    record = source.record
    shown = []
    for experiment in source.store.experiments(record.key, stop=_SHOWN):
        try:
            found = _shown(experiment, counts(experiment.index))
        except QiskitError as error:
            found = Shown(experiment.index, experiment.name, None, str(error.message))
        shown.append(found)
    state = "every job is done" if success else "not every job is done"
    facts = f"results from {record.backend_name}, {state}"
    return results_html(record.name, facts, shown, record.n_experiments)


def _shown(experiment: ExperimentRecord, counts: Any) -> Shown:
    if isinstance(counts, dict):
        return Shown(experiment.index, experiment.name, counts)
    return Shown(experiment.index, experiment.name, None, f"a sweep of shape {counts.shape}")
