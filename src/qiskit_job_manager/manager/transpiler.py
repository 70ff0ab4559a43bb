"""Transpiles experiments for the backend of a run, in several processes where that is worth it.

The same experiments have to find their job set again, and their results, whatever the transpiler
makes of them: some of its passes order their work by hash, so that a seed is not enough. So the
content of a transpiled experiment is that of what was handed over, and only what is stored and sent
is the transpiled circuit.
"""

from __future__ import annotations

import inspect
import logging
import os
import time
from collections import OrderedDict, deque
from collections.abc import Mapping, Sized
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.codec.circuits import hash_circuit
from qiskit_job_manager.codec.experiments import circuit_of, hash_experiment
from qiskit_job_manager.displays import shown_steps
from qiskit_job_manager.errors import CodecError, InvalidArgumentError, InvalidExperimentError
from qiskit_job_manager.manager.arguments import plain_value
from qiskit_job_manager.model import ExperimentKind
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from qiskit_job_manager.ports import Backend

logger = logging.getLogger(__name__)

SEED = 20190327
"""Seed of the transpiler where the user gives none."""

_DEFAULT_LEVEL = 2  # Qiskit's own
_SERIAL_S = 3.0  # a process takes some two seconds to import Qiskit
_AHEAD = 4
_KEPT = 64
_GIVEN_BY_US = {"optimization_level", "seed_transpiler", "backend", "target", "_skip_target"}


@dataclass(frozen=True, slots=True)
class Transpiled:
    """A transpiled experiment on its way into the store.

    Attributes:
        experiment: The transpiled circuit or PUB.
        content_hash: Content hash of what was handed over, 32 bytes.
    """

    experiment: Any
    content_hash: bytes


def checked_options(
    transpile: object, optimization_level: object, seed_transpiler: object
) -> dict[str, Any] | None:
    """Return all options of the transpiler as plain values; ``None``: nothing is transpiled.

    Args:
        transpile: ``True``, ``False``, ``None``, or a mapping of further options.
        optimization_level: 0 to 3, or ``None``.
        seed_transpiler: A whole number of at least 0, or ``None``.

    Raises:
        InvalidArgumentError: One of them cannot be used.
    """
    more = transpile if isinstance(transpile, Mapping) else {}
    if not isinstance(transpile, (bool, Mapping)) and transpile is not None:
        msg = f"transpile is {transpile!r}; it is True, False, or a mapping of options"
        raise InvalidArgumentError(msg)
    if transpile is False or (transpile is None and optimization_level is None):
        if optimization_level is not None or seed_transpiler is not None:
            msg = "optimization_level and seed_transpiler need transpile=True"
            raise InvalidArgumentError(msg)
        return None
    level = _DEFAULT_LEVEL if optimization_level is None else optimization_level
    if isinstance(level, bool) or level not in (0, 1, 2, 3):
        msg = f"optimization_level is {level!r}; it is 0, 1, 2 or 3"
        raise InvalidArgumentError(msg)
    seed = SEED if seed_transpiler is None else seed_transpiler
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or int(seed) < 0:
        msg = f"seed_transpiler is {seed!r}; it is a whole number of at least 0"
        raise InvalidArgumentError(msg)
    return {"optimization_level": int(level), "seed_transpiler": int(seed), **_checked_more(more)}


def _checked_more(options: Mapping[str, object]) -> dict[str, Any]:
    from qiskit.transpiler import generate_preset_pass_manager

    known = set(inspect.signature(generate_preset_pass_manager).parameters) - _GIVEN_BY_US
    for name in options:
        if name not in known:
            msg = f"transpile has the option {name!r}; the options are {', '.join(sorted(known))}"
            raise InvalidArgumentError(msg)
    return {name: plain_value(f"transpile option {name!r}", options[name]) for name in options}


