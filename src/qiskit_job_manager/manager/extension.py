"""Adds experiments to a complete job set: those of a hand-over that it does not have.

This needs no lease: experiments are only added, behind all others, whichever process drives the
set. The store takes them only where the set ends as this process last saw it. If others were added
meanwhile, what is still to be added is compared with them, and added behind them. So what two
processes hand over at once is stored once. A process that is killed leaves a complete set, to which
the same script adds the rest.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from qiskit_job_manager import ways
from qiskit_job_manager.codec.experiments import circuit_of
from qiskit_job_manager.errors import (
    InvalidExperimentError,
    LeaseLostError,
    NameInUseError,
    StoreError,
)
from qiskit_job_manager.manager.estimate import log_what_does_not_fit
from qiskit_job_manager.manager.handed_experiments import Given
from qiskit_job_manager.manager.pacing import Room, batches
from qiskit_job_manager.manager.stored_experiments import StoredContents
from qiskit_job_manager.model import RetryPolicy
from qiskit_job_manager.results.lookup import Experiments
from qiskit_job_manager.views.phrases import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qiskit_job_manager.engine import Engine
    from qiskit_job_manager.manager.packing import Packing
    from qiskit_job_manager.model import EncodedBlock, JobSetDraft, JobSetRecord
    from qiskit_job_manager.ports import Backend, Store

logger = logging.getLogger(__name__)


class Extension:
    """One extension of a job set.

    Args:
        store: Where the job set is.
        engine: Sends what is stored, while more is read; ``None``: it is only stored.
        backend: What runs the experiments.
        packing: Makes blocks of them.
        draft: What the user asked for.

    Attributes:
        is_driven: Whether the engine drives the job set since experiments were added.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine | None,
        backend: Backend,
        packing: Packing,
        draft: JobSetDraft,
    ) -> None:
        self.is_driven = False
        self._store = store
        self._engine = engine
        self._backend = backend
        self._packing = packing
        self._draft = draft

    def run(
        self, record: JobSetRecord, experiments: Iterable[Any], *, is_list: bool
    ) -> JobSetRecord:
        """Add the experiments that the job set does not have, and return it.

        Args:
            record: The job set, which is complete.
            experiments: What was handed over.
            is_list: Whether they are a list. Then they are compared and checked as a whole before
                any is stored.

        Raises:
            NameInUseError: The job set has experiments of another kind.
            InvalidExperimentError: A new one cannot run, or none was handed over.
            PlanError: A new one alone exceeds a limit.
            LeaseLostError: The job set was deleted meanwhile.
        """
        self._check_kind(record)
        contents = StoredContents(self._store, record, self._packing.encoder.kind)
        new = _New(experiments, contents, self._packing.encoder.content_hash, is_list=is_list)
        try:
            whole = self._add(record, contents, new, is_list=is_list)
        except BaseException as error:
            if new.n_added:
                error.add_note(_kept(record, new.n_added))
            raise
        if not new.n_read:
            msg = "there are no experiments; hand over at least one circuit"
            raise InvalidExperimentError(msg)
        self._report(record, contents, new)
        return whole

    def _check_kind(self, record: JobSetRecord) -> None:
        kind, wanted = Experiments(self._store, record).kind, self._packing.encoder.kind
        if kind is not wanted:
            msg = (
                f"job set {record.name!r} runs experiments of another kind: each is a {kind}, and "
                f"not a {wanted}. Choose another name, or hand over the same kind."
            )
            raise NameInUseError(msg)

    def _add(
        self, record: JobSetRecord, contents: StoredContents, new: _New, *, is_list: bool
    ) -> JobSetRecord:
        """Add experiments batch by batch, also behind what others add meanwhile."""
        room = Room(self._store, self._engine, record) if self._engine else None
        while True:
            if is_list:
                self._check(record, new.all())
            given = Given(new)
            sent = self._packing.transpiled(given, record.n_experiments, is_list=is_list)
            first = record.n_experiments
            for batch in batches(self._packing.planned(sent, record.limits, record)):
                if not self._store.extend_job_set(record.key, batch, self._draft.created_at):
                    break
                record = _with(record, batch)
                contents.grow(record, taken=True)
                self._packing.settle(batch)
                given.settle(record.n_experiments - first)
                new.n_added += sum(len(each.experiments) for each in batch)
                self._drive(record)
                if room and not is_list:
                    room.wait_for(batch)
            else:
                return record
            record = self._as_others_left_it(record)
            contents.grow(record, taken=False)
            self._packing.forget_all_encoded()
            self._packing.rewind()
            self._packing.note_target(record)
            new.compare_again(given.take_back())

    def _check(self, record: JobSetRecord, new: list[Any]) -> None:
        """Check the new experiments of a list as a whole before any of them is stored."""
        packing, encoder = self._packing, self._packing.encoder
        times = encoder.times.of_these(new, record.n_experiments)
        packing.encoder = replace(encoder, times=times)
        if encoder.transpiler is None:
            packing.check_all(new, record.n_experiments)
        if new:
            where = (self._backend, record.limits, packing.encoder, record.name)
            log_what_does_not_fit(new, *where)

    def _as_others_left_it(self, record: JobSetRecord) -> JobSetRecord:
        """Return the job set with what others have added meanwhile.

        Raises:
            LeaseLostError: It was deleted meanwhile.
        """
        now = self._store.job_set(record.job_set_id)
        if now is None:
            msg = f"job set {record.name!r} was deleted meanwhile"
            raise LeaseLostError(msg)
        if now.n_experiments <= record.n_experiments:
            msg = f"job set {record.name!r} takes no experiments now, though it is complete"
            raise StoreError(msg)
        return now

    def _drive(self, record: JobSetRecord) -> None:
        if self._engine:
            self._engine.drive(record, self._backend)
            self._engine.start()
            self.is_driven = True

    # -- what is said -----------------------------------------------------------------------------

    def _report(self, before: JobSetRecord, contents: StoredContents, new: _New) -> None:
        """Log what was added, what was left out, and which settings stay as they were."""
        fields = {"event": "extended", "job_set_id": before.job_set_id}
        words = "job set %r: %d of %d experiments are new and were added"
        logger.info(words, before.name, new.n_added, new.n_read, extra=fields)
        if contents.n_left:
            first = self._store.experiment(before.key, contents.first_left)
            logger.warning(
                "job set %r has %s that this call left out, the first of them experiment %d (%r): "
                "all that it has stays, with its results",
                before.name,
                plural(contents.n_left, "experiment"),
                contents.first_left,
                first.name if first else "",
                extra={**fields, "event": "left out"},
            )
        if kept := _other_settings(before, self._draft):
            words = "job set %r keeps its own %s: an extension changes no settings"
            logger.warning(words, before.name, kept, extra={**fields, "event": "settings kept"})


