"""The checks that every provider's backend must pass through the job manager.

``run.py`` runs this file in the environment of one provider: ``checks.py PROBE OUT STORE``. Each
check runs circuits whose outcome is known, and compares. Its verdict is one of

    yes      it gave what is right
    no       it was refused, or raised, and the note has the words: nothing wrong was given
    wrong    it gave something else, and nothing said so
    -        it cannot be tried
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
import traceback
import warnings
from collections import Counter
from importlib.metadata import version
from pathlib import Path

SHOTS = 60
WAIT_S = 120
STATES = (0, 1, 2, 3)

# A job set and its backend are begun again by another process with this.
REOPENED = """
import json, sys
from qiskit_job_manager import JobManager
with JobManager(sys.argv[1]) as manager:
    results = manager.retrieve_job_set(sys.argv[2]).results(timeout=0)
    print(json.dumps([results.get_counts(index) for index in range(4)]))
"""


class WrongError(Exception):
    """What came is not what is right."""


class CannotBeTriedError(Exception):
    """The check makes no sense here."""


class Provider:
    """One provider's backend or primitive, as its probe gives it.

    Attributes:
        runs: What is handed over to the job manager.
        probe: The module; see ``probes/``.
        manager: The manager that runs all checks.
    """

    def __init__(self, probe, manager):
        self.probe = probe
        self.manager = manager
        self.runs = probe.backend()
        self.least = getattr(probe, "LEAST", 0.95)
        self.shots = getattr(probe, "SHOTS", SHOTS)
        self.takes_circuits = hasattr(self.runs, "target") and hasattr(self.runs, "run")
        self.device = getattr(probe, "device", lambda runs: runs)(self.runs)

    def prepared(self, circuits):
        """Return circuits as the device can run them."""
        prepare = getattr(self.probe, "prepare", None)
        if prepare is not None:
            return prepare(circuits, self.device)
        if getattr(self.device, "target", None) is None:
            return circuits
        from qiskit import transpile

        return transpile(circuits, self.device, optimization_level=1, seed_transpiler=7)

    def run(self, experiments, **options):
        """Run experiments as they are, and return the job set."""
        given = {"shots": self.shots, **getattr(self.probe, "RUN", {}), **options}
        return self.manager.run(experiments, self.runs, **given)

    def results(self, experiments, **options):
        """Run experiments, and return their results; what failed raises."""
        return finished(self.run(experiments, **options))


def finished(job_set):
    """Return the results of a job set of which nothing failed."""
    results = job_set.results(timeout=WAIT_S)
    if not results.success:
        raise RuntimeError(job_set.error_messages())
    return results


def basis_state(number, name=None):
    """Return a circuit of two bits whose outcome is a number."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(2, 2, name=name or f"is {number}")
    for qubit in range(2):
        if number >> qubit & 1:
            circuit.x(qubit)
    circuit.measure([0, 1], [0, 1])
    return circuit


def compare(counts, outcome, shots, least):
    """Raise unless an outcome was seen in most of the shots, and the shots are all there."""
    seen = {str(key): int(number) for key, number in counts.items()}
    if sum(seen.values()) != shots:
        raise WrongError(f"{sum(seen.values())} shots of {shots}: {seen}")
    if seen.get(outcome, 0) < least * shots:
        raise WrongError(f"{seen}, and {outcome} is right")


def outcomes(data):
    """Return the one register with outcomes, beside which some samplers put more."""
    [register] = [each for each in data.values() if hasattr(each, "get_counts")]
    return register


# -- the checks -------------------------------------------------------------------------------


def counts(provider):
    """Four circuits in two jobs, told apart by their bits."""
    circuits = provider.prepared([basis_state(number) for number in STATES])
    per_job = getattr(provider.probe, "PER_JOB", 2)
    results = provider.results(circuits, name="counts", max_experiments_per_job=per_job)
    for number in STATES:
        compare(results.get_counts(number), f"{number:02b}", provider.shots, provider.least)


def memory(provider):
    """The outcome of each shot, and the counts of the same shots."""
    circuits = provider.prepared([basis_state(number) for number in STATES])
    given = {"memory": True} if provider.takes_circuits else {}
    results = provider.results(circuits, max_experiments_per_job=2, **given)
    for number in STATES:
        shots = results.get_memory(number)
        compare(Counter(shots), f"{number:02b}", provider.shots, provider.least)
        if Counter(shots) != Counter(dict(results.get_counts(number))):
            raise WrongError("memory and counts differ")


