"""The commands together."""

from typing import Annotated

import typer

from qiskit_job_manager.cli.commands import (
    backends,
    decide,
    demo,
    doctor,
    log,
    manage,
    results,
    resume,
    run,
    serve,
    show,
    transfer,
    wait,
    watch,
)
from qiskit_job_manager.cli.commands import (
    list as list_,
)
from qiskit_job_manager.cli.errors import ErrorHandlingGroup
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


app.command(
    "run",
    epilog=epilog(
        "qjm run circuits/ --backend aer --shots 4096 --name sweep",
        "qjm run *.qasm --backend fake:torino --name sweep --if-exists resume",
    ),
)(run.run)
app.command(
    "list",
    epilog=epilog(
        "qjm list --state unfinished --since 2d",
        "qjm list --tag paper --backend 'fake:*' --name 'rb-*' --json",
    ),
)(list_.list_job_sets)
app.command("show", epilog=epilog("qjm show sweep"))(show.show)
app.command("watch", epilog=epilog("qjm watch sweep"))(watch.watch)
app.command(
    "results",
    epilog=epilog(
        "qjm results sweep", "qjm results sweep bell_3 17", "qjm results sweep --format csv"
    ),
)(results.results)
app.command("wait", epilog=epilog("qjm wait sweep --timeout 3600"))(wait.wait)
app.command("cancel", epilog=epilog("qjm cancel sweep", "qjm cancel sweep --duplicates"))(
    decide.cancel
)
app.command("log", epilog=epilog("qjm log sweep", "qjm log sweep 3 --json"))(log.log)
app.command(
    "resume",
    epilog=epilog(
        "qjm resume", "qjm resume sweep --timeout 3600", "qjm resume sweep --max-usage 600"
    ),
)(resume.resume)
app.command("serve", epilog=epilog("qjm serve --json"))(serve.serve)
app.command("retry", epilog=epilog("qjm retry sweep --no-wait"))(decide.retry)
app.command("resubmit", epilog=epilog("qjm resubmit sweep 3 5 --yes"))(decide.resubmit)
app.command("abandon", epilog=epilog("qjm abandon sweep 3 5"))(decide.abandon)
app.command("adopt", epilog=epilog("qjm adopt --yes"))(manage.adopt)
app.command("delete", epilog=epilog("qjm delete sweep", "qjm delete sweep other --yes"))(
    manage.delete
)
app.command("tag", epilog=epilog("qjm tag sweep --add paper --remove draft"))(manage.tag)
app.command("rename", epilog=epilog("qjm rename sweep rb-sweep-1"))(manage.rename)
app.command("backends", epilog=epilog("qjm backends"))(backends.backends)
app.command("demo", epilog=epilog("qjm demo"))(demo.demo)
app.command("doctor", epilog=epilog("qjm doctor", "qjm doctor --json"))(doctor.doctor)
app.command(
    "export",
    epilog=epilog(
        "qjm export sweep --output sweep.qjmz",
        "qjm export sweep --format csv --by outcome --output counts.csv",
    ),
)(transfer.export)
app.command(
    "import", epilog=epilog("qjm import sweep.qjmz", "qjm import sweep.qjmz --name old-sweep")
)(transfer.import_)
