"""An index that finds the events about duplicates among all others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the index."""
    duplicates = sa.text("event IN ('twin', 'accepted late')")
    op.create_index(
        "ix_event_duplicates",
        "event",
        ["job_set", "key"],
        sqlite_where=duplicates,
        postgresql_where=duplicates,
    )
