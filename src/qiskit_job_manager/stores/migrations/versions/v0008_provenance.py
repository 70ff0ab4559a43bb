"""What the processes and the backends of job sets were seen as."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables; of what was stored before, nothing is known."""
    op.create_table(
        "snapshot",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_snapshot"),
        sa.UniqueConstraint("sha256", name="uq_snapshot_sha256"),
    )
    op.create_table(
        "observation",
        sa.Column("key", _KEY, nullable=False),
        sa.Column(
            "job_set",
            sa.BigInteger(),
            sa.ForeignKey("job_set.key", name="fk_observation_job_set", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "sha256",
            sa.LargeBinary(),
            sa.ForeignKey("snapshot.sha256", name="fk_observation_sha256"),
        ),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("key", name="pk_observation"),
    )
    op.create_index("ix_observation_job_set_kind_key", "observation", ["job_set", "kind", "key"])
    op.create_index("ix_observation_sha256", "observation", ["sha256"])