class _New(Iterator[Any]):
    """The experiments that a job set does not have, compared with it as they are read.

    Args:
        experiments: What was handed over.
        contents: Those of the job set.
        hashed: Gives the content hash of an experiment, by its number for messages.
        is_list: Whether all are compared at once.

    Attributes:
        n_read: How many experiments were read.
        n_added: How many of them were added.
    """

    def __init__(
        self,
        experiments: Iterable[Any],
        contents: StoredContents,
        hashed: Callable[[Any, int], bytes],
        *,
        is_list: bool,
    ) -> None:
        self.n_read = 0
        self.n_added = 0
        self._rest = iter(experiments)
        self._contents = contents
        self._hashed = hashed
        self._at_once = None if is_list else 1  # a generator may take long for the next one
        self._compared: deque[Any] = deque()

    def __next__(self) -> Any:
        while not self._compared:
            chunk = list(islice(self._rest, self._at_once))
            if not chunk:
                raise StopIteration
            self._compare(chunk, self.n_read)
            self.n_read += len(chunk)
        return self._compared.popleft()

    def all(self) -> list[Any]:
        """Return all that are left, of a list, which are still given one by one afterwards."""
        self._compared.extend(list(self))
        return list(self._compared)

    def compare_again(self, taken_back: Iterable[Any]) -> None:
        """Compare those that were not added with what others have added meanwhile.

        Args:
            taken_back: Those that were read from here.
        """
        again = [*taken_back, *self._compared]
        self._compared.clear()
        self._compare(again, 0)

    def _compare(self, experiments: list[Any], first: int) -> None:
        said = [(self._hashed(each, i), _name(each)) for i, each in enumerate(experiments, first)]
        stored = self._contents.take(said)
        self._compared.extend(e for e, at in zip(experiments, stored, strict=True) if at is None)


def _name(experiment: Any) -> str:
    return str(getattr(circuit_of(experiment), "name", ""))


def _with(record: JobSetRecord, batch: list[EncodedBlock]) -> JobSetRecord:
    last = batch[-1].block
    return replace(record, n_experiments=last.stop, n_jobs=last.jobs[-1].index + 1)


def _other_settings(before: JobSetRecord, draft: JobSetDraft) -> str:
    """Return which settings a job set keeps that this call gives otherwise, in words."""
    default = {"retry": RetryPolicy(), "tags": (), "max_usage_s": None, "max_cost": None}
    other = [
        name
        for name in ("limits", "retry", "tags", "max_usage_s", "max_cost")
        if getattr(draft, name) not in (getattr(before, name), default.get(name, ...))
    ]
    return ", ".join(other)


def _kept(record: JobSetRecord, n_added: int) -> str:
    return (
        f"{plural(n_added, 'experiment')} were added before this to the job set {record.name!r}, "
        f"and stay to be run. The same call again with {ways.EXTEND} adds the rest."
    )
