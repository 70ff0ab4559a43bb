"""Refuses limits and experiments that no plan can serve, with messages that name them."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import PlanError

if TYPE_CHECKING:
    from qiskit_job_manager.model import ExperimentSize, Limits


def check_limits(limits: Limits) -> None:
    """Check that each limit is absent or a whole number of at least 1.

    Raises:
        PlanError: One is not; the message names it and its value.
    """
    for field in fields(limits):
        value = getattr(limits, field.name)
        if value is not None and not _is_positive(value):
            raise PlanError(
                f"the limit {field.name} is {value!r}; it must be a whole number of at least 1, "
                "or None for no limit"
            )


def check_size(size: ExperimentSize, limits: Limits) -> None:
    """Check what no splitting of shots can mend in one experiment.

    Raises:
        PlanError: It cannot be run in any job; the message names index, name, limit and figure.
    """
    if size.shots is not None and not _is_positive(size.shots):
        raise PlanError(
            f"{described(size)} asks for {size.shots!r} shots; "
            "it must be a whole number of at least 1, or None for the backend's default"
        )
    if size.circuits != 0 and not _is_positive(size.circuits):
        raise PlanError(
            f"{described(size)} has {size.circuits!r} circuits; it must be a whole number of at "
            "least 0"
        )
    if exceeds(size.payload_bytes, limits.payload_bytes_per_job):
        raise PlanError(
            f"{described(size)} takes {size.payload_bytes} bytes, more than the limit "
            f"payload_bytes_per_job of {limits.payload_bytes_per_job}; an experiment cannot be "
            "divided, so make it smaller"
        )
    if exceeds(size.circuits, limits.executions_per_job):
        raise PlanError(
            f"{described(size)} has {size.circuits} circuits after parameter broadcasting, more "
            f"than the limit executions_per_job of {limits.executions_per_job} even at one shot; "
            "give its parameters in several experiments"
        )


def check_unsplit(size: ExperimentSize, limits: Limits) -> None:
    """Check that one experiment fits into a job with all its shots.

    Raises:
        PlanError: It does not; the message names index, name, limit and figure.
    """
    if size.shots is None:
        return
    way_out = "; ask for fewer shots, or allow them to be split"
    if exceeds(size.shots, limits.shots_per_experiment):
        raise PlanError(
            f"{described(size)} asks for {size.shots} shots, more than the limit "
            f"shots_per_experiment of {limits.shots_per_experiment}{way_out}"
        )
    if exceeds(size.circuits * size.shots, limits.executions_per_job):
        raise PlanError(
            f"{described(size)} takes {size.circuits * size.shots} executions ({size.circuits} x "
            f"{size.shots} shots), more than the limit executions_per_job of "
            f"{limits.executions_per_job}{way_out}"
        )


def described(size: ExperimentSize) -> str:
    """Name an experiment as messages do."""
    return f"experiment {size.index} ({size.name!r})"


def exceeds(figure: int, limit: int | None) -> bool:
    """Tell whether a figure is above a limit, if there is one."""
    return limit is not None and figure > limit


def _is_positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
