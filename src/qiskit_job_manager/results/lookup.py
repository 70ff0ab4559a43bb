"""Which experiment a user means: an index, a name or a circuit."""

from __future__ import annotations

import operator
import warnings
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError, JobManagerJobNotFound

if TYPE_CHECKING:
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import Store


def find_index(store: Store, record: JobSetRecord, experiment: Any) -> int:
    """Return the index of an experiment.

    Args:
        store: Where the job set is.
        record: The job set.
        experiment: An integer (NumPy's too; negative from the end), a name, or a circuit, which
            stands for its name.

    Raises:
        JobManagerJobNotFound: The job set has no such experiment.
        InvalidArgumentError: It is none of these things.
    """
    if isinstance(experiment, str):
        return _by_name(store, record, experiment)
    name = getattr(experiment, "name", None)
    if isinstance(name, str):
        return _by_name(store, record, name)
    try:
        index = operator.index(experiment)
    except TypeError:
        msg = (
            f"an experiment is given by its index, its name or its circuit, "
            f"not by {type(experiment).__name__} {experiment!r}"
        )
        raise InvalidArgumentError(msg) from None
    return _by_position(record, index)


def _by_position(record: JobSetRecord, index: int) -> int:
    position = index + record.n_experiments if index < 0 else index
    if 0 <= position < record.n_experiments:
        return position
    msg = (
        f"job set {record.name!r} has no experiment {index}: it has {record.n_experiments}, "
        f"from 0 to {record.n_experiments - 1}"
    )
    raise JobManagerJobNotFound(msg)


def _by_name(store: Store, record: JobSetRecord, name: str) -> int:
    found = store.indices(record.key, name, limit=2)
    if not found:
        msg = (
            f"job set {record.name!r} has no experiment named {name!r}; "
            "the names are those of the circuits that were handed over"
        )
        raise JobManagerJobNotFound(msg)
    if len(found) > 1:
        warnings.warn(
            f"job set {record.name!r} has several experiments named {name!r}; this is the first, "
            f"with index {found[0]}. job_set.indices({name!r}) gives all of them.",
            UserWarning,
            stacklevel=4,
        )
    return found[0]
