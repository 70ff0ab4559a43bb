"""``qjm run``: reads circuits, transpiles and runs them; ``--dry-run`` shows the split.

On several backends it places the circuits, waits, and prints how each backend did.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from qiskit_job_manager.cli import errors
from qiskit_job_manager.cli.follow import finish, hand_over
from qiskit_job_manager.cli.help_words import Command
from qiskit_job_manager.cli.options import (
    ExecutorOption,
    JsonOption,
    NotifyOption,
    TimeoutOption,
    WorkersOption,
    choice,
    command_for,
    opened_manager,
)
from qiskit_job_manager.cli.output import cut, escape, plural, print_object, say
from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.job_set.json_values import summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qiskit import QuantumCircuit

    from qiskit_job_manager import JobManager, ManagedJobSetGroup
    from qiskit_job_manager.model import Plan
    from qiskit_job_manager.ports import Backend


class IfExists(StrEnum):
    """What to do if the name is in use."""

    ERROR = "error"
    RESUME = "resume"
    EXTEND = "extend"


PathsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH",
        help="OpenQASM 2, OpenQASM 3 or QPY files, folders with such files, or patterns.",
        show_default=False,
    ),
]
BackendOption = Annotated[
    list[str],
    typer.Option(
        metavar="NAME",
        help="The backend, such as aer, basic or fake:torino. Repeat the option to place the "
        "circuits on several.",
        show_default=False,
    ),
]


class PlaceWord(StrEnum):
    """How circuits are placed on several backends."""

    QUEUE = "queue"
    SPREAD = "spread"
    ALL = "all"


PlaceOption = Annotated[
    PlaceWord | None,
    choice(
        PlaceWord,
        "--place",
        help="With several backends: each circuit on the one that will have run it first (the "
        "default), in equal parts, or every circuit on every backend.",
        show_default=False,
    ),
]
ShotsOption = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER", min=1, help="Shots of each circuit. Default: the backend's own."
    ),
]
NameOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Name of the job set, unique in the store. Default: a generated name."
    ),
]
MaxExperimentsOption = Annotated[
    int | None, typer.Option(metavar="NUMBER", min=1, help="Largest number of circuits in one job.")
]
OptimizationOption = Annotated[
    int,
    # Qiskit's own default, 2, takes minutes for one ten-qubit circuit with many-controlled gates.
    typer.Option(
        metavar="NUMBER",
        min=0,
        max=3,
        help="Effort of the transpiler; a higher level takes longer.",
    ),
]
IfExistsOption = Annotated[
    IfExists,
    choice(
        IfExists,
        "--if-exists",
        help="If the name is in use: refuse, go on with the same circuits, or add those that are "
        "new.",
    ),
]
TagOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tag", metavar="TAG", help="A tag of the job set. Repeat the option for more tags."
    ),
]
SeedOption = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER", min=0, help="Seed of the simulator, to get the same counts again."
    ),
]
MemoryOption = Annotated[bool, typer.Option("--memory", help="Keep the outcome of each shot.")]
WaitOption = Annotated[
    bool,
    typer.Option(
        help="Wait until all jobs have ended, or only until the backend has all of them. Simulated "
        "jobs end with this process: --no-wait only stores them, and qjm wait runs them.",
    ),
]


class DryRun(StrEnum):
    """Who is asked what a run would take."""

    HERE = "here"
    SERVICE = "service"


DryRunOption = Annotated[
    DryRun | None,
    choice(
        DryRun,
        "--dry-run",
        metavar="[=service]",
        help="Show the split and its cost; run nothing. --dry-run=service also sends up to five of "
        "the jobs to the service as dry runs of its own, where it has them (IBM).",
    ),
]


class RunCommand(Command):
    """``qjm run``, whose option ``--dry-run`` may stand without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, with the value that is meant where none is given."""
        meant = f"--dry-run={DryRun.HERE}"
        return super().parse_args(ctx, [meant if arg == "--dry-run" else arg for arg in args])


MaxUsageOption = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Largest estimated usage, in quantum seconds; nothing beyond it is sent.",
    ),
]


MaxCostOption = Annotated[
    float | None,
    typer.Option(
        metavar="AMOUNT",
        help="Largest estimated cost, at your prices; nothing beyond it is sent. Prices are in the "
        "file that $QISKIT_JOB_MANAGER_PRICES names.",
    ),
]


def run(  # noqa: PLR0913  one parameter an option
    ctx: typer.Context,
    paths: PathsArgument,
    *,
    backend: BackendOption,
    place: PlaceOption = None,
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
    max_cost: MaxCostOption = None,
    workers: WorkersOption = None,
    executor: ExecutorOption = None,
    notify: NotifyOption = None,
    dry_run: DryRunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run every circuit in files and folders, split into jobs.

    The circuits are named after their files, and transpiled for the backend. The same command with
    --if-exists resume goes on where it stopped: it compares the circuits in the files. With
    --if-exists extend, the circuits that the job set does not have are added to it and run.

    With several backends each has a job set of its own, NAME/BACKEND.
    """
    clock = SystemClock()
    begun = clock.monotonic()
    with opened_manager(ctx, workers, executor) as manager:
        adapters, circuits = _prepare(paths, backend)
        options = _simulator_options(seed, memory=memory)
        if any(getattr(each, "qiskit_backend", None) is not None for each in adapters):
            names = escape(", ".join(each.name for each in adapters))
            _print_note(f"Transpiling {plural(len(circuits), 'circuit')} for {names} ...")
            options |= {"optimization_level": optimization_level}
        many = len(adapters) > 1
        if many or place is not None:
            _refuse_what_is_for_one(dry_run=dry_run is not None, one=not many)
            options |= {"shots": shots, "max_usage_s": max_usage, "max_cost": max_cost}
            options |= {"max_experiments_per_job": max_experiments_per_job, "job_tags": tags}
            options |= {"name": name, "if_exists": if_exists.value, "notify": notify}
            how: dict[str, Any] = {"wait": wait, "timeout_s": timeout, "as_json": as_json}
            where = (ctx, manager, circuits, adapters, (place or PlaceWord.QUEUE).value)
            _run_on_several(*where, options, **how)
        [adapter] = adapters
        if "optimization_level" in options:
            options["progress"] = sys.stderr.isatty()
        if dry_run:
            asks = dry_run is DryRun.SERVICE
            options |= {"shots": shots, "ask_service": asks}
            plan = manager.plan(circuits, adapter, max_experiments_per_job, **options)
            show_plan(plan, adapter.name, as_json=as_json)
            return
        n_before = _n_experiments(manager, name)
        job_set = manager.run(
            circuits,
            adapter,
            name=name,
            max_experiments_per_job=max_experiments_per_job,
            job_tags=tags,
            shots=shots,
            if_exists=if_exists.value,
            max_usage_s=max_usage,
            max_cost=max_cost,
            drive=wait or not adapter.capabilities.volatile,
            notify=notify,
            **options,
        )
        _print_note(
            f"Job set {job_set.job_set_id()} ({escape(job_set.name())}): "
            f"{plural(job_set.n_experiments, 'experiment')} in {plural(job_set.n_jobs, 'job')}"
            + (f", {job_set.n_experiments - n_before:,} of them new" if n_before else "")
        )
        left_s = None if timeout is None else max(0.0, timeout - (clock.monotonic() - begun))
        (finish if wait else hand_over)(ctx, job_set, left_s, as_json=as_json)


