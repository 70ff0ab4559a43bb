"""``qjm export`` and ``import``: moves job sets to other tools and machines."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from qiskit_job_manager.cli.options import JobSetArgument, JsonOption, choice, opened_manager
from qiskit_job_manager.cli.output import escape, plural, print_object, say
from qiskit_job_manager.exchange.export_format import ExportFormat


class By(StrEnum):
    """The content of one row of a table."""

    EXPERIMENT = "experiment"
    OUTCOME = "outcome"


FormatOption = Annotated[
    ExportFormat,
    choice(
        ExportFormat,
        "--format",
        help="archive and json are complete, and qjm import reads them. parquet and csv are tables "
        "of the results, and qpy has the circuits. ro-crate is a package for a repository of "
        "research data: an archive, a table, and what it ran in and on. Only the archive in it can "
        "be imported.",
    ),
]
OutputOption = Annotated[
    Path,
    typer.Option(
        "--output",
        metavar="PATH",
        help="The file, or a folder for a file with the name of the job set. Default: this folder.",
    ),
]
ByOption = Annotated[
    By | None,
    choice(
        By,
        "--by",
        help="For parquet and csv: one row for each experiment, or for each outcome. Default: "
        "outcome for csv, experiment for parquet.",
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")]
FileArgument = Annotated[
    Path, typer.Argument(metavar="PATH", help="An archive or JSON file of qjm export.")
]
NameOption = Annotated[
    str | None,
    typer.Option(
        "--name", metavar="NAME", help="New name of the job set. Default: its name in the file."
    ),
]
AsEndedOption = Annotated[
    bool,
    typer.Option(
        "--as-ended",
        help="Import also a job set that had not ended. Its unfinished jobs are cancelled here and "
        "never sent from here, because the original may still go on.",
    ),
]


def export(
    ctx: typer.Context,
    job_set: JobSetArgument,
    output_format: FormatOption = ExportFormat.ARCHIVE,
    output: OutputOption = Path(),
    by: ByOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write what is stored of a job set to a file; does not wait.

    The file appears when all of it is written. Only its owner can read it.
    """
    with opened_manager(ctx) as manager:
        chosen = manager.find(job_set)
        file = chosen.export(
            output, output_format.value, by.value if by else None, overwrite=overwrite
        )
        progress = chosen.progress()
        if not progress.ended:
            say(
                "Note: the job set has not ended. The file has what is stored so far; qjm import "
                "needs --as-ended to read it.",
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
    """Import a job set that was exported here or on another machine; nothing is sent.

    The whole file is checked first; then all of it is stored, or nothing. Parquet, CSV and QPY
    files are not complete and cannot be imported. qjm run runs the circuits of a QPY file.
    """
    with opened_manager(ctx) as manager:
        imported = manager.import_job_set(path, name, as_ended=as_ended)
        progress = imported.progress()
        if as_json:
            print_object({"id": imported.job_set_id(), "name": imported.name()})
        else:
            number = plural(progress.n_experiments, "experiment")
            typer.echo(f"{imported.job_set_id()}  {escape(imported.name())}: {number}")
