"""The name that a set had before its deletion began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column, empty in what was stored before."""
    op.add_column("job_set", sa.Column("former_name", sa.Text()))
    op.create_index(
        "ix_job_set_former_name",
        "job_set",
        ["former_name"],
        sqlite_where=sa.text("former_name IS NOT NULL"),
        postgresql_where=sa.text("former_name IS NOT NULL"),
    )
