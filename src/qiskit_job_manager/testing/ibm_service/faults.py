"""What the emulator can be told to do wrong, as plain values that also travel as JSON."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

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
        message: IBM's words, for `Way.STATUS`.
        retry_after_s: Seconds in a Retry-After header, for `Way.STATUS`; ``None``: no header.
    """

    way: Way = Way.STATUS
    after: bool = False
    status: int = 503
    code: int = 1999
    message: str = "so the emulator was told"
    retry_after_s: float | None = None

    @property
    def work_is_done(self) -> bool:
        """Whether the request has its effect."""
        return self.after or self.way in (Way.HALF, Way.CUT)

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` made."""
        return cls(**{**said, "way": Way(said["way"])})


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
    """

    kind: Kind
    trouble: Trouble
    times: int | None = None
    rate: float = 1.0
    after_s: float = 0.0
    for_s: float | None = None

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` made."""
        trouble = Trouble.of_json(said["trouble"])
        return cls(**{**said, "kind": Kind(said["kind"]), "trouble": trouble})


class Fate(StrEnum):
    """What becomes of an accepted job.

    Attributes:
        RUNS: It is completed.
        FAILS: It fails; its results are a text that says why.
        FAILS_UNREADABLE: It fails, and asking for its results gives 404.
        CANCELLED: Somebody else cancels it.
        RAN_TOO_LONG: It is cancelled with code 1305, for its time was up.
        QUEUED: It is queued until it is cancelled.
    """

    RUNS = "runs"
    FAILS = "fails"
    FAILS_UNREADABLE = "fails unreadable"
    CANCELLED = "cancelled"
    RAN_TOO_LONG = "ran too long"
    QUEUED = "queued"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the emulator behaves. Without arguments it is perfect, fast and without limits.

    Attributes:
        seed: Which requests the rules' rates hit.
        latency_s: Seconds before a request is looked at.
        service_time_s: Seconds that a job runs at least.
        listing_lag_s: Seconds until a new job is listed.
        most_pending: Jobs that may be queued or running at once (400, code 3458).
        submissions_per_minute: How many are accepted in any minute (429, code 1202).
        most_pubs: PUBs, or items of a quantum program, in a job (413, code 1001).
        most_bytes: Bytes of a submission (413, code 1001).
        token_lifetime_s: Seconds that a token is valid.
        usage_limit_reached: Whether the instance's usage is used up, as the client is told.
        paused: Names of backends that are.
        retired: Names of backends that are unknown now.
    """

    seed: int = 0
    latency_s: float = 0.0
    service_time_s: float = 0.0
    listing_lag_s: float = 0.0
    most_pending: int | None = None
    submissions_per_minute: int | None = None
    most_pubs: int | None = None
    most_bytes: int | None = None
    token_lifetime_s: float = 3600.0
    usage_limit_reached: bool = False
    paused: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` made.

        Raises:
            ValueError: It has a field that is none.
        """
        unknown = sorted(set(said) - {each.name for each in fields(cls)})
        if unknown:
            raise ValueError(f"Behaviour has no {', '.join(unknown)}")
        tuples = {name: tuple(said[name]) for name in ("paused", "retired") if name in said}
        return cls(**{**said, **tuples})
