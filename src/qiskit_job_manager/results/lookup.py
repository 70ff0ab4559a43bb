"""Which experiment a user means: an index, a name or a circuit."""

from __future__ import annotations

import operator
import warnings
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError, JobManagerJobNotFound

if TYPE_CHECKING:
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import Store

_NEIGHBOURS = 128
_NAMES_AT_HAND = 50_000


class Experiments:
    """Finds the experiments of one job set. Safe to use from several threads.

    Who asks for one by its name mostly asks for its neighbours next. So where a second one among
    `_NEIGHBOURS` is asked for, the names of all of them are remembered that no other has.

    Args:
        store: Where the job set is.
        record: The job set.
    """

    def __init__(self, store: Store, record: JobSetRecord) -> None:
        self._store = store
        self._record = record
        self._known: dict[str, int] = {}
        self._asked: set[int] = set()

    def index(self, experiment: Any) -> int:
        """Return the index of an experiment.

        Args:
            experiment: An integer (NumPy's too; negative from the end), a name, or a circuit, which
                stands for its name.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            InvalidArgumentError: It is none of these things.
        """
        name = experiment if isinstance(experiment, str) else getattr(experiment, "name", None)
        if isinstance(name, str):
            known = self._known.get(name)
            return self._by_name(name) if known is None else known
        try:
            index = operator.index(experiment)
        except TypeError:
            msg = (
                f"an experiment is given by its index, its name or its circuit, "
                f"not by {type(experiment).__name__} {experiment!r}"
            )
            raise InvalidArgumentError(msg) from None
        return _by_position(self._record, index)

    def _by_name(self, name: str) -> int:
        found = self._store.indices(self._record.key, name, limit=2)
        if not found:
            msg = (
                f"job set {self._record.name!r} has no experiment named {name!r}; "
                "the names are those of the circuits that were handed over"
            )
            raise JobManagerJobNotFound(msg)
        if len(found) > 1:
            warnings.warn(
                f"job set {self._record.name!r} has several experiments named {name!r}; this is "
                f"the first, with index {found[0]}. job_set.indices({name!r}) gives all of them.",
                UserWarning,
                stacklevel=4,
            )
        elif self._record.complete:  # before that, another of this name may come
            self._remember(found[0] // _NEIGHBOURS)
        return found[0]

    def _remember(self, block: int) -> None:
        if block not in self._asked:
            self._asked.add(block)
            return
        if len(self._known) > _NAMES_AT_HAND:
            self._known, self._asked = {}, set()
        start = block * _NEIGHBOURS
        self._known |= self._store.unique_names(self._record.key, start, start + _NEIGHBOURS)


def _by_position(record: JobSetRecord, index: int) -> int:
    position = index + record.n_experiments if index < 0 else index
    if 0 <= position < record.n_experiments:
        return position
    msg = (
        f"job set {record.name!r} has no experiment {index}: it has {record.n_experiments}, "
        f"from 0 to {record.n_experiments - 1}"
    )
    raise JobManagerJobNotFound(msg)
