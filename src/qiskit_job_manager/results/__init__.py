"""Results, read from the store one experiment at a time.

`ManagedResults` is imported when it is first used: commands that only list do not read results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.results.lookup import Experiments
from qiskit_job_manager.results.source import ResultSource, reason, source_of, span

if TYPE_CHECKING:
    from qiskit_job_manager.results.managed_results import ManagedResults as ManagedResults

__all__ = ["Experiments", "ManagedResults", "ResultSource", "reason", "source_of", "span"]


def __getattr__(name: str) -> Any:
    """Import `ManagedResults` when it is first used."""
    if name != "ManagedResults":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from qiskit_job_manager.results.managed_results import ManagedResults

    return ManagedResults
