"""Which experiment a user means: by an index, a name, or what was handed over.

What was handed over is found by its content. Its name only chooses among experiments of equal
content. Where no content is equal, a circuit is still found by its name if the user gave that name
and one experiment alone has it: so the original of a transpiled circuit finds its result. A name
that Qiskit counted, such as ``circuit-41``, is no proof: the next run of the same notebook gives it
to another circuit.
"""

from __future__ import annotations

import operator
import re
import warnings
from contextlib import suppress
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from qiskit_job_manager import ways
from qiskit_job_manager.codec.formats import PAYLOAD_KINDS
from qiskit_job_manager.errors import (
    CodecError,
    InvalidArgumentError,
    JobManagerJobNotFound,
    StoreCorruptError,
)
from qiskit_job_manager.model import ExperimentKind
from qiskit_job_manager.views.close_names import close_names
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.model import JobRecord, JobSetRecord
    from qiskit_job_manager.model.inputs import ExperimentKey
    from qiskit_job_manager.ports import Store

_NEIGHBOURS = 128
_NAMES_KEPT = 50_000
_NAMESAKES_READ = 100
_NAMES_COMPARED = 10_000
_COUNTED_NAME = re.compile(r"circuit-\d+(-\d+)?")


class Experiments:
    """Finds the experiments of one job set. Safe to use from several threads.

    After a look-up by name most users look up its neighbours. So at the second look-up among
    `_NEIGHBOURS` experiments, the unique names of all of these are read at once and kept.

    Args:
        store: Where the job set is.
        record: The job set.
    """

    def __init__(self, store: Store, record: JobSetRecord) -> None:
        self._store = store
        self._record = record
        self._known: dict[str, int] = {}
        self._asked: set[int] = set()

    @cached_property
    def kind(self) -> ExperimentKind:
        """What the experiments are, by the form in which they were stored."""
        for job in self._store.jobs(self._record.key, limit=1):
            payload = self._store.payload(job.key)
            return PAYLOAD_KINDS.get(payload.format, ExperimentKind.CIRCUIT)
        return ExperimentKind.CIRCUIT

    def index(self, experiment: ExperimentKey) -> int:
        """Return the index of an experiment.

        Args:
            experiment: An integer (NumPy's too; negative from the end), a name, or the circuit or
                PUB that was handed over.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            InvalidArgumentError: It is none of these things.
        """
        if isinstance(experiment, str):
            known = self._known.get(experiment)
            return self._by_name(experiment) if known is None else known
        circuit = _circuit_in(experiment)
        if circuit is not None:
            return self._by_content(experiment, circuit)
        try:
            index = operator.index(experiment)  # type: ignore[arg-type]  # refused here
        except TypeError:
            raise InvalidArgumentError(_not_an_experiment(experiment)) from None
        return _by_position(self._record, index)

    def alike(self, experiment: Any, limit: int) -> Iterator[list[int]]:
        """Yield the experiments that a name, a circuit or a PUB may mean, the likeliest list first.

        A later list counts where no earlier one has an experiment; each but the last is of equal
        content. They have those of the content and the name, of the content, of the name with the
        content as it was sent, and of the name if the user gave it. Of the last list a single
        experiment is meant, or none. A name gives one list.

        Args:
            experiment: A name, a circuit or a PUB.
            limit: How many of each list to give at most.

        Raises:
            InvalidArgumentError: It is none of these.
        """
        if isinstance(experiment, str):
            yield self._named(experiment, limit)
            return
        circuit = _circuit_in(experiment)
        if circuit is None:
            raise InvalidArgumentError(_not_an_experiment(experiment))
        yield from self._with_content(experiment, circuit.name, limit)
        if experiment is circuit:
            yield list(islice(self._namesakes(circuit), limit))
            yield [] if _is_counted(circuit) else self._named(circuit.name, limit)

    # -- by name ----------------------------------------------------------------------------------

    def _by_name(self, name: str) -> int:
        found = self._named(name, 2)
        if not found:
            msg = (
                f"job set {self._record.name!r} has no experiment named {name!r}{self._near(name)}"
            )
            raise JobManagerJobNotFound(msg)
        if len(found) > 1:
            hint = f"{ways.INDICES.of(name)} gives all of them"
            self._warn(f"named {name!r}", found[0], hint)
        elif self._record.complete:  # before that, another of this name may come
            self._keep(found[0] // _NEIGHBOURS)
        return found[0]

    def _named(self, name: str, limit: int) -> list[int]:
        return self._store.indices(self._record.key, name, limit=limit)

    def _keep(self, block: int) -> None:
        if block not in self._asked:
            self._asked.add(block)
            return
        if len(self._known) > _NAMES_KEPT:
            self._known, self._asked = {}, set()
        start = block * _NEIGHBOURS
        self._known |= self._store.unique_names(self._record.key, start, start + _NEIGHBOURS)

    # -- by content -------------------------------------------------------------------------------

    def _by_content(self, experiment: Any, circuit: Any) -> int:
        name = circuit.name
        equal = next(filter(None, self._with_content(experiment, name, 2)), [])
        if not equal and experiment is circuit:
            equal = [*islice(self._namesakes(circuit), 2)] or self._original(circuit)
        if not equal:
            raise JobManagerJobNotFound(self._unknown(experiment, circuit))
        if len(equal) > 1:
            self._warn(f"with the content of {name!r}", equal[0], "an index chooses another")
        return equal[0]

    def _with_content(self, experiment: Any, name: str, limit: int) -> Iterator[list[int]]:
        """Yield the experiments of this content and name, then those of this content."""
        from qiskit_job_manager.codec.experiments import hash_experiment

        try:
            content = hash_experiment(experiment, self.kind)
        except CodecError:  # such as a circuit whose PUB has values
            content = b""
        find, key = self._store.indices_with_content, self._record.key
        yield find(key, content, limit, name) if content else []
        yield find(key, content, limit) if content else []

    def _namesakes(self, circuit: Any) -> Iterator[int]:
        """Yield the experiments of the circuit's name whose stored circuit has its content.

        So are found the circuit of a PUB with values, the transpiled circuit that was sent, and
        what an earlier version hashed in another way.
        """
        from qiskit_job_manager.codec.circuits import hash_circuit

        content = hash_circuit(circuit)
        for index in self._named(circuit.name, _NAMESAKES_READ):
            with suppress(CodecError, StoreCorruptError):  # what cannot be read is not the one
                if hash_circuit(self.circuit(index)) == content:
                    yield index

    def _original(self, circuit: Any) -> list[int]:
        """Return the one experiment that has the circuit's name, if the user gave that name."""
        if _is_counted(circuit):
            return []
        named = self._named(circuit.name, 2)
        return named if len(named) == 1 else []

    def circuit(self, index: int) -> Any:
        """Return the circuit of an experiment as it is stored, and sent.

        Raises:
            JobManagerJobNotFound: The job set has no such experiment.
            CodecError: The stored circuit cannot be read.
        """
        from qiskit_job_manager.codec.experiments import stored_circuit

        job = jobs_of(self._store, self._record, index)[0]
        return stored_circuit(self._store.payload(job.key), index - job.start)

    # -- messages ---------------------------------------------------------------------------------

    def _unknown(self, experiment: Any, circuit: Any) -> str:
        what = "circuit" if experiment is circuit else "PUB"
        msg = f"job set {self._record.name!r} has no experiment with the content of the {what} "
        msg += repr(shortened(circuit.name, 80))
        if _is_counted(circuit):
            msg += ", and Qiskit counted that name, so it proves nothing"
        elif len(self._named(circuit.name, 2)) > 1:
            msg += ", and several experiments have that name"
        hint = (
            ". Hand over the same circuit or PUB as to run(), or give the index or the name of the "
            "experiment"
        )
        return f"{msg}{self._near(circuit.name)}{hint}"

    def _near(self, name: str) -> str:
        """Return the nearest name of an experiment, as the end of a message."""
        experiments = self._store.experiments(self._record.key, stop=_NAMES_COMPARED)
        names = {each.name: each.index for each in experiments}
        near = close_names(name, names)
        if not near:
            return ""
        return f"; the nearest name is {near[0]!r}, of experiment {names[near[0]]}"

    def _warn(self, what: str, index: int, hint: str) -> None:
        warnings.warn(
            f"job set {self._record.name!r} has several experiments {what}; this is the first, "
            f"with index {index}; {hint}.",
            UserWarning,
            stacklevel=6,
        )


def jobs_of(store: Store, record: JobSetRecord, index: int) -> list[JobRecord]:
    """Return the jobs of an experiment that a job set has, one for each share of its shots.

    Raises:
        JobManagerJobNotFound: The job set was deleted meanwhile.
    """
    jobs = store.jobs_covering(record.key, index)
    if jobs:
        return jobs
    msg = (
        f"experiment {index} of job set {record.name!r} is not in the store any more: the job set "
        "was deleted"
    )
    raise JobManagerJobNotFound(msg)


def _circuit_in(experiment: Any) -> Any:
    """Return the circuit that is an experiment, or that a PUB has; ``None``: it is neither."""
    circuit = getattr(experiment, "circuit", experiment)
    if isinstance(circuit, (tuple, list)) and circuit:
        circuit = circuit[0]
    return circuit if hasattr(circuit, "num_clbits") else None


def _not_an_experiment(given: object) -> str:
    return (
        "an experiment is given by its index, its name, or the circuit or PUB that was handed "
        f"over, not by {type(given).__name__} {given!r}"
    )


def _is_counted(circuit: Any) -> bool:
    """Return whether Qiskit made the circuit's name of a counter, as in ``circuit-41``.

    Qiskit also counts up the names of circuits whose parameters it binds: ``ansatz-7``.
    """
    base = getattr(circuit, "_base_name", circuit.name)
    bound = base != circuit.name and re.fullmatch(rf"{re.escape(base)}-\d+(-\d+)?", circuit.name)
    return bool(bound or _COUNTED_NAME.fullmatch(circuit.name))


def _by_position(record: JobSetRecord, index: int) -> int:
    position = index + record.n_experiments if index < 0 else index
    if 0 <= position < record.n_experiments:
        return position
    raise JobManagerJobNotFound(_not_there(record, index))


def _not_there(record: JobSetRecord, index: int) -> str:
    return (
        f"job set {record.name!r} has no experiment {index}: it has {record.n_experiments:,}, "
        f"from 0 to {record.n_experiments - 1:,}"
    )
