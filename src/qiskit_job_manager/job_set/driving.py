"""The driver's side of a job set: gets it driven, waits for it, and leaves requests for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager import ways
from qiskit_job_manager.engine.lease import Holder
from qiskit_job_manager.errors import (
    JobManagerError,
    JobManagerInvalidStateError,
    JobManagerUnknownJobSet,
    StoreBusyError,
)
from qiskit_job_manager.model import JobState
from qiskit_job_manager.patience import patient
from qiskit_job_manager.views import phrases

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qiskit_job_manager.engine import Engine
    from qiskit_job_manager.job_set.waiting import Deadline
    from qiskit_job_manager.model import JobSetRecord, RequestKind
    from qiskit_job_manager.ports import Backend, Clock, Store

# Small jobs change hundreds of times a second, and to look at each change would cost too much. The
# engine reports the end of the set at once.
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.25


class Driving:
    """What a job set needs in order to move: the engine here, or a driver in another process.

    Args:
        record: The job set.
        store: Where it is.
        engine: The manager's engine.
        clock: Tells the time.
        open_backend: Opens a backend by its URI.
        backend: The backend, if the user gave it.
        on_drive: Called with the job set whenever a driver is made sure of.
    """

    def __init__(  # what the manager has, and nobody else gives
        self,
        record: JobSetRecord,
        store: Store,
        engine: Engine,
        clock: Clock,
        open_backend: Callable[[str], Backend],
        backend: Backend | None,
        on_drive: Callable[[JobSetRecord], object],
    ) -> None:
        self.clock = clock
        self._record = record
        self._store = store
        self._engine = engine
        self._open_backend = open_backend
        self._backend = backend
        self._on_drive = on_drive
        self._is_new_to_engine = backend is not None
        self._trouble: str | None = None
        self._other_was_seen = False
        self._other_is_missed_since_s: float | None = None
        self._other_looked_s = 0.0

    @property
    def is_here(self) -> bool:
        """Whether the engine here drives the job set, or will as soon as no other process does."""
        return self._engine.drives(self._record.key)

    @property
    def trouble(self) -> str | None:
        """Why the job set cannot go on, or what has failed for long in driving it; or ``None``."""
        try:
            self._engine.raise_if_broken(self._record.key)
        except JobManagerError as error:
            return error.message
        return self._engine.trouble(self._record.key) or self._trouble

    @property
    def other_driver(self) -> str | None:
        """Which process elsewhere drives the job set now, in words, or ``None``."""
        owner = self._store.driver(self._record.key)
        if owner is None or self._engine.leases.is_own(owner):
            return None
        return phrases.driver(owner)

    def backend(self) -> Backend:
        """Return the backend, opened by its URI unless the user gave it.

        Raises:
            JobManagerInvalidStateError: It cannot be opened here; the message says why.
        """
        if self._backend is None:
            self._backend = self._open()
        return self._backend

    def ensure(self) -> None:
        """Make sure that a driver moves the job set: the engine here, or another process.

        A backend that the user gave replaces the one that the engine has.

        Raises:
            JobManagerInvalidStateError: No process drives it, and it cannot be driven here.
            StoreCopiedError: The store is a copy, and the original may be in use.
        """
        self._trouble = None
        if not self._record.complete:
            self._record = fresh(self._store, self._record)
        self._on_drive(self._record)
        try:
            self._store.ensure_original()
            self._check_that_it_can_move()
            backend = self._backend_for_engine()
        except JobManagerInvalidStateError as error:
            if self._other_drives():
                return  # its work shows in the store
            self._trouble = error.message
            raise
        self._is_new_to_engine = False
        self._engine.drive(self._record, backend)
        self._engine.start()

    def ask(self, kind: RequestKind, job_index: int | None = None) -> None:
        """Leave a request for the driver, and make sure that there is one."""
        self._store.request(self._record.key, kind, job_index)
        try:
            self.ensure()
        except JobManagerInvalidStateError:
            # Without the backend a driver can still act on jobs that were never sent, or are dead.
            self._engine.drive(self._record, None)
            self._engine.start()

    def delete(self, expected: Mapping[JobState, int] | None) -> None:
        """Delete the job set from the store, with its lease.

        Args:
            expected: How many jobs are in each state; ``None``: it does not matter.

        Raises:
            LeaseLostError: Another process drives it.
            JobManagerInvalidStateError: There are other jobs by now; nothing was deleted.
        """
        key, leases = self._record.key, self._engine.leases
        token = leases.take(key, Holder.DELETION)
        if token is None:
            self._store.delete_rest(key)
            return
        try:
            self._store.delete_job_set(token, expected=expected)
            self._engine.forget(key)
        finally:
            leases.let_go(key, Holder.DELETION)

    def wait_for_end(self, is_over: Callable[[], bool], deadline: Deadline) -> bool:
        """Wait until the job set has ended, and say whether it has.

        Where the engine here drives it, the engine says when it is worth a look.
        """
        key, left_s = self._record.key, deadline.remaining_s
        while left_s > 0 and not self._engine.wait_until_ended(key, min(left_s, _LONGEST_PAUSE_S)):
            self._engine.start()
            if is_over():  # only the user can decide about what is left
                return True
            left_s = deadline.remaining_s
        return self.wait(is_over, deadline)

    def wait(self, is_over: Callable[[], bool], deadline: Deadline) -> bool:
        """Wait until something is so, and return whether it is; look often at first, then less so.

        A store that is away is waited for until the deadline, too.
        """
        try:
            with patient(deadline.remaining_s):
                return self._wait(is_over, deadline)
        except StoreBusyError:
            if deadline.remaining_s > 0:
                raise
            return False

    def _wait(self, is_over: Callable[[], bool], deadline: Deadline) -> bool:
        pause_s = _FIRST_PAUSE_S
        while not is_over():
            if deadline.remaining_s <= 0:
                return False
            self._engine.raise_if_broken(self._record.key)
            self._engine.start()
            try:
                if not self.is_here:
                    self.ensure()
            except JobManagerInvalidStateError:
                if is_over():  # the driver's last act came between the two looks
                    return True
                raise
            self._engine.wait_until_done(self._record.key, min(pause_s, deadline.remaining_s))
            pause_s = min(pause_s * 1.2, _LONGEST_PAUSE_S)
        return True

    def _backend_for_engine(self) -> Backend | None:
        """Return the backend that the engine is to use; ``None``: the one that it has.

        One that was opened by name would not know the jobs that the engine's own has sent.
        """
        if not self._is_new_to_engine and self._engine.has_backend(self._record.key):
            return None
        return self.backend()

    def _other_drives(self) -> bool:
        """Say whether another process drives the job set, or did until just now.

        A store that was away for a while comes back to some processes sooner than to others. So
        the driver, whose lease has ended meanwhile, has the time of two leases to take it again.
        While this process could not look, that time does not run.
        """
        if self._store.driver(self._record.key) is not None:
            self._other_was_seen, self._other_is_missed_since_s = True, None
            return True
        now_s, lease_s = self.clock.monotonic(), self._store.lease_s or 0.0
        has_paused = now_s - self._other_looked_s > lease_s
        self._other_looked_s = now_s
        if self._other_is_missed_since_s is None or has_paused:
            self._other_is_missed_since_s = now_s
        return self._other_was_seen and now_s - self._other_is_missed_since_s < 2 * lease_s

    def _check_that_it_can_move(self) -> None:
        record = self._record
        if record.complete or self._can_move():
            return
        msg = (
            f"the hand-over of job set {record.name!r} was cut off after {record.n_experiments} "
            f"experiments. What they gave can be read; to go on, {ways.AGAIN}, or delete the set"
        )
        raise JobManagerInvalidStateError(msg)

    def _can_move(self) -> bool:
        """Say whether something of a set that was cut off has been sent, or can be."""
        # In this order: the second look sees what a driver did between the two.
        asked = bool(self._store.requests(self._record.key))
        jobs = self._store.totals(self._record.key).jobs
        waiting = {JobState.IN_DOUBT} if self._record.blind else set()
        moving = (state for state in jobs if not state.is_final and state not in waiting)
        return asked or any(moving)

    def _open(self) -> Backend:
        record = self._record
        if record.backend_uri is None:
            msg = (
                f"job set {record.name!r} runs on {record.backend_name!r}, which cannot be opened "
                f"by name: {ways.WITH_BACKEND.of(record.job_set_id)} goes on with it; "
                "what is stored can be read without"
            )
            raise JobManagerInvalidStateError(msg)
        try:
            return self._open_backend(record.backend_uri)
        except Exception as error:  # code of others, which may not even be importable
            words = str(error) if isinstance(error, JobManagerError) else _as_foreign(error)
            msg = (
                f"job set {record.name!r} cannot go on here: its backend {record.backend_uri!r} "
                f"cannot be opened: {words}. Put that right, or open the backend yourself: "
                f"{ways.WITH_BACKEND.of(record.job_set_id)} goes on with it. What is stored can be "
                "read"
            )
            raise JobManagerInvalidStateError(msg) from error


def _as_foreign(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def fresh(store: Store, record: JobSetRecord) -> JobSetRecord:
    """Return a job set as the store has it now.

    Raises:
        JobManagerUnknownJobSet: It was deleted.
    """
    found = store.job_set(record.job_set_id)
    if found is None:
        msg = f"job set {record.name!r} ({record.job_set_id}) was deleted"
        raise JobManagerUnknownJobSet(msg)
    return found
