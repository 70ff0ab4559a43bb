"""``qjm backends``: lists the kinds of backends that have a name."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qiskit_job_manager.cli.options import JsonOption
from qiskit_job_manager.cli.output import escape, first_line, print_array
from qiskit_job_manager.cli.tables import Column, table

if TYPE_CHECKING:
    from qiskit_job_manager.backends.registry import BackendKind

_COLUMNS = (
    Column("KIND"),
    Column("EXAMPLE", least=16),
    Column("NEEDS", least=16, dropped=3),
    Column("INSTALLED", dropped=2),
    Column("NETWORK", dropped=1),
    Column("WHAT IT IS", least=24),
)
_ANSWERS = {None: "not known", True: "yes", False: "no"}


KindArgument = Annotated[
    str | None,
    typer.Argument(metavar="KIND", help="A kind, such as fake, to list the names of its backends."),
]


def backends(kind: KindArgument = None, as_json: JsonOption = False) -> None:
    """List the kinds of backends for --backend: what each needs, and whether it uses the network.

    Other packages add kinds by an entry point of the group qiskit_job_manager.backends.
    """
    from qiskit_job_manager.backends.registry import kinds

    found = kinds()
    if kind is not None:
        _print_names(found, kind, as_json=as_json)
        return
    if as_json:
        print_array(map(_as_json, found))
        return
    for line in table(_COLUMNS, map(_row, found)):
        typer.echo(line)


def _print_names(found: "list[BackendKind]", wanted: str, *, as_json: bool) -> None:
    about = next((kind.about for kind in found if kind.name == wanted), None)
    if about is None or about.arguments is None:
        listing = [kind.name for kind in found if kind.about and kind.about.arguments]
        raise typer.BadParameter(
            f"{wanted!r} has no list of names; these kinds have: {', '.join(listing)}"
        )
    names = [f"{wanted}:{argument}" for argument in about.arguments()]
    if as_json:
        print_array({"backend": name} for name in names)
        return
    for name in names:
        typer.echo(escape(name))


def _row(kind: "BackendKind") -> tuple[str, ...]:
    about = kind.about
    what = first_line(kind.summary)
    if kind.trouble:
        what = f"cannot be loaded: {first_line(kind.trouble)}"
    return (
        escape(kind.name),
        escape(about.example if about else kind.name),
        "not known" if about is None else about.install or "Qiskit alone",
        _ANSWERS[kind.installed],
        _ANSWERS[about.network if about else None],
        what,
    )


def _as_json(kind: "BackendKind") -> dict[str, Any]:
    about = kind.about
    return {
        "kind": kind.name,
        "example": about.example if about else None,
        "needs": about.install if about else None,
        "installed": kind.installed,
        "network": about.network if about else None,
        "summary": kind.summary,
        "trouble": kind.trouble,
    }
