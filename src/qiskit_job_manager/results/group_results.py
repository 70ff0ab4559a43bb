"""The results of a run on several backends, by experiment and by backend."""

from __future__ import annotations

import bisect
import operator
import warnings
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import (
    InvalidArgumentError,
    JobManagerJobNotFound,
    ManagedResultDataNotAvailable,
)
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd
    from qiskit.primitives import PubResult
    from qiskit.result import Counts

    from qiskit_job_manager.model.groups import Placement
    from qiskit_job_manager.model.inputs import ExperimentKey
    from qiskit_job_manager.results.managed_results import ManagedResults
    from qiskit_job_manager.results.tables import By

_EQUAL_READ = 10_000
_BY_NAME_ALONE = 3  # the last of the ways of `Experiments.alike`


class GroupResults:
    """The results of a group; `ManagedJobSetGroup.results` returns it.

    A method that takes an experiment takes its index in what was handed over (negative from the
    end), its name, or the circuit or PUB itself; and the backend, where several ran it.

    Args:
        by_backend: The results of each backend, by its name in the group.
        labels: The names of all backends, in order.
        placements: Which experiments each has.
        n_experiments: How many experiments the group has.

    Attributes:
        by_backend: As given. An index in them counts what that backend ran.
    """

    def __init__(
        self,
        by_backend: Mapping[str, ManagedResults],
        labels: Sequence[str],
        placements: Iterable[Placement],
        n_experiments: int,
    ) -> None:
        self.by_backend = dict(by_backend)
        self._labels = list(labels)
        self._n_experiments = n_experiments
        self._placed: dict[str, list[Placement]] = defaultdict(list)
        for each in sorted(placements, key=_starts):
            self._placed[self._labels[each.member]].append(each)
        self._by_first = {label: sorted(each, key=_first) for label, each in self._placed.items()}

    def __len__(self) -> int:
        return self._n_experiments

    def __repr__(self) -> str:
        on = ", ".join(self._labels)
        return f"<GroupResults of {self._n_experiments:,} experiments on {on}>"

    @property
    def success(self) -> bool:
        """Whether every experiment has its results, from each backend that it was placed on."""
        return all(
            self._is_done(label, range(each.first, each.first + each.size))
            for label, placed in self._placed.items()
            for each in placed
        )

    def backends_of(self, experiment: ExperimentKey) -> list[str]:
        """Return the names of the backends that an experiment was placed on.

        Raises:
            JobManagerJobNotFound: The group has no such experiment.
        """
        return [label for label, _ in self._found(experiment, None)]

    def data(self, experiment: ExperimentKey, backend: str | None = None) -> dict[str, Any]:
        """Return what `ManagedResults.data` does; see `get_counts` for the arguments."""
        results, index = self._one(experiment, backend)
        return results.data(index)

    def get_counts(self, experiment: ExperimentKey, backend: str | None = None) -> Counts | Any:
        """Return the counts of an experiment.

        Args:
            experiment: Its index, its name, or what was handed over.
            backend: The name of the backend; it is needed where several ran the experiment.

        Raises:
            JobManagerJobNotFound: The group has no such experiment, or not on that backend.
            InvalidArgumentError: Several backends ran it, and none is named; or there is no such
                backend.
            ManagedResultDataNotAvailable: There is no result of it; the message says why.
        """
        results, index = self._one(experiment, backend)
        return results.get_counts(index)

    def get_memory(self, experiment: ExperimentKey, backend: str | None = None) -> list[str] | Any:
        """Return what `ManagedResults.get_memory` does; see `get_counts` for the arguments."""
        results, index = self._one(experiment, backend)
        return results.get_memory(index)

    def pub_result(self, experiment: ExperimentKey, backend: str | None = None) -> PubResult:
        """Return what `ManagedResults.pub_result` does; see `get_counts` for the arguments."""
        results, index = self._one(experiment, backend)
        return results.pub_result(index)

    def counts_by_backend(self, experiment: ExperimentKey) -> dict[str, Counts | Any]:
        """Return the counts of an experiment from each backend that ran it, by the backend's name.

        Raises:
            JobManagerJobNotFound: The group has no such experiment.
            ManagedResultDataNotAvailable: One has no result of it.
        """
        found = self._found(experiment, None)
        return {label: self._results(label).get_counts(index) for label, index in found}

    def to_dataframe(self, by: By = "experiment") -> pd.DataFrame:
        """Return one pandas data frame of all results, with a column ``backend``.

        Args:
            by: As for `ManagedResults.to_dataframe`. The index of an experiment is that in what was
                handed over.

        Raises:
            InvalidArgumentError: There is no such table of these results, or pandas is missing.
        """
        from qiskit_job_manager.results.tables import needs_pandas

        pd = needs_pandas("to_dataframe")
        labels = [each for each in self._labels if self._placed.get(each)] or self._labels[:1]
        frames = [self._frame(label, by) for label in labels]
        whole = pd.concat(frames, ignore_index=True)
        whole = whole.sort_values(["index", "backend"], kind="stable", ignore_index=True)
        return whole if by == "outcome" else whole.set_index("index")

    # -- inside -----------------------------------------------------------------------------------

    def _frame(self, label: str, by: By) -> pd.DataFrame:
        frame = self._results(label).to_dataframe(by)
        if by == "experiment":
            frame = frame.reset_index()
        of_group = {
            each.first + offset: each.start + offset
            for each in self._placed.get(label, ())
            for offset in range(each.size)
        }
        frame = frame[frame["index"].isin(of_group)].copy()  # others run what was withdrawn
        frame["index"] = frame["index"].map(of_group)
        frame.insert(frame.columns.get_loc("name"), "backend", label)
        return frame

    def _is_done(self, label: str, indices: range) -> bool:
        if label not in self.by_backend:
            return False
        results = self.by_backend[label]
        return results.success or results._are_done(indices)

    def _results(self, label: str) -> ManagedResults:
        if label not in self.by_backend:
            msg = f"the job set of the group on {label!r} was deleted, and its results with it"
            raise ManagedResultDataNotAvailable(msg)
        return self.by_backend[label]

    def _one(self, experiment: ExperimentKey, backend: str | None) -> tuple[ManagedResults, int]:
        found = self._found(experiment, backend)
        if len({label for label, _ in found}) > 1:
            on = ", ".join(dict.fromkeys(label for label, _ in found))
            msg = f"several backends ran {_said(experiment)}: say which, as backend=; it is on {on}"
            raise InvalidArgumentError(msg)
        label, index = found[0]
        return self._results(label), index

    def _found(self, experiment: ExperimentKey, backend: str | None) -> list[tuple[str, int]]:
        """Return where an experiment is: names of backends with the index there."""
        if backend is not None and backend not in self._labels:
            msg = f"backend is {backend!r}; the backends of the group are {self._labels}"
            raise InvalidArgumentError(msg)
        labels = self._labels if backend is None else [backend]
        if isinstance(experiment, str) or not hasattr(experiment, "__index__"):
            found = self._by_content(experiment, labels)
        else:
            whole_number: Any = experiment
            found = self._by_index(operator.index(whole_number), labels)
        if not found:
            where = "" if backend is None else f" on {backend}"
            msg = f"the group has no experiment {_said(experiment)}{where}"
            raise JobManagerJobNotFound(msg)
        return found

    def _by_index(self, index: int, labels: Sequence[str]) -> list[tuple[str, int]]:
        start = index + self._n_experiments if index < 0 else index
        found = ((label, _before(self._placed.get(label, ()), start, _starts)) for label in labels)
        return [
            (label, each.first + start - each.start)
            for label, each in found
            if each is not None and start < each.stop
        ]

    def _by_content(self, experiment: Any, labels: Sequence[str]) -> list[tuple[str, int]]:
        """Return where the first experiment with a name or a content is.

        Each way to find it is tried on all backends before the next one. So an experiment of equal
        content is found before another one of its name, whatever backends they are on.
        """
        labels = [each for each in labels if each in self.by_backend and self._placed.get(each)]
        ways = [self.by_backend[each]._alike(experiment, _EQUAL_READ) for each in labels]
        for number, way in enumerate(zip(*ways, strict=True)):
            places = [
                (start, label, index)
                for label, indices in zip(labels, way, strict=True)
                for index in indices
                if (start := self._start(label, index)) is not None
            ]
            starts = {start for start, _, _ in places}
            if len(starts) == 1 or (starts and number < _BY_NAME_ALONE):
                first = min(starts)
                if len(starts) > 1:
                    _warn(experiment, first)
                return [(label, index) for start, label, index in places if start == first]
        return []

    def _start(self, label: str, index: int) -> int | None:
        """Return the index in the group of an experiment; ``None``: another backend runs it."""
        each = _before(self._by_first[label], index, _first)
        if each is None or index >= each.first + each.size:
            return None
        return each.start + index - each.first


def _starts(placed: Placement) -> int:
    return placed.start


def _first(placed: Placement) -> int:
    return placed.first


def _before(
    placed: Sequence[Placement], index: int, key: Callable[[Placement], int]
) -> Placement | None:
    """Return the last placement that begins at or before an index."""
    number = bisect.bisect_right(placed, index, key=key)
    return placed[number - 1] if number else None


def _warn(experiment: object, first: int) -> None:
    warnings.warn(
        f"the group has several experiments like {_said(experiment)}; this is the first, with "
        f"index {first}; an index chooses another.",
        UserWarning,
        stacklevel=6,
    )


def _said(experiment: Any) -> str:
    name = getattr(getattr(experiment, "circuit", experiment), "name", experiment)
    return shortened(repr(name), 80)
