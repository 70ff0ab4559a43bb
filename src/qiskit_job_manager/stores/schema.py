"""The tables.

Rules: keys are integers and are never used twice (a token or a request of a deleted job set must
not fit a newer one); what belongs to a job set goes with it, by cascades whose columns are indexed;
times are microseconds; JSON is text that only `rows` reads. A change here needs a migration, and
a test proves that both give the same schema.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    Table,
    Text,
    TypeDecorator,
    text,
)

if TYPE_CHECKING:
    from sqlalchemy import Dialect

REVISION = "0012"
"""The newest migration; an older store is migrated, a newer one is refused."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(time: datetime) -> int:
    """Return an aware datetime as the time columns keep it."""
    return (time - _EPOCH) // _MICROSECOND


class Microseconds(TypeDecorator[datetime]):
    """Aware datetimes in UTC, kept as integers because SQLite has no type for them."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Return microseconds since 1970."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the datetime, in UTC."""
        return None if value is None else _EPOCH + value * _MICROSECOND


# SQLite gives out numbers of its own only for exactly INTEGER.
_Key = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _within(parent: str) -> ForeignKey:
    return ForeignKey(f"{parent}.key", ondelete="CASCADE")


# The newest row counts: a copy that was adopted goes on under an identity of its own. Its
# generation grows with each submission, on a server in a sequence, which locks no row.
store = Table(
    "store",
    metadata,
    Column("key", _Key, primary_key=True),
    Column("store_id", Text, nullable=False, unique=True),
    Column("generation", BigInteger, nullable=False),
)
store_generation = Sequence("store_generation", metadata=metadata)

