"""What was tried, what came of it, and the order in which all is tried."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import JobManagerError
from qiskit_job_manager.selftest.ground import scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Verdict(StrEnum):
    """What came of a trial."""

    HOLDS = "holds"
    LIMITED = "limited"
    NOT_TRIED = "not tried"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried.

    Attributes:
        what: The thing.
        verdict: What came of it.
        words: What was seen.
        limit: What stays so in any case, or ``None``.
    """

    what: str
    verdict: Verdict
    words: str
    limit: str | None = None


def checks(
    location: str | None = None, *, backend: str | None = None, executor: str | None = None
) -> Iterator[Check]:
    """Try all, and yield each check when it is over.

    Args:
        location: The user's store; ``None``: the default one.
        backend: Name of a backend about which to find out what costs nothing, or ``None``.
        executor: What computes local simulations, as ``--executor`` names it, or ``None``.
    """
    from qiskit_job_manager.selftest import backends, drivers, machine

    with scratch(location) as (ground, trouble):
        if ground is None:
            yield Check("place", Verdict.BROKEN, trouble)
            return
        trials: list[Callable[[], Iterator[Check]]] = [
            lambda: machine.file_system(ground),
            lambda: machine.locks(ground),
            lambda: machine.clocks(ground, location),
            lambda: drivers.driven(ground),
            lambda: backends.simulations(ground, executor),
        ]
        if backend is not None:
            trials.append(lambda: backends.known_of(backend))
        for trial in trials:
            yield from _checked(trial)


def _checked(trial: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from trial()
    except JobManagerError as error:
        yield Check("trial", Verdict.BROKEN, error.message)
    except OSError as error:
        yield Check("trial", Verdict.BROKEN, f"{type(error).__name__}: {error}")
