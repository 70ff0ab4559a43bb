"""An index on the content of experiments, and how a job set was transpiled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the index, and the column, empty in what was stored before."""
    op.add_column("job_set", sa.Column("transpile", sa.Text()))
    op.create_index(
        "ix_experiment_job_set_content_hash_position_name",
        "experiment",
        ["job_set", "content_hash", "position", "name"],
    )