class Transpiler:
    """Transpiles the experiments of one run.

    Args:
        backend: What runs them.
        options: What `checked_options` returned.
        report: Called with the number of experiments that are transpiled, after each.

    Raises:
        InvalidArgumentError: The backend has nothing to transpile for, or the transpiler refuses an
            option.
    """

    def __init__(
        self, backend: Backend, options: Mapping[str, Any], report: Callable[[int], object]
    ) -> None:
        device = getattr(backend, "qiskit_backend", None)
        self._target = getattr(device, "target", None)
        if self._target is None:
            msg = (
                f"{backend.name} has no target to transpile for, and takes circuits as they are: "
                "leave transpile and optimization_level out, or hand over a Qiskit BackendV2, its "
                "name, or a primitive on one, such as BackendSamplerV2(backend=...)"
            )
            raise InvalidArgumentError(msg)
        self._name = backend.name
        self._kind = backend.takes
        self._options = {**_stages_of(device), **options}
        self._report = report
        try:
            self._passes = _pass_manager(self._target, self._options)
        except Exception as error:  # of the transpiler's own checks, and of plugins
            msg = f"the transpiler refuses its options: {getattr(error, 'message', error)}"
            raise InvalidArgumentError(msg) from error
        self._workers: Any = None
        self._spent_s = 0.0
        self._kept: OrderedDict[tuple[object, ...], tuple[Any, Future[Any]]] = OrderedDict()

    def transpiled(self, experiments: Iterable[Any], first: int = 0) -> Iterator[Transpiled]:
        """Yield experiments transpiled, in order, few of them ahead.

        Args:
            experiments: Circuits or PUBs.
            first: Index of the first one.

        Raises:
            InvalidExperimentError: One cannot be transpiled; the message names it.
        """
        try:
            for done, wait in enumerate(self._in_order(experiments, first), start=1):
                yield wait()
                self._report(done)
        finally:
            if self._workers is not None:
                self._workers.shutdown(wait=False, kill_workers=True)

    def _in_order(
        self, experiments: Iterable[Any], first: int
    ) -> Iterator[Callable[[], Transpiled]]:
        """Yield what waits for each experiment; an error comes after those that came before it."""
        begun: deque[Callable[[], Transpiled]] = deque()
        found: Exception | None = None
        remaining = enumerate(experiments, start=first)
        while found is None:
            try:
                index, experiment = next(remaining)
                begun.append(self._begun(experiment, index))
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001  # of a generator of the user's, raised below
                found = error
            while len(begun) > self._ahead:
                yield begun.popleft()
        yield from begun
        if found is not None:
            raise found

    @property
    def _ahead(self) -> int:
        return 0 if self._workers is None else _AHEAD * _cores()

    def _begun(self, experiment: Any, index: int) -> Callable[[], Transpiled]:
        """Begin to transpile one experiment, and return what waits for it."""
        try:
            content = hash_experiment(experiment, self._kind)
        except CodecError as error:
            msg = f"experiment {index} ({_name(experiment)}) cannot be stored: {error}"
            raise InvalidExperimentError(msg) from error
        circuit, rebuilt = self._parts(experiment)
        alone = self._kind is ExperimentKind.CIRCUIT
        future = self._future(circuit, content if alone else hash_circuit(circuit))
        return partial(self._ended, future, circuit, rebuilt, content, index)

    def _ended(
        self,
        future: Future[Any],
        circuit: Any,
        rebuilt: Callable[[Any], Any],
        content: bytes,
        index: int,
    ) -> Transpiled:
        try:
            return Transpiled(rebuilt(self._result(future, circuit)), content)
        except Exception as error:
            # Transpilers raise whatever their parts raise, plugins of others among them.
            msg = (
                f"experiment {index} ({_name(circuit)}) cannot be transpiled for {self._name}: "
                f"{getattr(error, 'message', error)}"
            )
            raise InvalidExperimentError(msg) from error

    def _result(self, future: Future[Any], circuit: Any) -> Any:
        from qiskit.exceptions import QiskitError

        try:
            return future.result()
        except QiskitError:
            raise
        except Exception:  # noqa: BLE001  # a worker died, or the circuit cannot be sent to one
            return self._run_here(circuit)

    def _parts(self, experiment: Any) -> tuple[Any, Callable[[Any], Any]]:
        """Return the circuit of an experiment, and what puts another in its place."""
        if self._kind is ExperimentKind.CIRCUIT:
            return experiment, lambda circuit: circuit
        if self._kind is ExperimentKind.SAMPLER_PUB:
            from qiskit.primitives.containers.sampler_pub import SamplerPub

            pub = SamplerPub.coerce(experiment)
            return pub.circuit, lambda c: SamplerPub(c, pub.parameter_values, pub.shots)
        from qiskit.primitives.containers.estimator_pub import EstimatorPub

        known = EstimatorPub.coerce(experiment)
        return known.circuit, partial(_laid_out, known)

    def _future(self, circuit: Any, content: bytes) -> Future[Any]:
        """Begin to transpile a circuit; one that was just begun is not begun again.

        The PUBs of a sweep have one circuit in common. A generator may change a circuit after it
        was handed over, so what it is now is part of the key.
        """
        key = (id(circuit), content, circuit.name, repr(circuit.metadata))
        if key not in self._kept:
            # The circuit is kept, so that no other gets its id.
            self._kept[key] = (circuit, self._submitted(circuit))
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[key][1]

    def _submitted(self, circuit: Any) -> Future[Any]:
        try:
            if self._workers is None and self._spent_s > _SERIAL_S and _cores() > 1:
                self._workers = _workers(self._target, self._options)
            if self._workers is not None:
                begun: Future[Any] = self._workers.submit(_run_in_worker, circuit.copy())
                return begun
        except Exception as error:  # noqa: BLE001  # no process can be started, or all have died
            logger.info("transpiling goes on in this process alone: %s", error)
            self._spent_s = float("-inf")
            self._workers = None
        future: Future[Any] = Future()
        try:
            future.set_result(self._run_here(circuit))
        except Exception as error:  # noqa: BLE001  # raised where the result is asked for
            future.set_exception(error)
        return future

    def _run_here(self, circuit: Any) -> Any:
        begun_s = time.monotonic()
        try:
            return self._passes.run(circuit)
        finally:
            self._spent_s += time.monotonic() - begun_s


