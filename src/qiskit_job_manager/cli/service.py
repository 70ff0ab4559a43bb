"""What ``qjm serve`` does at each look: goes on with what is new, and tells what happened."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_job_manager.cli.doubts import why_held
from qiskit_job_manager.cli.text import counted, plural
from qiskit_job_manager.errors import (
    JobManagerInvalidStateError,
    JobManagerUnknownJobSet,
    StoreError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.manager import JobManager
    from qiskit_job_manager.ports import Clock

logger = logging.getLogger(__name__)

TRY_AGAIN_S = 30.0


@dataclass(slots=True)
class _Served:
    """A job set that has something left to do.

    Attributes:
        job_set: The job set.
        trouble: Why it does not go on here, or ``None``.
        again_s: When this is to be tried again, on the service's clock.
        needs_user: Jobs that need the user, as was last told.
        is_held: Whether the limit of usage holds jobs back, as was last told.
    """

    job_set: ManagedJobSet
    trouble: str | None = None
    again_s: float = 0.0
    needs_user: int = 0
    is_held: bool = False


class Service:
    """Drives every job set that has something left to do, by looks at the store.

    Args:
        manager: Drives them; its engine logs when it begins to.
        clock: Asked when to try again.
        commands_for: Gives the commands for a job set that needs the user.
    """

    def __init__(
        self, manager: JobManager, clock: Clock, commands_for: Callable[[ManagedJobSet], str]
    ) -> None:
        self._manager = manager
        self._clock = clock
        self._commands_for = commands_for
        self._served: dict[str, _Served] = {}
        self._store_trouble: str | None = None

    def look(self) -> None:
        """Go on with all that is unfinished, and tell what has ended since the last time.

        Raises:
            StoreError: The store cannot be used.
        """
        unfinished = {each.job_set_id(): each for each in self._manager.unfinished()}
        for job_set_id in self._served.keys() - unfinished.keys():
            _tell_end(self._served.pop(job_set_id).job_set)
        for job_set_id, job_set in unfinished.items():
            with suppress(JobManagerUnknownJobSet):  # deleted meanwhile
                served = self._served.setdefault(job_set_id, _Served(job_set))
                self._go_on(served)
                self._tell_needs(served)

    def look_again(self) -> None:
        """Look; when the store cannot be used now, say so once and leave it to the next look."""
        try:
            self.look()
            self._store_trouble = None
        except StoreError as error:
            if error.message != self._store_trouble:
                self._store_trouble = error.message
                logger.warning("%s", error, extra={"event": "store trouble"})

    def _go_on(self, served: _Served) -> None:
        """Have a set driven; one that could not be is tried again after a while."""
        now_s = self._clock.monotonic()
        if served.trouble is not None and now_s < served.again_s:
            return
        met = None if served.trouble else served.job_set.trouble()
        if met is None:
            with suppress(JobManagerInvalidStateError):
                served.job_set.drive()
            met = served.job_set.trouble()
        if met is not None and met != served.trouble:
            logger.warning("%s", met, extra=_said("cannot go on", served.job_set))
        served.trouble, served.again_s = met, now_s + TRY_AGAIN_S

    def _tell_needs(self, served: _Served) -> None:
        job_set = served.job_set
        record = job_set.record()
        if not record.blind and record.max_usage_s is None:
            return
        progress = job_set.progress()
        needs = progress.needs_user
        if needs > served.needs_user:
            words = "%r needs you: %s may or may not have been accepted by the backend; %s"
            what = (job_set.name(), plural(needs, "job"), self._commands_for(job_set))
            logger.warning(words, *what, extra=_said("needs you", job_set))
        if progress.held and not served.is_held:
            words = "%r needs you: %s; qjm resume %s --max-usage SECONDS allows more"
            what = (job_set.name(), why_held(job_set, progress), job_set.job_set_id())
            logger.warning(words, *what, extra=_said("needs you", job_set))
        served.needs_user, served.is_held = needs, progress.held > 0


def _tell_end(job_set: ManagedJobSet) -> None:
    with suppress(JobManagerUnknownJobSet):
        name, states = job_set.name(), counted(job_set.progress().jobs)
        logger.info("%r has ended: %s", name, states, extra=_said("ended", job_set))


def _said(event: str, job_set: ManagedJobSet) -> dict[str, str]:
    return {"event": event, "job_set_id": job_set.job_set_id()}
