"""The store as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager.stores import job_counts
from qiskit_job_manager.stores.delete import Deleting
from qiskit_job_manager.stores.driver_writes import Driving
from qiskit_job_manager.stores.hand_over import HandingOver
from qiskit_job_manager.stores.imports import Moving
from qiskit_job_manager.stores.reads import Finding
from qiskit_job_manager.stores.usage_writes import Measuring
from qiskit_job_manager.stores.versions import refuse_newer

if TYPE_CHECKING:
    from qiskit_job_manager.model import JobSetHistory, JobSetRecord, Token


class SqlStore(HandingOver, Deleting, Moving, Finding, Driving, Measuring):
    """A `ports.Store` on SQLAlchemy; made by `open_store`."""

    @property
    def url(self) -> str:
        """Where it is, without password."""
        return self._database.url

    def claim(self, job_set_key: int, owner: str) -> Token | None:
        """Take the right to drive, unless a newer program has migrated the store meanwhile."""
        refuse_newer(self._database)
        token = super().claim(job_set_key, owner)
        if token is not None:
            job_counts.put_right(self._database, job_set_key)
        return token

    def renew(self, token: Token) -> bool:
        """Stay the driver, unless a newer program has migrated the store meanwhile."""
        refuse_newer(self._database)
        return super().renew(token)

    def take_in(self, history: JobSetHistory) -> JobSetRecord:
        """Store a job set that has ended elsewhere, also one that is half deleted here."""
        for left in self.half_deleted():
            if left.job_set_id == history.draft.job_set_id:
                self.delete_job_set(left.key)
        return super().take_in(history)

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
