"""Two jobs in place of one that a backend refused as too large; experiments keep their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import write_statements
from qiskit_job_manager.stores.rows import blob_values

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from qiskit_job_manager.model import Halves
    from qiskit_job_manager.stores.database import Database


@dataclass(frozen=True, slots=True)
class _Whole:
    """The job before it is halved."""

    start: int
    stop: int
    shots: int | None
    circuits: int | None
    estimate_s: float | None

    def parts(self, middle: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what differs in the first half and in the second, in proportion."""
        share = (middle - self.start) / (self.stop - self.start)
        circuits = None if self.circuits is None else round(self.circuits * share)
        estimate_s = None if self.estimate_s is None else self.estimate_s * share
        first = {"stop": middle, "circuits": circuits, "estimate_s": estimate_s}
        second = {
            "stop": self.stop,
            "circuits": None if circuits is None else (self.circuits or 0) - circuits,
            "estimate_s": None if estimate_s is None else (self.estimate_s or 0.0) - estimate_s,
        }
        return first, second


class JobHalves:
    """Makes two jobs of one, within a transaction.

    Args:
        database: The store's database.
        connection: That of the transaction.
        job_set_key: The job set.
        job_key: The job, which is the only one that sends its payload.
        halves: The two halves.
    """

    def __init__(
        self,
        database: Database,
        connection: Connection,
        job_set_key: int,
        job_key: int,
        halves: Halves,
    ) -> None:
        self._database = database
        self._connection = connection
        self._job_set_key = job_set_key
        self._halves = halves
        [row] = database.run(connection, write_statements.WHOLE_JOB, {"job": job_key})
        self._whole = _Whole(*row)

    def of_first(self) -> dict[str, Any]:
        """Return what changes in the job itself."""
        return self._whole.parts(self._halves.middle)[0]

    @property
    def n_moved(self) -> int:
        """How many experiments go to the job of the second half."""
        return self._whole.stop - self._halves.middle

    def write(self) -> None:
        """Divide the payload, and add the job of the second half."""
        whole, halves = self._whole, self._halves
        start, middle = {"start": whole.start}, {"start": halves.middle}
        first = blob_values(halves.first, self._job_set_key, whole.start)
        second = blob_values(halves.second, self._job_set_key, halves.middle)
        self._run(write_statements.HALF_PAYLOAD, start | first)
        self._run(write_statements.NEW_PAYLOAD, middle | second)
        [[position]] = self._run(write_statements.ONE_JOB_MORE, {})
        new = {
            "position": position,
            "shots": whole.shots,
            "share": 0,
            "shares": 1,
            "state": JobState.PLANNED.value,
            "attempts": 0,
            "has_result": False,
            "cancel_requested": False,
        }
        self._run(write_statements.NEW_JOB, new | middle | whole.parts(halves.middle)[1])

    def _run(self, statement: Any, values: dict[str, Any]) -> Any:
        values = {"job_set": self._job_set_key} | values
        return self._database.run(self._connection, statement, values)
