"""``qjm run``: read circuits, transpile them, and run them all."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager.cli.dry_run import show_plan
from qiskit_job_manager.cli.outcome import finish, hand_over
from qiskit_job_manager.cli.session import JsonOption, TimeoutOption, opened_manager
from qiskit_job_manager.cli.text import escape, plural
from qiskit_job_manager.clock import SystemClock

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qiskit_job_manager.ports import Backend


class IfExists(StrEnum):
    """What to do when the name is taken."""

    ERROR = "error"
    RESUME = "resume"


PathsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="OpenQASM 2, OpenQASM 3 or QPY files, folders of them, or patterns.",
        show_default=False,
    ),
]
BackendOption = Annotated[
    str, typer.Option(metavar="NAME", help="What runs them, such as aer, basic or fake:torino.")
]
ShotsOption = Annotated[
    int | None, typer.Option(min=1, help="Shots of each circuit. Default: the backend's own.")
]
NameOption = Annotated[
    str | None, typer.Option(help="Name of the job set, unique in the store. Default: made up.")
]
MaxExperimentsOption = Annotated[
    int | None, typer.Option(min=1, help="Circuits in one job, at most.")
]
OptimizationOption = Annotated[
    int,
    # Qiskit's own default, 2, takes minutes for one ten-qubit circuit with many-controlled gates.
    typer.Option(min=0, max=3, help="How hard the transpiler tries; it takes longer with each."),
]
IfExistsOption = Annotated[
    IfExists,
    typer.Option(help="What if the name is taken: refuse, or go on with those same circuits."),
]
TagOption = Annotated[
    list[str] | None, typer.Option("--tag", help="A tag of the job set; may be given repeatedly.")
]
SeedOption = Annotated[
    int | None, typer.Option(min=0, help="Seed of the simulator, for counts that come again.")
]
MemoryOption = Annotated[bool, typer.Option("--memory", help="Keep the outcome of each shot.")]
WaitOption = Annotated[
    bool,
    typer.Option(
        help="Wait until all jobs ended; or only until all were handed over. Jobs on a simulator "
        "live no longer than this process: --no-wait stores them, and qjm wait runs them.",
    ),
]


DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Show the split and what it would cost; send nothing."),
]
MaxUsageOption = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Send nothing beyond so many estimated quantum seconds."),
]


def run(  # noqa: PLR0913  one parameter an option
    ctx: typer.Context,
    paths: PathsArgument,
    *,
    backend: BackendOption,
    shots: ShotsOption = None,
    name: NameOption = None,
    max_experiments_per_job: MaxExperimentsOption = None,
    optimization_level: OptimizationOption = 1,
    if_exists: IfExistsOption = IfExists.ERROR,
    tags: TagOption = None,
    seed: SeedOption = None,
    memory: MemoryOption = False,
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
    max_usage: MaxUsageOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run every circuit in files and folders, split into jobs.

    The circuits are named after their files. They are transpiled for the backend with a fixed seed,
    so that the same command with --if-exists resume goes on where it stopped.
    """
    clock = SystemClock()
    begun = clock.monotonic()
    with opened_manager(ctx) as manager:
        adapter, circuits = _prepare(paths, backend, optimization_level)
        options = _simulator_options(seed, memory=memory)
        if dry_run:
            plan = manager.plan(circuits, adapter, max_experiments_per_job, shots=shots, **options)
            show_plan(plan, adapter.name, as_json=as_json)
            return
        job_set = manager.run(
            circuits,
            adapter,
            name=name,
            max_experiments_per_job=max_experiments_per_job,
            job_tags=tags,
            shots=shots,
            if_exists=if_exists.value,
            max_usage_s=max_usage,
            drive=wait or not adapter.capabilities.volatile,
            **options,
        )
        _say(
            f"Job set {job_set.job_set_id()} ({escape(job_set.name())}): "
            f"{plural(job_set.n_experiments, 'experiment')} in {plural(job_set.n_jobs, 'job')}"
        )
        left_s = None if timeout is None else max(0.0, timeout - (clock.monotonic() - begun))
        (finish if wait else hand_over)(ctx, job_set, left_s, as_json=as_json)


def _prepare(
    paths: list[str], backend: str, optimization_level: int
) -> "tuple[Backend, list[QuantumCircuit]]":
    """Read and transpile, so that whatever is wrong is told before anything is stored."""
    from qiskit_job_manager.backends import open_backend
    from qiskit_job_manager.cli.circuit_reading import read_circuits
    from qiskit_job_manager.cli.transpiling import transpile_for

    adapter = open_backend(backend)
    circuits = read_circuits(paths)
    target = getattr(adapter, "qiskit_backend", None)
    if target is not None:
        _say(f"Transpiling {plural(len(circuits), 'circuit')} for {escape(adapter.name)} ...")
        circuits = transpile_for(target, circuits, optimization_level)
    return adapter, circuits


def _simulator_options(seed: int | None, *, memory: bool) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if seed is not None:
        options["seed_simulator"] = seed
    if memory:
        options["memory"] = True
    return options


def _say(what: str) -> None:
    typer.echo(what, err=True)