def _n_experiments(manager: JobManager, name: str | None) -> int:
    """Return how many experiments the job set has whose name is in use; 0: it is not in use."""
    found = [] if name is None else manager.job_sets(name=name)
    return found[0].n_experiments if found else 0


def _prepare(paths: list[str], backends: list[str]) -> tuple[list[Backend], list[QuantumCircuit]]:
    """Open the backends and read the circuits; errors are reported before anything is stored."""
    from qiskit_job_manager.backends import open_backend
    from qiskit_job_manager.cli.circuits import reading_circuits

    with reading_circuits(paths) as circuits:
        return [open_backend(each) for each in backends], circuits()


def _simulator_options(seed: int | None, *, memory: bool) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if seed is not None:
        options["seed_simulator"] = seed
    if memory:
        options["memory"] = True
    return options


def _print_note(text: str) -> None:
    say(text, err=True)


_JOBS_SHOWN = 20
_UNKNOWN = "not known"


def show_plan(plan: Plan, backend: str, *, as_json: bool) -> None:
    """Print a plan, for people or for scripts."""
    if as_json:
        print_object(plan_values(plan, backend))
        return
    for line in plan_lines(plan, backend):
        typer.echo(line)


def plan_values(plan: Plan, backend: str) -> dict[str, object]:
    """Return a plan as values for JSON."""
    return {
        "backend": backend,
        "n_jobs": plan.n_jobs,
        "n_experiments": plan.n_experiments,
        "executions": plan.executions,
        "payload_bytes": plan.payload_bytes,
        "usage_s": plan.usage_s,
        "submission_s": plan.submission_s,
        "allowance": None if plan.allowance is None else asdict(plan.allowance),
        "service": None if plan.service is None else asdict(plan.service),
        "cost": None if plan.cost is None else asdict(plan.cost) | {"total": plan.cost.total},
        "jobs": [
            {"index": job.index, "start": job.start, "stop": job.stop, "shots": job.shots}
            for job in plan.jobs
        ],
    }


