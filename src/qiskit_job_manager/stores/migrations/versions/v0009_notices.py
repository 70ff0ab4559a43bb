"""What users want to be told of job sets, and what they were told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "notice",
        sa.Column(
            "job_set",
            sa.BigInteger(),
            sa.ForeignKey("job_set.key", name="fk_notice_job_set", ondelete="CASCADE"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("job_set", "kind", name="pk_notice"),
        sqlite_with_rowid=False,
    )
