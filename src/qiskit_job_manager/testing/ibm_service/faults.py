"""The faults of the emulator, as plain values that can be sent as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.testing.emulator import fields

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """The kinds of requests that the client makes."""

    TOKEN = "token"  # noqa: S105  # a request's kind
    INSTANCES = "instances"
    PLAN = "plan"
    USAGE = "usage"
    BACKENDS = "backends"
    CONFIGURATION = "configuration"
    PROPERTIES = "properties"
    BACKEND_STATUS = "backend_status"
    SUBMIT = "submit"
    LIST = "list"
    JOB = "job"
    RESULTS = "results"
    CANCEL = "cancel"
    TAGS = "tags"
    LOGS = "logs"
    METRICS = "metrics"
    DELETE = "delete"
    SESSION = "session"


class Way(StrEnum):
    """How a request goes wrong.

    Attributes:
        STATUS: Answered with an HTTP status of trouble.
        RESET: No answer; the connection is reset (RST).
        CLOSE: No answer; the connection is closed in good order (FIN).
        HALF: The work is done; half of the answer's body is sent, and the connection closed.
        CUT: The work is done; half of the answer's body is sent as if it were all.
        HANG: No answer until the emulator ends.
        HTML: Answered with a page for people, and status 200.
        LACKING: Answered with an empty JSON object, and status 200.
        EMPTY: Answered with nothing, and status 204.
    """

    STATUS = "status"
    RESET = "reset"
    CLOSE = "close"
    HALF = "half"
    CUT = "cut"
    HANG = "hang"
    HTML = "html"
    LACKING = "lacking"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """How one request goes wrong.

    Attributes:
        way: How.
        after: Whether the work (accepting, reading, cancelling) is done first.
        status: The HTTP status, for `Way.STATUS`.
        code: IBM's code of the error, for `Way.STATUS`.
        message: IBM's message, for `Way.STATUS`.
        retry_after_s: Seconds in a Retry-After header, for `Way.STATUS`; ``None``: no header.

    Raises:
        InvalidArgumentError: A value is not of its kind.
    """

    way: Way = Way.STATUS
    after: bool = False
    status: int = 503
    code: int = 1999
    message: str = "the emulator was told to fail"
    retry_after_s: float | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        fields.word("way", self.way, Way)
        fields.flag("after", self.after)
        fields.whole("status", self.status, 200, 599)
        fields.whole("code", self.code, 0)
        fields.text("message", self.message)
        if self.retry_after_s is not None:
            fields.amount("retry_after_s", self.retry_after_s)

    @property
    def work_is_done(self) -> bool:
        """Whether the request has its effect."""
        return self.after or self.way in (Way.HALF, Way.CUT)

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` made; what is left out is as by default.

        Raises:
            InvalidArgumentError: It is not of this form.
        """
        found = fields.known(cls, said)
        return cls(**found | {"way": fields.word("way", found.get("way", Way.STATUS), Way)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which requests go wrong, and how.

    Attributes:
        kind: Of which requests.
        trouble: What happens to them.
        times: To how many, from the next one on; ``None``: any number.
        rate: To which share of them, from 0 to 1, drawn by the emulator's seed.
        after_s: From how many seconds after the rule was given on.
        for_s: For how many seconds then; ``None``: without end.

    Raises:
        InvalidArgumentError: A value is not of its kind.
    """

    kind: Kind
    trouble: Trouble
    times: int | None = None
    rate: float = 1.0
    after_s: float = 0.0
    for_s: float | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        fields.word("kind", self.kind, Kind)
        if not isinstance(self.trouble, Trouble):
            raise InvalidArgumentError(f"trouble is {self.trouble!r}; it must be a Trouble")
        if self.times is not None:
            fields.whole("times", self.times, 0)
        fields.amount("rate", self.rate, most=1)
        fields.amount("after_s", self.after_s)
        if self.for_s is not None:
            fields.amount("for_s", self.for_s)

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` made; what is left out is as by default.

        Raises:
            InvalidArgumentError: It is not of this form.
        """
        found = fields.known(cls, said)
        kind = fields.word("kind", found["kind"], Kind)
        return cls(**found | {"kind": kind, "trouble": Trouble.of_json(found["trouble"])})


class Fate(StrEnum):
    """How an accepted job ends.

    Attributes:
        RUNS: It is completed.
        FAILS: It fails; its results are a text that says why.
        FAILS_UNREADABLE: It fails, and asking for its results gives 404.
        CANCELLED: Somebody else cancels it.
        RAN_TOO_LONG: It is cancelled with code 1305, as it ran too long.
        QUEUED: It is queued until it is cancelled.
    """

    RUNS = "runs"
    FAILS = "fails"
    FAILS_UNREADABLE = "fails unreadable"
    CANCELLED = "cancelled"
    RAN_TOO_LONG = "ran too long"
    QUEUED = "queued"


_SECONDS = (
    "latency_s",
    "service_time_s",
    "running_s",
    "preparing_s",
    "listing_lag_s",
    "usage_lag_s",
    "usage_consumed_s",
    "usage_limit_s",
    "token_lifetime_s",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the emulator behaves. Without arguments it is perfect, fast and without limits.

    Attributes:
        seed: Of the chances. With the same seed, the n-th request of a kind always has the same
            trouble, and the n-th job the same fate.
        latency_s: Seconds before a request is handled.
        service_time_s: Seconds that a job is queued at least.
        running_s: Seconds that a job runs then.
        preparing_s: Seconds of these before the job is on the QPU.
        listing_lag_s: Seconds until a new job is listed.
        usage_lag_s: Seconds from the end of a job until its usage is final.
        usage_consumed_s: Quantum seconds that the instance has used in its period.
        usage_limit_s: Quantum seconds that the instance may use in its period.
        most_pending: Jobs that may be queued or running at once (400, code 3458).
        submissions_per_minute: How many are accepted in any minute (429, code 1202).
        most_pubs: PUBs, or items of a quantum program, in a job (413, code 1001).
        most_bytes: Bytes of a submission (413, code 1001).
        token_lifetime_s: Seconds that a token is valid.
        usage_limit_reached: Whether the usage of the instance is used up.
        has_mocks: Whether each backend has a stand-in for dry runs, ``mock_…``.
        paused: Names of backends that are paused.
        retired: Names of backends that are not known any more.
        fates: Shares of the accepted jobs with another fate than `Fate.RUNS`.

    Raises:
        InvalidArgumentError: A value is not of its kind.
    """

    seed: int = 0
    latency_s: float = 0.0
    service_time_s: float = 0.0
    running_s: float = 0.0
    preparing_s: float = 0.0
    listing_lag_s: float = 0.0
    usage_lag_s: float = 0.0
    usage_consumed_s: float = 0.0
    usage_limit_s: float = 600.0
    most_pending: int | None = None
    submissions_per_minute: int | None = None
    most_pubs: int | None = None
    most_bytes: int | None = None
    token_lifetime_s: float = 3600.0
    usage_limit_reached: bool = False
    has_mocks: bool = True
    paused: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    fates: Mapping[Fate, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every field."""
        fields.whole("seed", self.seed)
        for name in _SECONDS:
            fields.amount(name, getattr(self, name))
        for name in ("most_pending", "submissions_per_minute", "most_pubs", "most_bytes"):
            if getattr(self, name) is not None:
                fields.whole(name, getattr(self, name), 0)
        fields.flag("usage_limit_reached", self.usage_limit_reached)
        fields.flag("has_mocks", self.has_mocks)
        fields.names("paused", self.paused)
        fields.names("retired", self.retired)
        fields.shares("fates", self.fates, Fate)

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` made; what is left out is as by default.

        Raises:
            InvalidArgumentError: It is not of this form.
        """
        found = fields.known(cls, said)
        for name in ("paused", "retired"):
            if isinstance(found.get(name), list):  # JSON has no tuples
                found[name] = tuple(found[name])
        return cls(**found)
