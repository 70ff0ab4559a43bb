"""The store as a whole."""

from __future__ import annotations

from qiskit_job_manager.stores.driving import Driving
from qiskit_job_manager.stores.finding import Finding
from qiskit_job_manager.stores.handing_over import HandingOver


class SqlStore(HandingOver, Finding, Driving):
    """A `ports.Store` on SQLAlchemy; made by `open_store`."""

    @property
    def url(self) -> str:
        """Where it is, without password."""
        return self._database.url

    def ensure_original(self) -> None:
        """See that this is no copy of a store that somebody else may go on with."""
        self._ownership.ensure_original()

    def adopt(self) -> None:
        """Take this for the original from now on."""
        self._ownership.adopt()

    def close(self) -> None:
        """Give back the rights to drive and close all connections; harmless when closed."""
        if self._database.is_usable:
            self._ownership.close()
        self._database.close()
