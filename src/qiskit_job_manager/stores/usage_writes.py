"""What backends measured of jobs, as far as it came later than their results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from qiskit_job_manager.stores import schema, write_statements
from qiskit_job_manager.stores.base import Part
from qiskit_job_manager.stores.rows import ATTEMPT_COLUMNS, attempt_from, figures_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qiskit_job_manager.model import AttemptRecord, RemoteFigures, Token

_attempts, _jobs = schema.attempt.c, schema.job.c

_UNMEASURED = (
    select(*ATTEMPT_COLUMNS)
    .join_from(schema.attempt, schema.job, _attempts.job == _jobs.key)
    .where(
        _jobs.job_set == bindparam("set"),
        _attempts.remote_id.is_not(None),
        _attempts.usage_s.is_(None),
    )
    .order_by(_jobs.position, _attempts.number)
    .limit(bindparam("limit"))
)
_FIGURES = ("usage_s", "remote_created_at", "remote_started_at", "remote_ended_at", "session_id")
_MEASURED = (
    update(schema.attempt)
    .where(
        _attempts.tag == bindparam("of_tag"),
        _attempts.job.in_(select(_jobs.key).where(_jobs.job_set == bindparam("of_set"))),
    )
    .values({name: bindparam(name) for name in _FIGURES})
)


class Measuring(Part):
    """The side of the store that takes what was measured of attempts; see `ports.Store`."""

    def unmeasured(self, job_set_key: int, limit: int) -> list[AttemptRecord]:
        """Return up to ``limit`` attempts that a backend took, and whose usage it has not told."""
        with self._database.reading() as connection:
            rows = connection.execute(_UNMEASURED, {"set": job_set_key, "limit": limit}).all()
        return [attempt_from(row) for row in rows]

    def measure(self, token: Token, figures: Mapping[str, RemoteFigures]) -> bool:
        """Store what was measured of attempts, by their tags."""
        with self._database.writing() as connection:
            values = {"job_set": token.job_set_key, "owner": token.owner, "fence": token.fence}
            if not self._database.run(connection, write_statements.HOLDS, values):
                return False
            for tag, told in figures.items():
                where = {"of_tag": tag, "of_set": token.job_set_key}
                self._database.run(connection, _MEASURED, where | figures_values(told))
            return True
