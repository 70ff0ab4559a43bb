"""How experiments are encoded before they are stored, and how large each is to the planner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.experiments import (
    circuit_of,
    encode_experiment,
    encode_if_doubtful,
    hash_experiment,
)
from qiskit_job_manager.errors import CodecError, InvalidExperimentError
from qiskit_job_manager.manager.transpiler import Transpiled, runnable
from qiskit_job_manager.model import ExperimentKind, ExperimentSize
from qiskit_job_manager.planning import longest_job_s, shots_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qiskit_job_manager.manager.transpiler import Transpiler
    from qiskit_job_manager.model import EncodedExperiment


class SimulationTimes:
    """How long the experiments of a run are expected to be simulated here; 0 where none is.

    Args:
        costs: Estimates one experiment; ``None``: nothing is simulated here.
        experiments: What was handed over.
        first: Index of the first one.
        chosen: Whether the user chose how many experiments a job may have.
        expect: Called with the seconds of each experiment that will run.
    """

    def __init__(
        self,
        costs: Callable[[Any], float] | None = None,
        experiments: Iterable[Any] = (),
        *,
        first: int = 0,
        chosen: bool = False,
        expect: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._costs = costs
        self._experiments = experiments
        self._first = first
        self._chosen = chosen
        self._expect = expect

    def of_these(self, experiments: Sequence[Any], first: int) -> SimulationTimes:
        """Return the times where only some of the experiments will run.

        Args:
            experiments: They.
            first: Index of the first one in the job set.
        """
        how: dict[str, Any] = {"chosen": self._chosen, "expect": self._expect}
        return SimulationTimes(self._costs, experiments, first=first, **how)

    @cached_property
    def longest_s(self) -> float | None:
        """Seconds of one job; ``None``: any."""
        if self._costs is None or self._chosen:
            return None
        return longest_job_s(sum(self._known) if self._known else None)

    @cached_property
    def _known(self) -> list[float]:
        """The seconds of a list's experiments, one by one; they are estimated when first needed."""
        if self._costs is None or self._chosen or not isinstance(self._experiments, Sequence):
            return []
        return [self._costs(each) for each in self._experiments]

    def of(self, experiment: Any, index: int) -> float:
        """Return the seconds of an experiment, for one binding of its parameters."""
        if self._costs is None:
            return 0.0
        place = index - self._first
        is_known = place < len(self._known)
        seconds = self._known[place] if is_known else self._costs(experiment)
        self._expect(seconds)
        return seconds


@dataclass(frozen=True, slots=True)
class ExperimentEncoder:
    """Encodes the experiments of a run, and says how large each is.

    Attributes:
        kind: What the backend takes.
        shots: Shots of an experiment, or ``None`` for the backend's default.
        precision: Precision of an estimator's PUB, or ``None`` for the backend's default.
        split_shots: Whether shots above a limit are split into shares; ``None``: not those of an
            estimator.
        times: How long experiments are expected to be simulated.
        transpiler: Transpiles experiments before; ``None``: they run as they were handed over.
    """

    kind: ExperimentKind
    shots: int | None
    precision: float | None
    split_shots: bool | None
    times: SimulationTimes
    transpiler: Transpiler | None = None

    @property
    def splits(self) -> bool:
        """Whether shots above a limit are split into shares."""
        if self.split_shots is None:
            return self.kind is not ExperimentKind.ESTIMATOR_PUB
        return self.split_shots

    def encoded(self, experiment: Any, index: int) -> EncodedExperiment:
        """Return an experiment encoded as what the backend takes.

        Args:
            experiment: What was handed over, or what it was transpiled to.
            index: Its index in the job set.

        Raises:
            InvalidExperimentError: It cannot be encoded.
        """
        try:
            coded = encode_experiment(runnable(experiment), self.kind)
        except CodecError as error:
            raise _cannot_be_stored(runnable(experiment), index, error) from error
        if isinstance(experiment, Transpiled):
            return replace(coded, content_hash=experiment.content_hash)
        return coded

    def content_hash(self, experiment: Any, index: int) -> bytes:
        """Return the content hash of what was handed over, whether or not it can be stored.

        Raises:
            InvalidExperimentError: Nothing certain can be said of it.
        """
        try:
            return hash_experiment(experiment, self.kind)
        except CodecError as error:
            raise _cannot_be_stored(experiment, index, error) from error

    def encoded_if_doubtful(self, experiment: Any, index: int) -> EncodedExperiment | None:
        """Return an experiment encoded if it may be one that cannot be, else ``None``.

        Raises:
            InvalidExperimentError: It cannot be encoded.
        """
        try:
            return encode_if_doubtful(experiment, self.kind)
        except CodecError as error:
            raise _cannot_be_stored(experiment, index, error) from error

    def size(self, coded: EncodedExperiment, index: int, experiment: Any) -> ExperimentSize:
        """Return the size of an experiment, with its own shots and precision if it has them."""
        precision, shots = None, self.shots if coded.shots is None else coded.shots
        if self.kind is ExperimentKind.ESTIMATOR_PUB:
            precision = self.precision if coded.precision is None else coded.precision
            shots = shots_for(precision)
        size = len(coded.data)
        run_s = coded.circuits * self.times.of(runnable(experiment), index)
        return ExperimentSize(index, coded.name, coded.circuits, shots, size, precision, run_s)


def _cannot_be_stored(experiment: Any, index: int, error: CodecError) -> InvalidExperimentError:
    name = getattr(circuit_of(experiment), "name", None)
    return InvalidExperimentError(f"experiment {index} ({name!r}) cannot be stored: {error}")