def registers(provider):
    """Two registers, whose bits have a space between them."""
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

    circuit = QuantumCircuit(
        QuantumRegister(2), ClassicalRegister(1, "first"), ClassicalRegister(1, "second")
    )
    circuit.x(1)
    circuit.measure([0, 1], [0, 1])
    results = provider.results(provider.prepared([circuit]))
    compare(results.get_counts(0), "1 0", provider.shots, provider.least)


def bits(provider):
    """Qubits measured into other bits than their own, and a bit that nothing is measured into."""
    from qiskit import QuantumCircuit

    crossed = QuantumCircuit(2, 2)
    crossed.x(0)
    crossed.measure([0, 1], [1, 0])
    part = QuantumCircuit(2, 3)
    part.x(0)
    part.measure(0, 1)
    results = provider.results(provider.prepared([crossed, part]))
    compare(results.get_counts(0), "10", provider.shots, provider.least)
    compare(results.get_counts(1), "010", provider.shots, provider.least)


def goes_on():
    """Return a circuit that measures a qubit, and goes on with it."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, 2)
    circuit.measure(0, 0)
    circuit.x(0)
    circuit.measure(0, 1)
    return circuit


def middle(provider):
    """A measurement, and then the same qubit goes on."""
    results = provider.results(provider.prepared([goes_on()]))
    compare(results.get_counts(0), "10", provider.shots, provider.least)


def options(provider):
    """Shots of each call, one after the other, and a misspelt option."""
    [circuit] = provider.prepared([basis_state(2)])
    for shots in (provider.shots // 2, provider.shots + 1, provider.shots):
        results = provider.results([circuit], shots=shots)
        compare(results.get_counts(0), "10", shots, provider.least)
    try:
        provider.results([circuit], shotz=17)
    except Exception:  # noqa: BLE001  # whatever it is, the option was not taken
        return
    raise WrongError("the option shotz=17 was taken")


def pubs(provider):
    """PUBs, sampled from what the backend gives."""
    circuits = provider.prepared([basis_state(number) for number in STATES])
    results = provider.results([(circuit,) for circuit in circuits])
    for number in STATES:
        register = outcomes(results.pub_result(number).data)
        compare(register.get_counts(), f"{number:02b}", provider.shots, provider.least)


def sampler(provider):
    """`ManagedSampler` in the place of a sampler."""
    from qiskit_job_manager import ManagedSampler

    circuits = provider.prepared([basis_state(number) for number in STATES])
    job = ManagedSampler(provider.runs, manager=provider.manager).run(
        circuits, shots=provider.shots
    )
    for number, pub in enumerate(job.result(WAIT_S)):
        register = outcomes(pub.data)
        compare(register.get_counts(), f"{number:02b}", provider.shots, provider.least)


def estimator(provider):
    """`ManagedEstimator` in the place of an estimator."""
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

    from qiskit_job_manager import ManagedEstimator

    runs = getattr(provider.probe, "estimator", lambda: provider.runs)()
    circuit = QuantumCircuit(2)
    circuit.x(0)
    [circuit] = provider.prepared([circuit])
    values = []
    for letters in ("IZ", "ZI"):
        observable = SparsePauliOp(letters)
        if circuit.layout is not None:
            observable = observable.apply_layout(circuit.layout)
        values.append((circuit, observable))
    job = ManagedEstimator(runs, manager=provider.manager).run(values, precision=0.05)
    found = [float(pub.data.evs) for pub in job.result(WAIT_S)]
    off = 2 * (1 - provider.least) + 0.15
    if not all(abs(a - b) <= off for a, b in zip(found, (-1, 1), strict=True)):
        raise WrongError(f"{found}, and [-1, 1] is right")


def backend(provider):
    """`ManagedBackend` in the place of a backend."""
    if not provider.takes_circuits:
        raise CannotBeTriedError
    from qiskit_job_manager import ManagedBackend

    circuits = provider.prepared([basis_state(number) for number in STATES])
    runs = ManagedBackend(provider.runs, manager=provider.manager)
    result = runs.run(circuits, shots=provider.shots).result(WAIT_S)
    for number in STATES:
        compare(result.get_counts(number), f"{number:02b}", provider.shots, provider.least)


def together(provider):
    """Two job sets at once on one object, in many jobs, with different shots."""
    sets = {}
    for shots in (provider.shots, provider.shots // 2):
        circuits = provider.prepared([basis_state(number % 4) for number in range(12)])
        sets[shots] = provider.run(circuits, shots=shots, max_experiments_per_job=1)
    for shots, job_set in sets.items():
        results = finished(job_set)
        for place in range(12):
            compare(results.get_counts(place), f"{place % 4:02b}", shots, provider.least)


def reopened(provider):
    """The results of the first check, read by another process without the provider."""
    del provider
    done = subprocess.run(
        [sys.executable, "-c", REOPENED, sys.argv[3], "counts"],
        check=False,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-500:])
    for number, counts in zip(STATES, json.loads(done.stdout), strict=True):
        if max(counts, key=counts.get) != f"{number:02b}":
            raise WrongError(f"{counts}, and {number:02b} is right")


def attached(provider):
    """A job that was sent and not read, taken up by its id with another object of the backend."""
    again = getattr(provider.probe, "again", None)
    if again is None:
        raise CannotBeTriedError
    from qiskit_job_manager.backends import adapt
    from qiskit_job_manager.codec.experiments import encode_experiment, pack_experiments
    from qiskit_job_manager.codec.results import open_result

    first, second = adapt(provider.runs), adapt(again())
    circuits = provider.prepared([basis_state(2)])
    kind = first.takes
    payload = pack_experiments([encode_experiment(each, kind) for each in circuits], kind)
    remote_id = first.submit(payload, {"shots": provider.shots}, "qjm-1")
    until_s = time.monotonic() + WAIT_S
    while second.statuses([remote_id])[remote_id].state in ("queued", "running"):
        if time.monotonic() > until_s:
            raise RuntimeError("the job did not end")
        time.sleep(0.1)
    counts = open_result(second.fetch(remote_id)).counts(0)
    if max(counts, key=counts.get) not in ("0x2", "10"):
        raise WrongError(f"{counts}, and 10 is right")


def errors(provider):
    """What the provider itself says of a job that it does not run."""
    trouble = getattr(provider.probe, "trouble", None)
    if trouble is None:
        raise CannotBeTriedError
    circuits, given = trouble(provider)
    try:
        provider.runs.run(circuits, **given).result()
    except Exception as error:  # noqa: BLE001  # providers raise anything
        said = str(getattr(error, "message", "") or error).strip().strip("'\"")
    else:
        raise CannotBeTriedError("the provider itself does not refuse it")
    told = _told(lambda: provider.run(circuits, **given))
    if said[:60] not in told:
        raise WrongError(f"{told!r} and not {said!r}")
    if "may or may not" in told:
        raise RuntimeError(f"in doubt: {told}")


def _told(run):
    try:
        job_set = run()
        job_set.wait(WAIT_S)
    except Exception as error:  # noqa: BLE001  # its text is what is looked at
        return str(error)
    return str(job_set.error_messages()) + str(job_set.trouble())


CHECKS = (
    counts,
    memory,
    registers,
    bits,
    middle,
    options,
    pubs,
    sampler,
    estimator,
    backend,
    together,
    reopened,
    attached,
    errors,
)


# -- running them -----------------------------------------------------------------------------


def judge(work, *given):
    """Return the verdict and the note of one check."""
    try:
        note = work(*given)
    except WrongError as wrong:
        return {"verdict": "wrong", "note": str(wrong)}
    except CannotBeTriedError as why:
        return {"verdict": "-", "note": str(why)}
    except Exception as error:  # noqa: BLE001  # a check that raises is an answer
        traceback.print_exc()
        return {"verdict": "no", "note": f"{type(error).__name__}: {error}"[:600]}
    return {"verdict": "yes", "note": note or ""}


def loaded(path):
    """Return the module of a probe."""
    spec = importlib.util.spec_from_file_location("probe", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["probe"] = module
    spec.loader.exec_module(module)
    return module


def main():
    """Run the checks of one probe, and write what they gave."""
    warnings.simplefilter("ignore")
    path, out, store = sys.argv[1:4]
    from qiskit_job_manager import JobManager

    probe = loaded(path)
    found = {"versions": {name: version(name) for name in (*probe.PACKAGES, "qiskit")}}
    with JobManager(store) as manager:
        if hasattr(probe, "uses"):  # a library on top of Qiskit, which runs on our drop-ins
            found["checks"] = {name: judge(work, manager) for name, work in probe.uses.items()}
        else:
            found["checks"] = {}
            provider = Provider(probe, manager)
            for check in CHECKS:
                print(f"-- {check.__name__}", file=sys.stderr, flush=True)
                found["checks"][check.__name__] = judge(check, provider)
    Path(out).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
