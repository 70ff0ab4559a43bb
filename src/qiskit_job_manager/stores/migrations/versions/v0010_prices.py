"""What job sets cost, and what they may cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns, empty in what was stored before."""
    op.add_column("job_set", sa.Column("prices", sa.Text()))
    op.add_column("job_set", sa.Column("max_cost", sa.Float()))
