"""The script of a scripted backend: how its calls behave, and how its jobs end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from qiskit_job_manager.model import Blob, RawResult, RemoteState, RemoteStatus

RunFunction: TypeAlias = Callable[[Blob, Mapping[str, Any], int], RawResult]
"""Computes a result: payload, options and number of experiments in, raw bytes out."""


class Call(StrEnum):
    """The calls that can be scripted."""

    SUBMIT = "submit"
    FIND = "find"
    FIND_DUPLICATES = "find_duplicates"
    MEASURED = "measured"
    STATUSES = "statuses"
    FETCH = "fetch"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Proceed:
    """The call does what it should."""


@dataclass(frozen=True, slots=True)
class Raise:
    """The call does nothing and raises; the error says what it means.

    `SubmissionRefusedError` refuses a submission, `SubmissionDeferredError` defers it.
    """

    error: Exception


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """The call does what it should, and its answer is lost on the way back.

    A submission is accepted; a result that can be read once has been read.
    """

    error: Exception = field(default_factory=lambda: ConnectionResetError("connection reset"))


@dataclass(frozen=True, slots=True)
class Hang:
    """The call hangs until it is released.

    Attributes:
        done_first: Whether the call does its work before it hangs, so that only its answer is late.
        gate: Releases the call when it is set. A test must set it, or a thread stays behind.
        reached: Set by the call when it hangs; a test can wait for it.
    """

    done_first: bool = False
    gate: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)

    def stand_still(self) -> None:
        """Wait for the gate."""
        self.reached.set()
        self.gate.wait()

    def release(self) -> None:
        """Let the call go on."""
        self.gate.set()


@dataclass(frozen=True, slots=True)
class Repeat:
    """The call does what it should twice, as a client that posts again by itself does."""


Behaviour: TypeAlias = Proceed | Raise | LoseAnswer | Hang | Repeat


@dataclass(frozen=True, slots=True)
class JobStory:
    """How one accepted job proceeds.

    Attributes:
        statuses: The status at each poll, in order; the last one stays. Reading a result is not a
            poll.
        run: Computes the result; ``None``: as the backend does. A job whose last status is not
            `RemoteState.DONE` has a result only if this is given.
    """

    statuses: tuple[RemoteStatus, ...] = (RemoteStatus(RemoteState.DONE),)
    run: RunFunction | None = None

    def __post_init__(self) -> None:
        if not self.statuses:
            raise ValueError("a job's story needs at least one status")

    @classmethod
    def ending(
        cls,
        state: RemoteState,
        message: str | None = None,
        *,
        queued: int = 0,
        running: int = 0,
        run: RunFunction | None = None,
    ) -> JobStory:
        """Return the story of a job that ends in a state.

        Args:
            state: How it ends.
            message: The backend's reason.
            queued: Polls before it runs; its place in the queue counts down to 1.
            running: Polls while it runs.
            run: Computes the result.
        """
        waiting = [RemoteStatus(RemoteState.QUEUED, place) for place in range(queued, 0, -1)]
        working = [RemoteStatus(RemoteState.RUNNING)] * running
        return cls((*waiting, *working, RemoteStatus(state, message=message)), run)
