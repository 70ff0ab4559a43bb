"""``qjm dashboard``: serves pages that show the store, until Ctrl-C."""

import json
import webbrowser
from contextlib import suppress
from getpass import getuser
from socket import gethostname
from typing import TYPE_CHECKING, Annotated

import typer

from qiskit_job_manager import stores
from qiskit_job_manager.dashboard import needs_web

if TYPE_CHECKING:
    from qiskit_job_manager.dashboard.server import Served

HostOption = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS",
        help="Address to listen on. With another one than 127.0.0.1, other machines can reach it.",
    ),
]
PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free port.")
]
ReadOnlyOption = Annotated[
    bool, typer.Option("--read-only", help="Show no buttons, and refuse every change.")
]
BrowserOption = Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")]
JsonLinesOption = Annotated[
    bool, typer.Option("--json", help="Print each address as one line of JSON.")
]
RootPathOption = Annotated[
    str,
    typer.Option(
        metavar="PATH",
        help="Path before all pages behind a proxy, such as /proxy/8642; or the whole address "
        "there, if the proxy changes the host name.",
    ),
]


def dashboard(  # one parameter an option
    ctx: typer.Context,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8642,
    read_only: ReadOnlyOption = False,
    browser: BrowserOption = True,
    root_path: RootPathOption = "",
    as_json: JsonLinesOption = False,
) -> None:
    """Serve pages that show the store, and on which you can cancel, retry, tag and export.

    The address that it prints works once; after that it prints the next one. It drives nothing:
    what you ask is a request that the driver of the job set handles. Ctrl-C ends it and disturbs no
    driver. Needs pip install "qiskit-job-manager[web]".
    """
    try:
        from qiskit_job_manager.dashboard import server
    except ModuleNotFoundError as error:
        raise needs_web(error) from error
    with server.opened(
        ctx.obj or stores.default_location(), (host, port, root_path), is_read_only=read_only
    ) as served:
        show = _print_json if as_json else _print_address
        show(served, is_first=True)
        served.on_new_token = lambda: show(served, is_first=False)
        if browser:
            with suppress(webbrowser.Error):
                webbrowser.open(served.login_address)
        served.run()


def _print_json(served: "Served", *, is_first: bool) -> None:
    values = {"address": served.login_address, "port": served.place.port, "first": is_first}
    typer.echo(json.dumps(values))


def _print_address(served: "Served", *, is_first: bool) -> None:
    if not is_first:
        typer.echo(f"Another browser: {served.login_address}")
        return
    from qiskit_job_manager.dashboard.server import is_only_here

    host, port = served.place.host, served.place.port
    if not is_only_here(host):
        typer.echo(
            f"Warning: everybody who reaches {host} port {port} can try to log in, and what they "
            "see is not encrypted.",
            err=True,
        )
    kind = "The read-only dashboard" if served.dashboard.is_read_only else "The dashboard"
    typer.echo(f"{kind} is at this address, which works once:\n    {served.login_address}")
    if served.place.public is None and is_only_here(host):
        typer.echo("If it runs on another machine, type there where your browser is:")
        typer.echo(f"    ssh -L {port}:127.0.0.1:{port} {_user()}@{gethostname()}")
    typer.echo("Ctrl-C ends it.")


def _user() -> str:
    try:
        return getuser()
    except (OSError, KeyError):  # an account without a name, as in containers
        return "USER"
