"""How many jobs of each set are in each state."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_STATES = (
    *("planned", "submitting", "in doubt", "active", "collecting"),
    *("done", "failed", "cancelled", "lost"),
)


def upgrade() -> None:
    """Add the table, and count what is stored."""
    op.create_table(
        "job_count",
        sa.Column(
            "job_set",
            sa.BigInteger(),
            sa.ForeignKey("job_set.key", name="fk_job_count_job_set", ondelete="CASCADE"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.Column("experiments", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job_set", "state", name="pk_job_count"),
        sqlite_with_rowid=False,
    )
    for state in _STATES:
        op.execute(
            sa.text(
                "INSERT INTO job_count (job_set, state, jobs, experiments) "
                "SELECT job_set.key, :state, count(job.key), coalesce(sum(job.stop - job.start), 0)"
                " FROM job_set LEFT JOIN job ON job.job_set = job_set.key AND job.state = :state "
                "GROUP BY job_set.key"
            ).bindparams(state=state)
        )
