"""``qjm demo``: runs a small job set on a simulator, from circuits to counts."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from qiskit_job_manager.cli.commands.results import choose, histogram, read
from qiskit_job_manager.cli.follow import code_of, watch_to_the_end
from qiskit_job_manager.cli.options import JsonOption, command_for, opened_manager
from qiskit_job_manager.cli.output import plural, print_object, say
from qiskit_job_manager.job_set.json_values import summary
from qiskit_job_manager.results import source_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.manager import JobManager
    from qiskit_job_manager.ports import Backend

_NAME = "demo"
_SHOWN = "ghz_4"
_SIZES = (2, 3, 4, 5)
_IN_JOB = 3
_SHOTS = 1024
_SEED = 7


def demo(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Run a dozen small circuits on a local simulator and show the results.

    It uses Aer if that is installed, otherwise Qiskit's own simulator. The job set "demo" is stored
    in a new temporary folder, which stays, or in the store of qjm --store URL demo. The same
    command on the same store reads the stored results again.
    """
    ctx.obj = ctx.obj or str(Path(tempfile.mkdtemp(prefix="qjm-demo-")) / "store.db")
    with opened_manager(ctx) as manager:
        job_set = _begun(manager)
        progress = watch_to_the_end(ctx, job_set, None)
        if as_json:
            print_object({**summary(job_set), "store": manager.store_url})
        else:
            for line in _shown(ctx, job_set):
                typer.echo(line)
    raise typer.Exit(code_of(progress))


def _begun(manager: "JobManager") -> "ManagedJobSet":
    backend = _best_backend()
    circuits = _circuits()
    say(
        f"Running {plural(len(circuits), 'circuit')} on {backend.name}, {_IN_JOB} a job, "
        f"{_SHOTS} shots each ...",
        err=True,
    )
    return manager.run(
        circuits,
        backend,
        name=_NAME,
        max_experiments_per_job=_IN_JOB,
        shots=_SHOTS,
        if_exists="resume",
        optimization_level=1,
        seed_simulator=_SEED,
    )


def _best_backend() -> "Backend":
    from qiskit_job_manager.backends import open_backend
    from qiskit_job_manager.errors import UnknownBackendError

    try:
        return open_backend("aer")
    except UnknownBackendError:
        return open_backend("basic")


def _circuits() -> "list[QuantumCircuit]":
    """Return circuits of known kinds and growing sizes, the same in each call."""
    from qiskit.circuit.library import quantum_volume, random_iqp

    circuits = []
    for size in _SIZES:
        volume, iqp = quantum_volume(size, seed=_SEED), random_iqp(size, seed=_SEED)
        named = {"ghz": _ghz(size), "quantum_volume": volume, "iqp": iqp}
        for kind, circuit in named.items():
            circuit.name = f"{kind}_{size}"
            circuit.measure_all()
            circuits.append(circuit)
    return circuits


def _ghz(size: int) -> "QuantumCircuit":
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(size)
    circuit.h(0)
    for qubit in range(1, size):
        circuit.cx(0, qubit)
    return circuit


def _shown(ctx: typer.Context, job_set: "ManagedJobSet") -> Iterator[str]:
    yield job_set.report(detailed=False)
    yield ""
    for outcome in read(job_set, choose(job_set, [_SHOWN])):
        yield from histogram(outcome)
    yield "Everything is stored. Read it from any process:"
    for words in (("show", _NAME), ("results", _NAME), ("log", _NAME)):
        yield f"  {command_for(ctx, *words)}"
    yield "Run your own circuits from OpenQASM or QPY files:"
    backend = source_of(job_set).record.backend_uri
    yield f"  qjm run FILE_OR_FOLDER --backend {backend} --shots 4096 --name NAME"
    yield "  qjm backends"
