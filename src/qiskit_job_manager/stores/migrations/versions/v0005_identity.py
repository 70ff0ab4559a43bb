"""The identity of the store, and how far it was driven."""

from __future__ import annotations

import hashlib
import uuid

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table with the store's first identity, and on a server the counter."""
    table = op.create_table(
        "store",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_store"),
        sa.UniqueConstraint("store_id", name="uq_store_store_id"),
    )
    connection = op.get_bind()
    first = connection.scalar(sa.text("SELECT min(key) FROM job_set"))
    # A backup of before this step has the same identity as the store that it was made of.
    known = connection.scalar(
        sa.text("SELECT job_set_id FROM job_set WHERE key = :key"), {"key": first}
    )
    store_id = uuid.uuid4().hex if known is None else hashlib.sha256(known.encode()).hexdigest()
    connection.execute(sa.insert(table).values(store_id=store_id[:32], generation=0))
    if connection.dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE store_generation")
