"""A dashboard in the frame of a notebook, served by a thread of the kernel."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from markupsafe import Markup

from qiskit_job_manager.dashboard.opened_store import GivenStore
from qiskit_job_manager.dashboard.server import Served, served

if TYPE_CHECKING:
    from qiskit_job_manager.ports import SearchableStore

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
