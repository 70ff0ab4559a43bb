"""What computes local simulations, and what can be found out of a backend without spending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.errors import JobManagerError
from qiskit_job_manager.foreign_text import clean
from qiskit_job_manager.manager import JobManager
from qiskit_job_manager.selftest.checks import Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.ports import Backend, Capabilities
    from qiskit_job_manager.results import ManagedResults
    from qiskit_job_manager.selftest.ground import Ground

_CIRCUITS = 4
_WITHIN_S = 60.0
_TWICE = "paid for twice only if a request arrives later than the listing's lag and the lease"


def simulations(ground: Ground, executor: str | None) -> Iterator[Check]:
    """Run a few circuits on this machine's processes, or on the cluster."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, name="flip")
    circuit.x(0)
    circuit.measure_all()
    where = f"the executor {executor}" if executor else "this machine"
    try:
        workers = None if executor else 1
        with JobManager(ground.store, workers=workers, executor=executor, notify=()) as manager:
            circuits = [circuit] * _CIRCUITS
            job_set = manager.run(circuits, "basic", "simulations", 1, shots=10)
            results = job_set.results(timeout=_WITHIN_S, partial=True)
            right = sum(_counts(results, n) == {"1": 10} for n in range(_CIRCUITS))
    except JobManagerError as error:
        yield Check("simulations", Verdict.BROKEN, f"{where}: {error.message}")
        return
    verdict = Verdict.HOLDS if right == _CIRCUITS else Verdict.BROKEN
    words = f"{where} computed {right} of {_CIRCUITS} circuits, with the right results"
    yield Check("simulations", verdict, words)


def _counts(results: ManagedResults, number: int) -> object:
    try:
        return results.get_counts(number)
    except JobManagerError:
        return None


def known_of(name: str) -> Iterator[Check]:
    """Say what kind of backend it is, and what that means; nothing is submitted."""
    from qiskit_job_manager.backends import open_backend

    try:
        backend = open_backend(name)
        limits = backend.limits()
    except JobManagerError as error:
        yield Check(f"backend {name}", Verdict.BROKEN, error.message)
        return
    except Exception as error:  # noqa: BLE001  # code of others
        words = f"cannot be opened: {type(error).__name__}: {clean(str(error))}"
        yield Check(f"backend {name}", Verdict.BROKEN, words)
        return
    can = backend.capabilities
    kind, verdict, worst = _kind_of(can)
    yield Check(f"backend {name}", verdict, f"opened; it is {kind}. Nothing was submitted", worst)
    if can.reads_once:
        words = "a result can be read only once"
        limit = "it is lost, and says so, if the process that fetches it dies meanwhile"
        yield Check("its results", Verdict.LIMITED, words, limit)
    known = [
        f"{each.replace('_', ' ')} {value:,}"
        for each in limits.__slots__
        if (value := getattr(limits, each)) is not None
    ]
    yield Check("its limits", Verdict.HOLDS, ", ".join(known) or "it says of none")
    yield _cost(backend)


def _kind_of(can: Capabilities) -> tuple[str, Verdict, str]:
    if can.volatile:
        return "volatile: jobs die with their process", Verdict.HOLDS, "computed again, not paid"
    if can.idempotent:
        return "idempotent: the same key gives the same job", Verdict.HOLDS, "paid once"
    if can.findable:
        lag = f"findable: a job is listed after at most {can.listing_lag_s:g} s, says its adapter"
        return lag, Verdict.HOLDS, _TWICE
    words = "after a lost answer a job waits for qjm resubmit or qjm abandon"
    return "blind: it can neither be searched nor sent a key", Verdict.LIMITED, words


def _cost(backend: Backend) -> Check:
    estimate_s = backend.estimate_usage_s(1, None)
    if estimate_s is None:
        words = "free" if backend.capabilities.volatile else "not known: --max-usage cannot hold it"
    else:
        words = f"about {estimate_s:g} quantum seconds for a job of one circuit"
    is_known = estimate_s is not None or backend.capabilities.volatile
    return Check("its cost", Verdict.HOLDS if is_known else Verdict.LIMITED, words)
