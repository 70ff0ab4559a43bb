"""What users write about job sets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column, empty in what was stored before."""
    op.add_column("job_set", sa.Column("note", sa.Text()))
