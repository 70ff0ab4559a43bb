"""The tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables."""
    _make_job_set()
    _make_event()
    _make_experiment()
    _make_payload()
    _make_request()
    _make_job()
    _make_attempt()
    _make_result()


def _make_job_set() -> None:
    op.create_table(
        "job_set",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("job_set_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("backend_uri", sa.Text()),
        sa.Column("backend_name", sa.Text(), nullable=False),
        sa.Column("volatile", sa.Boolean(), nullable=False),
        sa.Column("blind", sa.Boolean(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("limits", sa.Text(), nullable=False),
        sa.Column("retry", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("n_experiments", sa.BigInteger(), nullable=False),
        sa.Column("n_jobs", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("key", name="pk_job_set"),
        sa.UniqueConstraint("job_set_id", name="uq_job_set_job_set_id"),
        sa.UniqueConstraint("name", name="uq_job_set_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_set_created_at_key", "job_set", ["created_at", "key"])


def _make_event() -> None:
    op.create_table(
        "event",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("job_set", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("job_index", sa.BigInteger()),
        sa.Column("attempt", sa.BigInteger()),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.Column("cause", sa.Text()),
        sa.ForeignKeyConstraint(
            ["job_set"], ["job_set.key"], name="fk_event_job_set", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_event"),
    )
    op.create_index("ix_event_job_set_job_index_key", "event", ["job_set", "job_index", "key"])
    op.create_index("ix_event_job_set_key", "event", ["job_set", "key"])


def _make_experiment() -> None:
    op.create_table(
        "experiment",
        sa.Column("job_set", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_set"], ["job_set.key"], name="fk_experiment_job_set", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_set", "position", name="pk_experiment"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_experiment_job_set_name_position", "experiment", ["job_set", "name", "position"]
    )


def _make_payload() -> None:
    op.create_table(
        "payload",
        sa.Column("job_set", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_set"], ["job_set.key"], name="fk_payload_job_set", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_set", "start", name="pk_payload"),
    )


def _make_request() -> None:
    op.create_table(
        "request",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("job_set", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("job_index", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["job_set"], ["job_set.key"], name="fk_request_job_set", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_request"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_request_job_set_key", "request", ["job_set", "key"])


def _make_job() -> None:
    op.create_table(
        "job",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("job_set", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("stop", sa.BigInteger(), nullable=False),
        sa.Column("shots", sa.BigInteger()),
        sa.Column("share", sa.BigInteger(), nullable=False),
        sa.Column("shares", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("failed_offsets", sa.Text()),
        sa.Column("has_result", sa.Boolean(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_set", "start"],
            ["payload.job_set", "payload.start"],
            name="fk_job_job_set_start",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name="pk_job"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_job_set_position", "job", ["job_set", "position"], unique=True)
    op.create_index("ix_job_job_set_start_position", "job", ["job_set", "start", "position"])
    op.create_index("ix_job_job_set_state_position", "job", ["job_set", "state", "position"])


def _make_attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("job", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text()),
        sa.Column("intended_at", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("status", sa.Text()),
        sa.Column("queue_position", sa.BigInteger()),
        sa.Column("message", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.ForeignKeyConstraint(["job"], ["job.key"], name="fk_attempt_job", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job", "number", name="pk_attempt"),
        sa.UniqueConstraint("tag", name="uq_attempt_tag"),
        sqlite_with_rowid=False,
    )


def _make_result() -> None:
    op.create_table(
        "result",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("job", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["job.key"], name="fk_result_job", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", name="pk_result"),
    )
    op.create_index("ix_result_job_attempt_key", "result", ["job", "attempt", "key"])
