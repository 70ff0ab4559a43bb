"""The leases of one process: which job sets it may drive, and until when.

Each engine has one `Leases` object, and that object alone calls the store's `claim`, `renew` and
`release`. Inside the process a lease is shared: the engine holds it while it drives the job set,
and one hand-over at a time holds it while it stores experiments. The store gets the lease back
when the last holder has let go of it.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit_job_manager.model import (
        Advance,
        EncodedBlock,
        JobSetDraft,
        JobSetRecord,
        Snapshot,
        Token,
    )
    from qiskit_job_manager.ports import Clock, Store

RENEW_EVERY_S = 10.0
SAFE_REST_S = 8.0
_RELEASE_AGAIN_S = 1.0


class Holder(StrEnum):
    """What holds a lease inside this process."""

    DRIVER = "driver"
    HAND_OVER = "hand-over"
    DELETION = "deletion"


@dataclass(slots=True)
class _Lease:
    """One lease that this process has.

    Attributes:
        token: What the store knows it by.
        since_boot_s: When it was last claimed or renewed, on the clock that counts suspend; taken
            before the store was asked, so that the lease ends no earlier than it seems.
        renewed_s: The same on the engine's clock.
        holders: What holds it; with none left it is released.
    """

    token: Token
    since_boot_s: float
    renewed_s: float
    holders: set[Holder] = field(default_factory=set)


class Leases:
    """The leases of one engine. Safe to use from any thread.

    Args:
        store: Grants the leases.
        clock: Tells how old a lease is.
        owner: Identity of this driver; fresh for each start of a process.
    """

    def __init__(self, store: Store, clock: Clock, owner: str) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner
        self._leases: dict[int, _Lease] = {}
        self._lock = threading.Lock()  # guards the dictionary; never held while the store works
        self._asking = threading.Lock()  # one claim or release at a time
        self._is_closed = False

    def is_own(self, owner: str) -> bool:
        """Whether an identity is that of this process."""
        return owner == self._owner

    # -- taking and giving back -------------------------------------------------------------------

    def create(
        self,
        draft: JobSetDraft,
        blocks: Sequence[EncodedBlock] = (),
        *,
        are_last: bool = False,
        environment: Snapshot | None = None,
    ) -> tuple[JobSetRecord, Token]:
        """Create a job set with its first blocks, and hold its lease for a hand-over.

        Raises:
            NameInUseError: Another job set has the name.
        """
        with self._asking:
            since_boot_s, now_s = self._clock.since_boot(), self._clock.monotonic()
            record, token = self._store.create_job_set(
                draft, self._owner, blocks, are_last=are_last, environment=environment
            )
            lease = _Lease(token, since_boot_s, now_s, {Holder.HAND_OVER})
            with self._lock:
                self._leases[record.key] = lease
        return record, token

    def take(self, job_set_key: int, holder: Holder) -> Token | None:
        """Hold the lease of a job set, and return its token.

        Returns:
            ``None`` while another process has the lease, or another hand-over of this one.
        """
        with self._asking:
            lease = self._joined(job_set_key, holder)
            if lease is not None:
                return lease.token
            if self._is_closed or self._has_hand_over(job_set_key, holder):
                return None
            since_boot_s, now_s = self._clock.since_boot(), self._clock.monotonic()
            token = self._store.claim(job_set_key, self._owner)
            if token is not None:
                with self._lock:
                    self._leases[job_set_key] = _Lease(token, since_boot_s, now_s, {holder})
            return token

    def join(self, job_set_key: int, holder: Holder) -> bool:
        """Hold the lease if this process has it already; never asks the store."""
        return self._joined(job_set_key, holder) is not None

    def let_go(self, job_set_key: int, holder: Holder) -> None:
        """Hold the lease no longer; harmless when it is not held.

        Raises:
            StoreError: The store did not take it back; `tend` tries again.
        """
        with self._asking:
            with self._lock:
                lease = self._leases.get(job_set_key)
                if lease is None or holder not in lease.holders:
                    return
                lease.holders.discard(holder)
                if lease.holders:
                    return
            self._release(lease)

    def write_and_let_go(self, token: Token, steps: Sequence[Advance]) -> list[bool]:
        """Write the last steps of the driver, which holds the lease no longer if all of them land.

        They and the release are one transaction, unless a hand-over holds the lease as well.

        Raises:
            StoreError: Nothing was written, and the lease is still held.
        """
        with self._asking:
            with self._lock:
                lease = self._leases.get(token.job_set_key)
            is_alone = lease is not None and lease.holders == {Holder.DRIVER}
            landed = self._store.advance(token, steps, releases=is_alone)
            if lease is not None and all(landed):
                with self._lock:
                    lease.holders.discard(Holder.DRIVER)
                if is_alone:
                    self.lose(token)
        return landed

    def lose(self, token: Token) -> None:
        """Forget a lease that the store has given to another process."""
        with self._lock:
            lease = self._leases.get(token.job_set_key)
            if lease is not None and lease.token == token:
                del self._leases[token.job_set_key]

    def close(self) -> None:
        """Give all leases back as far as the store can be used, and take no more."""
        with self._asking:
            self._is_closed = True
            with self._lock:
                leases = list(self._leases.values())
            for lease in leases:
                with contextlib.suppress(StoreError):
                    self._release(lease)

    # -- keeping ----------------------------------------------------------------------------------

    def tend(self) -> float:
        """Renew the leases that need it, and release again what could not be released.

        Returns:
            Seconds until this is needed again.

        Raises:
            StoreError: The store cannot be used now; the leases stay as they are.
        """
        now_s = self._clock.monotonic()
        with self._lock:
            leases = list(self._leases.values())
        for lease in leases:
            if not lease.holders:
                self._release_again(lease)
            elif now_s >= lease.renewed_s + RENEW_EVERY_S:
                self._renew(lease, now_s)
        with self._lock:
            left = list(self._leases.values())
        if any(not lease.holders for lease in left):
            return _RELEASE_AGAIN_S
        return min((each.renewed_s + RENEW_EVERY_S - now_s for each in left), default=float("inf"))

    def has(self, token: Token) -> bool:
        """Say whether a token is that of a lease that this process has."""
        with self._lock:
            lease = self._leases.get(token.job_set_key)
            return lease is not None and lease.token == token

    def is_safe(self, token: Token) -> bool:
        """Say whether a lease is sure to last long enough for one submission.

        The clock counts the time for which the machine was suspended. A lease of a store that
        uses kernel locks never ends while its process lives.
        """
        lasts_s = self._store.lease_s
        with self._lock:
            lease = self._leases.get(token.job_set_key)
            if lease is None or lease.token != token:
                return False
            if lasts_s is None:
                return True
            return lease.since_boot_s + lasts_s - self._clock.since_boot() >= SAFE_REST_S

    def is_handed_over(self, job_set_key: int) -> bool:
        """Say whether this process is handing experiments over to a job set."""
        with self._lock:
            lease = self._leases.get(job_set_key)
            return lease is not None and Holder.HAND_OVER in lease.holders

    # -- inside -----------------------------------------------------------------------------------

    def _joined(self, job_set_key: int, holder: Holder) -> _Lease | None:
        """Return the lease with one more holder; ``None`` if it cannot be shared."""
        with self._lock:
            lease = self._leases.get(job_set_key)
            if lease is None or (holder is Holder.HAND_OVER and holder in lease.holders):
                return None
            lease.holders.add(holder)
            return lease

    def _has_hand_over(self, job_set_key: int, holder: Holder) -> bool:
        return holder is Holder.HAND_OVER and self.is_handed_over(job_set_key)

    def _renew(self, lease: _Lease, now_s: float) -> None:
        since_boot_s = self._clock.since_boot()
        if not self._store.renew(lease.token):
            self.lose(lease.token)
            return
        with self._lock:
            lease.since_boot_s, lease.renewed_s = since_boot_s, now_s

    def _release(self, lease: _Lease) -> None:
        self._store.release(lease.token)
        self.lose(lease.token)

    def _release_again(self, lease: _Lease) -> None:
        with self._asking:
            if not lease.holders and self.has(lease.token):
                self._release(lease)
