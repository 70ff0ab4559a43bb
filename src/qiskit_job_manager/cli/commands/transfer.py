"""``qjm export`` and ``import``: job sets into other tools, and to other machines."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from qiskit_job_manager.cli.options import JobSetArgument, JsonOption, opened_manager
from qiskit_job_manager.cli.output import escape, plural, print_object
from qiskit_job_manager.exchange.export_format import ExportFormat


class By(StrEnum):
    """What a row of a table is."""

    EXPERIMENT = "experiment"
    OUTCOME = "outcome"


FormatOption = Annotated[
    ExportFormat,
    typer.Option(
        "--format",
        help="archive and json are complete, and qjm import reads them back; parquet and csv are "
        "tables of the results, qpy holds the circuits: these go one way.",
    ),
]
OutputOption = Annotated[
    Path,
    typer.Option(
        "--output",
        metavar="PATH",
        help="The file; a folder gets a file named after the job set. Default: this folder.",
    ),
]
ByOption = Annotated[
    By, typer.Option("--by", help="For parquet and csv: one row an experiment, or one an outcome.")
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Take the place of a file that is there.")
]
FileArgument = Annotated[
    Path, typer.Argument(metavar="PATH", help="What qjm export wrote as archive or json.")
]
NameOption = Annotated[
    str | None, typer.Option("--name", help="Name to give the job set. Default: its own.")
]
AsEndedOption = Annotated[
    bool,
    typer.Option(
        "--as-ended",
        help="Also take in a job set that had not ended: what was unfinished is cancelled here, "
        "and never sent from here, as whoever has the original goes on with it.",
    ),
]


def export(
    ctx: typer.Context,
    job_set: JobSetArgument,
    output_format: FormatOption = ExportFormat.ARCHIVE,
    output: OutputOption = Path(),
    by: ByOption = By.EXPERIMENT,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a job set to a file, as far as it is stored; waits for nothing.

    The file appears when all of it is written, and only its owner can read it.
    """
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        file = chosen.export(output, output_format.value, by.value, overwrite=overwrite)
        progress = chosen.progress()
        if not progress.ended:
            typer.echo(
                "Note: the job set has not ended; the file has what is stored so far, and qjm "
                "import takes it in with --as-ended only.",
                err=True,
            )
        if as_json:
            print_object({"id": chosen.job_set_id(), "file": str(file), "ended": progress.ended})
        else:
            typer.echo(f"{escape(str(file))}: {plural(progress.n_experiments, 'experiment')}")


def import_(
    ctx: typer.Context,
    path: FileArgument,
    name: NameOption = None,
    as_ended: AsEndedOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take in a job set that was exported, here or on another machine; nothing of it is sent.

    Everything is checked before anything is stored, and all of it is stored or nothing. Parquet,
    CSV and QPY files are not complete and cannot be taken in; qjm run runs the circuits of a QPY
    file.
    """
    with opened_manager(ctx) as manager:
        taken = manager.import_job_set(path, name, as_ended=as_ended)
        progress = taken.progress()
        if as_json:
            print_object({"id": taken.job_set_id(), "name": taken.name()})
        else:
            told = plural(progress.n_experiments, "experiment")
            typer.echo(f"{taken.job_set_id()}  {escape(taken.name())}: {told}")
