"""The server of the pages: in the foreground for the command line, in a thread for a notebook.

A notebook shows the pages in a frame.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import uvicorn
from markupsafe import Markup

from qiskit_job_manager.dashboard.app import Dashboard
from qiskit_job_manager.dashboard.guard import Place, Sessions
from qiskit_job_manager.dashboard.opened_store import GivenStore, OpenedStore
from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.stores import open_store, store_exists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qiskit_job_manager.ports import SearchableStore

_MOST_CONNECTIONS = 100
_BACKLOG = 64
_STOP_WITHIN_S = 5.0


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        InvalidArgumentError: The port is in use, or the address is none of this machine.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        msg = (
            f"the dashboard cannot listen on {host} port {port}: {error}. Choose another port, or "
            "--port 0 for a free one; the host is an address of this machine"
        )
        raise InvalidArgumentError(msg) from error


def place_of(host: str, bound: socket.socket, root_path: str) -> Place:
    """Return where the server is reached.

    Args:
        host: The address that it listens on.
        bound: The socket.
        root_path: A path such as ``/proxy/8642``, or a URL with the host behind a proxy.

    Raises:
        InvalidArgumentError: The root path is neither.
    """
    parts = urlsplit(root_path)
    path = parts.path.rstrip("/")
    is_url = parts.scheme in ("http", "https") and bool(parts.netloc)
    is_path = not parts.scheme and not parts.netloc and (not path or path.startswith("/"))
    if parts.query or parts.fragment or not (is_url or is_path):
        msg = (
            f"the root path is {root_path!r}; it is a path such as /proxy/8642, or the whole "
            "address behind a proxy, such as https://hub.example.org/user/ann/proxy/8642"
        )
        raise InvalidArgumentError(msg)
    port = int(bound.getsockname()[1])
    return Place(host=host, port=port, prefix=path, public=parts.netloc or None)


def is_only_here(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def address(place: Place, *, is_https: bool = False) -> str:
    """Return the address of the first page, with a slash at its end."""
    if place.public:
        return f"{'https' if is_https else 'http'}://{place.public}{place.prefix}/"
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(place.host, place.host)  # noqa: S104  # what is listened on, not a choice
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{host}:{place.port}{place.prefix}/"


class Served:
    """A dashboard with its server.

    Args:
        dashboard: The pages.
        bound: The socket that listens.
        is_https: Whether browsers reach it encrypted, through a proxy.

    Attributes:
        on_new_token: Called when a token was used and there is another one.
    """

    def __init__(self, dashboard: Dashboard, bound: socket.socket, *, is_https: bool) -> None:
        self.dashboard = dashboard
        self.place = dashboard.place
        self.on_new_token: Callable[[], object] = lambda: None
        dashboard.sessions.on_new_token = lambda _: self.on_new_token()
        self._bound = bound
        self._is_https = is_https
        self._server = uvicorn.Server(_config(dashboard))
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """The address of the first page."""
        return address(self.place, is_https=self._is_https)

    @property
    def login_address(self) -> str:
        """The address that opens the next session, once."""
        return f"{self.address}?token={self.dashboard.sessions.token}"

    def run(self) -> None:
        """Serve until a signal to stop; for the main thread."""
        with suppress(KeyboardInterrupt):
            self._server.run(sockets=[self._bound])

    def start(self) -> None:
        """Serve in a thread of its own."""
        run = {"sockets": [self._bound]}
        self._thread = threading.Thread(
            target=self._server.run, kwargs=run, name="qjm-dashboard", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout=_STOP_WITHIN_S)
        self._bound.close()


def served(
    store: OpenedStore | GivenStore,
    where: tuple[str, int, str],
    *,
    is_read_only: bool,
    notebook: str = "",
) -> Served:
    """Return a dashboard that listens and does not answer yet.

    Args:
        store: The store.
        where: Host, port and root path.
        is_read_only: Whether nothing can be changed.
        notebook: Origin of the notebook that may frame the pages; empty: any of this machine.

    Raises:
        InvalidArgumentError: It cannot listen there.
    """
    host, port, root_path = where
    bound = listening(host, port)
    try:
        place = replace(place_of(host, bound, root_path), notebook=notebook or None)
    except BaseException:
        bound.close()
        raise
    dashboard = Dashboard(store=store, sessions=Sessions(), place=place, is_read_only=is_read_only)
    dashboard.warm_up()
    return Served(dashboard, bound, is_https=root_path.startswith("https:"))


@contextmanager
def opened(location: str, where: tuple[str, int, str], *, is_read_only: bool) -> Iterator[Served]:
    """Open a dashboard of a store while the ``with`` block lasts.

    Args:
        location: The store.
        where: Host, port and root path.
        is_read_only: Whether nothing can be changed.

    Raises:
        InvalidArgumentError: It cannot listen there.
    """
    store = OpenedStore(lambda: open_store(location), lambda: store_exists(location), str(location))
    found = served(store, where, is_read_only=is_read_only)
    try:
        yield found
    finally:
        found.close()
        store.close()


def _config(dashboard: Dashboard) -> uvicorn.Config:
    return uvicorn.Config(
        dashboard.asgi(),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        loop="asyncio",
        http="h11",
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=2,
    )


# -- in a notebook ---------------------------------------------------------------------------------

_HEIGHT = 700
_FRAME = Markup(
    '<iframe src="{0}" title="Dashboard of job sets" width="100%" height="{1}"></iframe>'
    '<p><a href="{0}" target="_blank" rel="noopener">In a tab of its own</a></p>'
)


class NotebookDashboard:
    """A dashboard that a notebook shows; `JobManager.dashboard` makes it.

    Args:
        store: The store; it is not closed with the dashboard.
        port: The port on this machine; 0 takes a free one.
        is_read_only: Whether nothing can be changed.
        notebook: Origin of the notebook that may frame the pages; empty: any of this machine.

    Attributes:
        address: Where its pages are. It opens them without a token: do not pass it on.

    Raises:
        InvalidArgumentError: The port is in use.
    """

    def __init__(
        self, store: SearchableStore, port: int, *, is_read_only: bool, notebook: str
    ) -> None:
        where = ("127.0.0.1", port, "")
        self._served = served(
            GivenStore(store), where, is_read_only=is_read_only, notebook=notebook
        )
        session = self._served.dashboard.sessions.open(is_framed=True)
        self.address = f"{_root_of(self._served)}s/{session.key}/"
        self._served.start()

    def __repr__(self) -> str:
        return f"<dashboard at {self._served.address}>"

    def _repr_html_(self) -> str:
        return _FRAME.format(self.address, _HEIGHT)

    def close(self) -> None:
        """Stop serving; the frame shows nothing new any more."""
        self._served.close()


def _root_of(served: Served) -> str:
    """Return where the browser finds the pages: on a hub, through its proxy."""
    hub = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    return f"{hub}proxy/{served.place.port}/" if hub else served.address
