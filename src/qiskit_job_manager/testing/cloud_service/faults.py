"""The faults of the cloud, as plain values that can be sent as JSON.

Trouble   of one request: refused, reset, cut, slow, nonsense; before or after the work
Fate      of one accepted job: fails, vanishes, is cancelled, has a wrong result
Faults    both by chance, with limits, pace, lag and read-once results
Outage    of the whole cloud
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from qiskit_job_manager.testing.emulator import fields

if TYPE_CHECKING:
    from collections.abc import Mapping


class Endpoint(StrEnum):
    """The kinds of requests, each with troubles of its own."""

    SUBMIT = "submit"
    FIND = "find"
    STATUS = "status"
    RESULT = "result"
    CANCEL = "cancel"
    DELETE = "delete"


class Way(StrEnum):
    """How a request goes wrong.

    Attributes:
        STATUS: Answered with an HTTP status of trouble.
        RESET: No answer; the connection is reset (RST).
        CLOSE: No answer; the connection is closed in good order (FIN).
        HALF: The work is done; half of the answer's body is sent, and the connection closed.
        DRIP: The work is done; the body of the answer arrives byte by byte.
        HTML: Answered with a page for people, and status 200.
        EMPTY: Answered with nothing, and status 200.
    """

    STATUS = "status"
    RESET = "reset"
    CLOSE = "close"
    HALF = "half"
    DRIP = "drip"
    HTML = "html"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Trouble:
    """How one request goes wrong.

    Attributes:
        way: How.
        after: Whether the work (accepting, reading, cancelling) is done first.
        status: The HTTP status, for `Way.STATUS`.
        retry_after_s: Seconds in a Retry-After header, for `Way.STATUS`; ``None``: no header.

    Example:
        >>> Trouble(Way.RESET, after=True).work_is_done
        True
    """

    way: Way
    after: bool = False
    status: int = 503
    retry_after_s: float | None = None

    @property
    def work_is_done(self) -> bool:
        """Whether the request has its effect."""
        return self.after or self.way in (Way.HALF, Way.DRIP)

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` made.

        Raises:
            ValueError: It is not of this form.
        """
        known = fields.known(cls, said)
        return cls(**known | {"way": Way(known["way"])})


class Fate(StrEnum):
    """How an accepted job ends.

    Attributes:
        RUNS: It is done, and its result is right.
        FAILS: It ends in error, without a result.
        FAILS_IN_PART: It is done, but its first, third, fifth … experiment failed.
        VANISHES: At its end the cloud forgets it.
        CANCELLED: Somebody else cancels it.
        FEWER: Its result lacks the last experiment.
        REORDERED: Its result has the experiments in reverse.
        OTHER_SHOTS: Its result has one shot more than was asked for.
        CUT: Its result lacks the second half of its bytes, though the answer is whole.
    """

    RUNS = "runs"
    FAILS = "fails"
    FAILS_IN_PART = "fails in part"
    VANISHES = "vanishes"
    CANCELLED = "cancelled"
    FEWER = "fewer"
    REORDERED = "reordered"
    OTHER_SHOTS = "other shots"
    CUT = "cut"


class Outage(StrEnum):
    """How the whole cloud fails.

    Attributes:
        REFUSED: Nothing listens, not even to control requests.
        RESET: Every connection is reset.
        UNAVAILABLE: Every request is answered with 503.
    """

    REFUSED = "refused"
    RESET = "reset"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely a trouble is.

    Attributes:
        endpoint: Of which requests.
        rate: Which share of them, from 0 to 1.
        trouble: What happens to these.
    """

    endpoint: Endpoint
    rate: float
    trouble: Trouble

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` made.

        Raises:
            ValueError: It is not of this form.
        """
        known = fields.known(cls, said)
        return cls(
            Endpoint(known["endpoint"]), float(known["rate"]), Trouble.of_json(known["trouble"])
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How the cloud behaves. Without arguments it is perfect, fast and without limits.

    Attributes:
        seed: Of the chances. With the same seed, the n-th request of a kind always has the same
            trouble, and the n-th job the same fate.
        latency_s: Seconds before a request is handled.
        service_time_s: Seconds that a job runs.
        jobs_at_once: Jobs that run at the same time; 0 keeps all queued; ``None``: any number.
        pending_jobs: Jobs that may be queued or running; ``None``: any number.
        pending_status: The HTTP status of a submission above ``pending_jobs``: 429 or 409.
        submissions_per_minute: Submissions accepted in any 60 seconds; ``None``: any number.
        retry_after_s: What Retry-After says when a limit is hit; ``None``: no such header.
        listing_lag_s: Seconds until an accepted job can be found by its tag.
        reads_once: Whether a result can be read only once, even if only a part of it arrives.
        after_read: The HTTP status of a result that was read: 404, 410, or 200 with nothing.
        drip_s: Seconds between bytes, for `Way.DRIP`.
        odds: Troubles by chance; a request meets at most one.
        fates: Shares of jobs with another fate than `Fate.RUNS`.
    """

    seed: int = 0
    latency_s: float = 0.0
    service_time_s: float = 0.0
    jobs_at_once: int | None = None
    pending_jobs: int | None = None
    pending_status: int = 429
    submissions_per_minute: int | None = None
    retry_after_s: float | None = None
    listing_lag_s: float = 0.0
    reads_once: bool = False
    after_read: int = 404
    drip_s: float = 0.05
    odds: tuple[Odds, ...] = ()
    fates: Mapping[Fate, float] = field(default_factory=dict)

    @classmethod
    def storm(cls, rate: float, **others: Any) -> Self:
        """Return faults that hit every kind of request at a rate, in every passing way.

        Args:
            rate: Share of the requests that go wrong, from 0 to 1.
            **others: Other fields of the faults.
        """
        odds = [
            Odds(endpoint, rate / len(_PASSING), trouble)
            for endpoint in Endpoint
            for trouble in _PASSING
        ]
        return cls(odds=tuple(odds), **others)

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` made; what is left out is as by default.

        Raises:
            ValueError: It is not of this form.
        """
        known = fields.known(cls, said)
        if "odds" in known:
            known["odds"] = tuple(Odds.of_json(each) for each in known["odds"])
        if "fates" in known:
            known["fates"] = {Fate(fate): float(rate) for fate, rate in known["fates"].items()}
        return cls(**known)


_EITHER = (False, True)
# Not `Way.DRIP`: it costs a client its whole time-out.
_PASSING = (
    *(Trouble(Way.STATUS, after, status) for status in (500, 502, 503, 504) for after in _EITHER),
    *(Trouble(way, after) for way in (Way.RESET, Way.CLOSE, Way.HTML) for after in _EITHER),
    Trouble(Way.STATUS, status=429),
    Trouble(Way.STATUS, status=429, retry_after_s=0.0),
    Trouble(Way.HALF),
)