@contextmanager
def opened(
    backend: Backend, options: Mapping[str, Any] | None, experiments: Iterable[Any], *, show: bool
) -> Iterator[Transpiler | None]:
    """Give the transpiler of a run, or ``None`` where nothing is transpiled.

    Args:
        backend: What runs the experiments.
        options: What `checked_options` returned.
        experiments: What was handed over, to be counted.
        show: Whether to show how many are transpiled.

    Raises:
        InvalidArgumentError: The backend has nothing to transpile for.
    """
    if options is None:
        yield None
    elif not show:
        yield Transpiler(backend, options, lambda _: None)
    else:
        total = len(experiments) if isinstance(experiments, Sized) else None
        with shown_steps(f"Transpiling for {shortened(backend.name, 40)}", total) as report:
            yield Transpiler(backend, options, report)


def runnable(experiment: Any) -> Any:
    """Return what is sent of an experiment: the transpiled one, if it was transpiled."""
    return experiment.experiment if isinstance(experiment, Transpiled) else experiment


def _laid_out(pub: Any, circuit: Any) -> Any:
    from qiskit.primitives.containers.estimator_pub import EstimatorPub

    observables = pub.observables.apply_layout(circuit.layout, circuit.num_qubits)
    return EstimatorPub(circuit, observables, pub.parameter_values, pub.precision)


def _name(experiment: Any) -> str:
    return repr(shortened(str(getattr(circuit_of(experiment), "name", None)), 80))


def _cores() -> int:
    """Return how many processes transpile: what Qiskit's own variable says, or one a core."""
    from loky import cpu_count

    chosen = os.environ.get("QISKIT_NUM_PROCS", "")
    return int(chosen) if chosen.isdecimal() and int(chosen) else int(cpu_count())


def _workers(target: Any, options: Mapping[str, Any]) -> Any:
    from loky import ProcessPoolExecutor

    return ProcessPoolExecutor(
        _cores(),
        initializer=_prepare_worker,
        initargs=(target, dict(options)),
        env={"RAYON_NUM_THREADS": "1"},  # each core is used once
    )


def _stages_of(device: Any) -> dict[str, str]:
    """Return the stages of the transpiler that a backend brings along, as Qiskit asks for them."""
    asked = {
        "translation_method": getattr(device, "get_translation_stage_plugin", None),
        "scheduling_method": getattr(device, "get_scheduling_stage_plugin", None),
    }
    found = {option: ask() for option, ask in asked.items() if ask is not None}
    return {option: name for option, name in found.items() if name is not None}


def _pass_manager(target: Any, options: Mapping[str, Any]) -> Any:
    from qiskit.transpiler import generate_preset_pass_manager

    return generate_preset_pass_manager(target=target, **options)


_passes_of_worker: Any = None


def _prepare_worker(target: Any, options: Mapping[str, Any]) -> None:
    global _passes_of_worker  # noqa: PLW0603  # a worker transpiles for one run
    _passes_of_worker = _pass_manager(target, options)


def _run_in_worker(circuit: Any) -> Any:
    return _passes_of_worker.run(circuit)
