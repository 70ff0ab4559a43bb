"""The commands together."""

from typing import Annotated

import typer

from qiskit_job_manager.cli import (
    adopting,
    backends,
    cancelling,
    deciding,
    demo,
    doctoring,
    exporting,
    listing,
    managing,
    results,
    resuming,
    running,
    serving,
    showing,
    story,
    waiting,
    watching,
)
from qiskit_job_manager.cli.examples import epilog, epilog_of_all
from qiskit_job_manager.cli.guard import GuardedGroup

app = typer.Typer(
    cls=GuardedGroup,
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


app.command(
    "run",
    epilog=epilog(
        "qjm run circuits/ --backend aer --shots 4096 --name sweep",
        "qjm run *.qasm --backend fake:torino --name sweep --if-exists resume",
    ),
)(running.run)
app.command(
    "list",
    epilog=epilog(
        "qjm list --state unfinished --since 2d",
        "qjm list --tag paper --backend 'fake:*' --name 'rb-*' --json",
    ),
)(listing.list_job_sets)
app.command("show", epilog=epilog("qjm show sweep"))(showing.show)
app.command("watch", epilog=epilog("qjm watch sweep"))(watching.watch)
app.command(
    "results",
    epilog=epilog(
        "qjm results sweep", "qjm results sweep bell_3 17", "qjm results sweep --format csv"
    ),
)(results.results)
app.command("wait", epilog=epilog("qjm wait sweep --timeout 3600"))(waiting.wait)
app.command("cancel", epilog=epilog("qjm cancel sweep", "qjm cancel sweep --duplicates"))(
    cancelling.cancel
)
app.command("log", epilog=epilog("qjm log sweep", "qjm log sweep 3 --json"))(story.log)
app.command(
    "resume",
    epilog=epilog(
        "qjm resume", "qjm resume sweep --timeout 3600", "qjm resume sweep --max-usage 600"
    ),
)(resuming.resume)
app.command("serve", epilog=epilog("qjm serve --json"))(serving.serve)
app.command("retry", epilog=epilog("qjm retry sweep --no-wait"))(deciding.retry)
app.command("resubmit", epilog=epilog("qjm resubmit sweep 3 5 --yes"))(deciding.resubmit)
app.command("abandon", epilog=epilog("qjm abandon sweep 3 5"))(deciding.abandon)
app.command("adopt", epilog=epilog("qjm adopt --yes"))(adopting.adopt)
app.command("delete", epilog=epilog("qjm delete sweep", "qjm delete sweep other --yes"))(
    managing.delete
)
app.command("tag", epilog=epilog("qjm tag sweep --add paper --remove draft"))(managing.tag)
app.command("rename", epilog=epilog("qjm rename sweep rb-sweep-1"))(managing.rename)
app.command("backends", epilog=epilog("qjm backends"))(backends.backends)
app.command("demo", epilog=epilog("qjm demo"))(demo.demo)
app.command("doctor", epilog=epilog("qjm doctor", "qjm doctor --json"))(doctoring.doctor)
app.command(
    "export",
    epilog=epilog(
        "qjm export sweep --output sweep.qjmz",
        "qjm export sweep --format csv --by outcome --output counts.csv",
    ),
)(exporting.export)
app.command(
    "import", epilog=epilog("qjm import sweep.qjmz", "qjm import sweep.qjmz --name old-sweep")
)(exporting.import_)
