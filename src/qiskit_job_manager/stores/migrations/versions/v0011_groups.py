"""Runs on several backends: groups of job sets, and where their experiments are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the tables."""
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "job_set_group",
        sa.Column("key", key, nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("members", sa.Text(), nullable=False),
        sa.Column("n_experiments", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_job_set_group"),
        sa.UniqueConstraint("group_id", name="uq_job_set_group_group_id"),
        sa.UniqueConstraint("name", name="uq_job_set_group_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "placement",
        sa.Column(
            "group",
            sa.BigInteger(),
            sa.ForeignKey("job_set_group.key", name="fk_placement_group", ondelete="CASCADE"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("member", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("group", "member", "first", name="pk_placement"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_placement_group_start", "placement", ["group", "start"])
