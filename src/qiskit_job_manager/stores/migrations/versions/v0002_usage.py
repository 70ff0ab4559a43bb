"""What jobs are estimated to use, what they did use, and how much a job set may."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns, empty in what was stored before."""
    op.add_column("job_set", sa.Column("max_usage_s", sa.Float()))
    op.add_column("job", sa.Column("circuits", sa.BigInteger()))
    op.add_column("job", sa.Column("estimate_s", sa.Float()))
    op.add_column("attempt", sa.Column("usage_s", sa.Float()))
    op.add_column("attempt", sa.Column("remote_created_at", sa.BigInteger()))
    op.add_column("attempt", sa.Column("remote_started_at", sa.BigInteger()))
    op.add_column("attempt", sa.Column("remote_ended_at", sa.BigInteger()))
    op.add_column("attempt", sa.Column("session_id", sa.Text()))