def plan_lines(plan: Plan, backend: str) -> Iterator[str]:
    """Yield the lines that show a plan to people."""
    yield f"{plural(plan.n_experiments, 'experiment')} on {escape(backend)}; nothing was sent"
    yield f"  submissions            {plan.n_jobs:,}"
    yield f"  executions             {_figure(plan.executions)}"
    yield f"  payload                {plan.payload_bytes:,} bytes"
    yield f"  quantum seconds        {_figure(plan.usage_s)} (estimated)"
    if plan.service is not None:
        asked = plural(len(plan.service.jobs), "dry run")
        yield f"                         {_figure(plan.service.usage_s)} (by the service, {asked})"
    if plan.cost is not None:
        yield f"  cost                   {escape(str(plan.cost))} (estimated)"
    if plan.allowance is not None:
        fits = plan.allowance.has_room_for(plan.usage_s)
        yield f"  the account            {plan.allowance}{'' if fits else '; this does not fit'}"
    yield f"  time to submit, paced  {plan.submission_s:,.0f} s"
    for job in plan.jobs[:_JOBS_SHOWN]:
        shots = "the backend's" if job.shots is None else f"{job.shots:,}"
        yield f"  job {job.index}: experiments {job.start} to {job.stop - 1}, {shots} shots each"
    if plan.n_jobs > _JOBS_SHOWN:
        yield f"  ... and {plan.n_jobs - _JOBS_SHOWN:,} more"


def _figure(value: float | None) -> str:
    if value is None:
        return _UNKNOWN
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


# -- on several backends ---------------------------------------------------------------------------

_NAME = 100


def _refuse_what_is_for_one(*, dry_run: bool, one: bool) -> None:
    """Refuse options that do not fit the number of backends.

    Raises:
        InvalidArgumentError: One does not.
    """
    if one:
        raise InvalidArgumentError("--place is for several backends: repeat --backend")
    if dry_run:
        raise InvalidArgumentError("--dry-run takes one --backend: plan for each by itself")


def _run_on_several(  # noqa: PLR0913  # what is run, where and how
    ctx: typer.Context,
    manager: JobManager,
    circuits: Sequence[Any],
    backends: Sequence[Backend],
    place: Any,
    options: Mapping[str, Any],
    *,
    wait: bool,
    timeout_s: float | None,
    as_json: bool,
) -> NoReturn:
    """Place circuits on several backends, and exit with the code for what became of them.

    Args:
        ctx: The context of the command.
        manager: The manager.
        circuits: The circuits.
        backends: The backends.
        place: How they are placed.
        options: What `JobManager.run` takes besides.
        wait: Whether to wait for the results; otherwise jobs of simulators are only stored.
        timeout_s: Seconds to wait at most, or ``None``.
        as_json: Whether to print JSON.
    """
    drive = wait or not any(each.capabilities.volatile for each in backends)
    try:
        group = manager.run(circuits, list(backends), place=place, drive=drive, **options)
        has_ended = wait and group.wait(timeout_s, progress=True)
    except KeyboardInterrupt:
        again = f"{command_for(ctx, 'run')} ... --if-exists resume"
        say(f"Interrupted. Everything is kept; go on with the same command: {again}", err=True)
        raise typer.Exit(errors.INTERRUPTED) from None
    for job_set in () if has_ended else group.job_sets.values():
        if not job_set.progress().ended:
            say(f"Go on with: {command_for(ctx, 'wait', job_set.job_set_id())}", err=True)
    _print_group(group, as_json=as_json)
    raise typer.Exit(_code_of_group(group, wait=wait, has_ended=has_ended))


def _print_group(group: ManagedJobSetGroup, *, as_json: bool) -> None:
    if as_json:
        print_object(
            {
                "group_id": group.group_id(),
                "name": group.name(),
                "place": group.place,
                "n_experiments": group.n_experiments,
                "job_sets": {label: summary(each) for label, each in group.job_sets.items()},
            }
        )
        return
    for job_set in group.job_sets.values():
        now = job_set.progress()
        counts = ", ".join(f"{n:,} {state}" for state, n in now.jobs.items() if n) or "none"
        size = plural(now.n_experiments, "circuit")
        typer.echo(f"{cut(job_set.name(), _NAME)}: {size} in {plural(now.n_jobs, 'job')}: {counts}")


def _code_of_group(group: ManagedJobSetGroup, *, wait: bool, has_ended: bool) -> int:
    if not wait:
        return errors.ALL_DONE
    if not has_ended:
        return errors.TIMED_OUT
    return errors.ALL_DONE if group.progress().success else errors.SOME_WITHOUT_RESULT
