"""The commands together."""

from typing import Annotated

import typer

from qiskit_job_manager.cli import (
    adopting,
    cancelling,
    deciding,
    exit_codes,
    listing,
    results,
    resuming,
    running,
    serving,
    showing,
    story,
    waiting,
)
from qiskit_job_manager.cli.guard import GuardedGroup

app = typer.Typer(
    cls=GuardedGroup,
    help="Run quantum circuits in bulk: split into jobs, crash-proof, with every result kept.",
    epilog=exit_codes.EXPLAINED,
    no_args_is_help=True,
    add_completion=False,
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


app.command("run")(running.run)
app.command("list")(listing.list_job_sets)
app.command("show")(showing.show)
app.command("results")(results.results)
app.command("wait")(waiting.wait)
app.command("cancel")(cancelling.cancel)
app.command("log")(story.log)
app.command("resume")(resuming.resume)
app.command("serve")(serving.serve)
app.command("retry")(deciding.retry)
app.command("resubmit")(deciding.resubmit)
app.command("abandon")(deciding.abandon)
app.command("adopt")(adopting.adopt)
