"""The commands together."""

from typing import Annotated

import typer

from qiskit_job_manager.cli.errors import ErrorHandlingGroup
from qiskit_job_manager.cli.lazy_commands import Listed
from qiskit_job_manager.cli.options import epilog, epilog_of_all
from qiskit_job_manager.patience import patient

app = typer.Typer(
    cls=ErrorHandlingGroup,
    help="Run quantum circuits in bulk: split into jobs, crash-proof, with every result kept.",
    epilog=epilog_of_all(
        "qjm run circuits/ --backend aer --shots 4096 --name sweep",
        "qjm results sweep",
        "qjm list --help",
    ),
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


_WAIT_FOR_THE_STORE = frozenset({"run", "wait", "watch", "resume", "retry", "resubmit"})
"""Commands that wait for hours; a store that is away does not end them before their time-out."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"qjm {version('qiskit-job-manager')}")
        raise typer.Exit


@app.callback()
def _common(
    ctx: typer.Context,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The store: an SQLAlchemy URL or a file. Default: $QISKIT_JOB_MANAGER_STORE, or a "
            "file in your data folder.",
        ),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    ctx.obj = store
    if ctx.invoked_subcommand in _WAIT_FOR_THE_STORE:
        ctx.with_resource(patient(float("inf")))


_RUN, _LOOK, _DECIDE, _KEEP = "Run", "Look", "Decide", "Keep order"
"""Groups of commands, in the order in which help shows them."""


def _listed(
    name: str, function: str, group: str, about: str, *examples: str, kind: str | None = None
) -> Listed:
    """Return a command with its line in the list of commands, and examples for its own help."""
    return Listed(name, function, group, about, epilog(*examples), kind)


ErrorHandlingGroup.listed = [
    _listed(
        "run",
        "run:run",
        _RUN,
        "Run all circuits of files and folders.",
        "qjm run circuits/ --backend aer --shots 4096 --name sweep",
        "qjm run *.qasm --backend fake:torino --name sweep --if-exists resume",
        kind="run:RunCommand",
    ),
    _listed(
        "wait",
        "resume:wait",
        _RUN,
        "Wait for a job set; drive it if nobody does.",
        "qjm wait sweep --timeout 3600",
    ),
    _listed(
        "resume",
        "resume:resume",
        _RUN,
        "Go on with all unfinished job sets.",
        "qjm resume",
        "qjm resume sweep --timeout 3600",
        "qjm resume sweep --max-usage 600",
    ),
    _listed(
        "dashboard",
        "dashboard:dashboard",
        _LOOK,
        "Show it all on a page that refreshes itself.",
        "qjm dashboard",
        "qjm dashboard --port 0 --no-browser --read-only",
    ),
    _listed(
        "mcp",
        "mcp:mcp",
        _LOOK,
        "Let an assistant look, and run if allowed.",
        "qjm mcp",
        "qjm mcp --allow-run --max-usage 60 --max-jobs 20",
    ),
    _listed(
        "selftest",
        "selftest:selftest",
        _KEEP,
        "Try here what is promised: kills, locks.",
        "qjm selftest",
        "qjm selftest --backend ibm:ibm_fez --json",
    ),
    _listed(
        "serve", "serve:serve", _RUN, "Drive all job sets until it is stopped.", "qjm serve --json"
    ),
    _listed("demo", "demo:demo", _RUN, "Run a dozen small circuits here.", "qjm demo"),
    _listed(
        "list",
        "list:list_job_sets",
        _LOOK,
        "List the job sets, newest first.",
        "qjm list --state unfinished --since 2d",
        "qjm list --tag paper --backend 'fake:*' --name 'rb-*' --json",
    ),
    _listed("show", "show:show", _LOOK, "Show a job set and its jobs.", "qjm show sweep"),
    _listed(
        "watch", "watch:watch", _LOOK, "Show progress, live, until it has ended.", "qjm watch sweep"
    ),
    _listed(
        "results",
        "results:results",
        _LOOK,
        "Print the counts that are stored.",
        "qjm results sweep",
        "qjm results sweep bell_3 17",
        "qjm results sweep --format csv",
    ),
    _listed(
        "log",
        "log:log",
        _LOOK,
        "Print what happened to each job, and why.",
        "qjm log sweep",
        "qjm log sweep 3 --json",
    ),
    _listed(
        "provenance",
        "provenance:provenance",
        _LOOK,
        "Print what a job set ran in and on.",
        "qjm provenance sweep",
        "qjm provenance sweep bell_3 --json",
        "qjm provenance sweep --drift --threshold 0.2",
    ),
    _listed(
        "backends",
        "backends:backends",
        _LOOK,
        "List the backends that have names.",
        "qjm backends",
        "qjm backends fake",
    ),
    _listed(
        "doctor",
        "doctor:doctor",
        _LOOK,
        "Check the store, and say what needs you.",
        "qjm doctor",
        "qjm doctor --json",
    ),
    _listed(
        "cancel",
        "decide:cancel",
        _DECIDE,
        "Cancel the jobs that have not ended.",
        "qjm cancel sweep",
        "qjm cancel sweep --duplicates",
    ),
    _listed(
        "retry",
        "decide:retry",
        _DECIDE,
        "Send failed and lost jobs again.",
        "qjm retry sweep --no-wait",
        "qjm retry sweep --where drifted --dry-run",
    ),
    _listed(
        "resubmit",
        "decide:resubmit",
        _DECIDE,
        "Send jobs in doubt again.",
        "qjm resubmit sweep 3 5 --yes",
    ),
    _listed(
        "abandon", "decide:abandon", _DECIDE, "Give up jobs in doubt.", "qjm abandon sweep 3 5"
    ),
    _listed(
        "adopt",
        "manage:adopt",
        _DECIDE,
        "Say that this copy of a store is the one in use.",
        "qjm adopt --yes",
    ),
    _listed(
        "delete",
        "manage:delete",
        _KEEP,
        "Delete job sets and their results.",
        "qjm delete sweep",
        "qjm delete sweep other --yes",
    ),
    _listed(
        "tag", "manage:tag", _KEEP, "Change the tags.", "qjm tag sweep --add paper --remove draft"
    ),
    _listed(
        "note",
        "manage:note",
        _KEEP,
        "Print or change the note.",
        "qjm note sweep",
        "qjm note sweep 'Cryostat at 12 mK; outliers from 17 on.'",
    ),
    _listed("rename", "manage:rename", _KEEP, "Change the name.", "qjm rename sweep rb-sweep-1"),
    _listed(
        "export",
        "transfer:export",
        _KEEP,
        "Write a job set, or its results, to a file.",
        "qjm export sweep --output sweep.qjmz",
        "qjm export sweep --format csv --output counts.csv",
    ),
    _listed(
        "import",
        "transfer:import_",
        _KEEP,
        "Read a job set that was exported.",
        "qjm import sweep.qjmz",
        "qjm import sweep.qjmz --name old-sweep",
    ),
]