job_set = Table(
    "job_set",
    metadata,
    Column("key", _Key, primary_key=True),
    Column("job_set_id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Microseconds, nullable=False),
    Column("backend_uri", Text),
    Column("backend_name", Text, nullable=False),
    Column("volatile", Boolean, nullable=False),
    Column("blind", Boolean, nullable=False),
    Column("options", Text, nullable=False),
    Column("limits", Text, nullable=False),
    Column("retry", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("n_experiments", BigInteger, nullable=False),
    Column("n_jobs", BigInteger, nullable=False),
    Column("owner", Text),
    Column("fence", BigInteger, nullable=False),
    Column("lease_until", BigInteger),
    Column("max_usage_s", Float),
    # The name that a set had whose deletion has begun; the others have none here.
    Column("former_name", Text),
    # The options of the transpiler as JSON; none where the circuits run as they were handed over.
    Column("transpile", Text),
    # The prices at the hand-over as JSON, so that figures do not change with the user's table.
    Column("prices", Text),
    Column("max_cost", Float),
    # What the user writes about it.
    Column("note", Text),
    Index(None, "created_at", "key"),
    Index(
        None,
        "former_name",
        sqlite_where=text("former_name IS NOT NULL"),
        postgresql_where=text("former_name IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

experiment = Table(
    "experiment",
    metadata,
    Column("job_set", BigInteger, _within("job_set"), primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Index(None, "job_set", "name", "position"),
    # The name stands in it so that SQLite need not read the rows themselves, and does not.
    Index(None, "job_set", "content_hash", "position", "name"),
    sqlite_with_rowid=False,
)

# The jobs of a block send the same experiments, so these are stored once, under the block's start.
payload = Table(
    "payload",
    metadata,
    Column("job_set", BigInteger, _within("job_set"), primary_key=True, autoincrement=False),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("format", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

job = Table(
    "job",
    metadata,
    Column("key", _Key, primary_key=True),
    Column("job_set", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("stop", BigInteger, nullable=False),
    Column("shots", BigInteger),
    Column("share", BigInteger, nullable=False),
    Column("shares", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("error", Text),
    Column("failed_offsets", Text),
    Column("has_result", Boolean, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("circuits", BigInteger),
    Column("estimate_s", Float),
    ForeignKeyConstraint(
        ["job_set", "start"], ["payload.job_set", "payload.start"], ondelete="CASCADE"
    ),
    Index(None, "job_set", "position", unique=True),
    Index(None, "job_set", "start", "position"),
    Index(None, "job_set", "state", "position"),
    sqlite_autoincrement=True,
)

job_count = Table(
    "job_count",
    metadata,
    Column("job_set", BigInteger, _within("job_set"), primary_key=True, autoincrement=False),
    Column("state", Text, primary_key=True),
    Column("jobs", BigInteger, nullable=False),
    Column("experiments", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

attempt = Table(
    "attempt",
    metadata,
    Column("job", BigInteger, _within("job"), primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("tag", Text, nullable=False, unique=True),
    Column("remote_id", Text),
    Column("intended_at", Microseconds, nullable=False),
    Column("accepted_at", Microseconds),
    Column("ended_at", Microseconds),
    Column("status", Text),
    Column("queue_position", BigInteger),
    Column("message", Text),
    Column("error", Text),
    Column("usage_s", Float),
    Column("remote_created_at", Microseconds),
    Column("remote_started_at", Microseconds),
    Column("remote_ended_at", Microseconds),
    Column("session_id", Text),
    sqlite_with_rowid=False,
)

# Appended to only: a later attempt's result hides an earlier one's and never removes it.
result = Table(
    "result",
    metadata,
    Column("key", _Key, primary_key=True),
    Column("job", BigInteger, _within("job"), nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("stored_at", Microseconds, nullable=False),
    Column("format", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index(None, "job", "attempt", "key"),
)

event = Table(
    "event",
    metadata,
    Column("key", _Key, primary_key=True),
    Column("job_set", BigInteger, _within("job_set"), nullable=False),
    Column("at", Microseconds, nullable=False),
    Column("job_index", BigInteger),
    Column("attempt", BigInteger),
    Column("event", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("cause", Text),
    Index(None, "job_set", "key"),
    Index(None, "job_set", "job_index", "key"),
    Index(
        "ix_event_duplicates",
        "job_set",
        "key",
        sqlite_where=text("event IN ('twin', 'accepted late')"),
        postgresql_where=text("event IN ('twin', 'accepted late')"),
    ),
)

request = Table(
    "request",
    metadata,
    Column("key", _Key, primary_key=True),
    Column("job_set", BigInteger, _within("job_set"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("job_index", BigInteger),
    Index(None, "job_set", "key"),
    sqlite_autoincrement=True,
)

# A row of the kind "wanted" says that somebody wants to be told of the job set; each other row is a
# notice that a process has begun to send, and has sent when it has a time in told_at.
notice = Table(
    "notice",
    metadata,
    Column("job_set", BigInteger, _within("job_set"), primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("begun_at", Microseconds, nullable=False),
    Column("told_at", Microseconds),
    sqlite_with_rowid=False,
)

# What the processes and the backends of job sets were seen as: once for each content.
snapshot = Table(
    "snapshot",
    metadata,
    Column("key", _Key, primary_key=True),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("format", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

# No cascade leads from a snapshot to this: one that is named cannot be removed.
observation = Table(
    "observation",
    metadata,
    Column("key", _Key, primary_key=True),
    Column("job_set", BigInteger, _within("job_set"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("first_at", Microseconds, nullable=False),
    Column("last_at", Microseconds, nullable=False),
    Column("sha256", LargeBinary, ForeignKey("snapshot.sha256")),
    Column("note", Text),
    Index(None, "job_set", "kind", "key"),
    Index(None, "sha256"),
)

# A run on several backends; its members are job sets, named by their ids in the JSON of "members".
job_set_group = Table(
    "job_set_group",
    metadata,
    Column("key", _Key, primary_key=True),
    Column("group_id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Microseconds, nullable=False),
    Column("place", Text, nullable=False),
    Column("members", Text, nullable=False),
    Column("n_experiments", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    sqlite_autoincrement=True,
)

# Which experiments of a group each member has: "size" of them, from "start" in the group and from
# "first" in the member's job set.
placement = Table(
    "placement",
    metadata,
    Column("group", BigInteger, _within("job_set_group"), primary_key=True, autoincrement=False),
    Column("member", BigInteger, primary_key=True, autoincrement=False),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("start", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Index(None, "group", "start"),
    sqlite_with_rowid=False,
)
