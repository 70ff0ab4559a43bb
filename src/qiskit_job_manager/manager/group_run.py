"""Runs experiments on several backends: places each on one of them, or all on each.

A group has a job set for each backend. Experiments are placed in their order, portion by portion,
in one transaction with their storage. So a crash between any two writes leaves a group to which
the same script adds the rest, and of two processes that run the script each portion is stored by
one.
"""

from __future__ import annotations

import contextlib
import logging
import time
import uuid
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from qiskit_job_manager import ways
from qiskit_job_manager.errors import (
    InvalidArgumentError,
    InvalidExperimentError,
    JobManagerError,
    JobManagerInvalidStateError,
    JobManagerUnknownJobSet,
    NameInUseError,
    PlanError,
)
from qiskit_job_manager.manager import transpiler
from qiskit_job_manager.manager.group_member import Member
from qiskit_job_manager.manager.hand_over import refuse_other_settings
from qiskit_job_manager.manager.handed_experiments import END, HandedExperiments
from qiskit_job_manager.manager.pacing import Room
from qiskit_job_manager.manager.relocation import Relocation
from qiskit_job_manager.model.groups import (
    GroupDraft,
    GroupMember,
    GroupRecord,
    Place,
    labels_of,
)
from qiskit_job_manager.planning.placing import Load, next_backend, soonest
from qiskit_job_manager.views.close_names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from qiskit_job_manager.engine import Engine
    from qiskit_job_manager.manager.preparation import Preparation, Prepared, Wishes
    from qiskit_job_manager.model import ExperimentKind, Snapshot
    from qiskit_job_manager.ports import Clock, Store
    from qiskit_job_manager.stores.sql_store import SqlStore

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.05
_PORTIONS_AT_ONCE = 8  # so that few wait in vain for the disk
_FURTHEST = 4  # portions that are looked through to fill one
_PLACES = ("queue", "spread", "all")


def checked_place(place: object) -> Place:
    """Return how experiments are placed.

    Raises:
        InvalidArgumentError: It is none of the words, and cannot be called.
    """
    if callable(place):
        return Place.CHOSEN
    if place not in _PLACES:
        near = did_you_mean(place, _PLACES) if isinstance(place, str) else ""
        msg = (
            f"place is {place!r}; it is 'queue', 'spread', 'all', or a function of a circuit, its "
            f"index and the names of the backends{near}"
        )
        raise InvalidArgumentError(msg)
    return Place(str(place))


def refuse_what_is_for_one(if_exists: str, given: Mapping[str, object]) -> None:
    """Refuse arguments that have no meaning for several backends.

    Raises:
        InvalidArgumentError: One is given.
    """
    if if_exists == "extend":
        msg = (
            "if_exists is 'extend', and backend is a list: a run on several backends can be "
            "resumed, and not extended. Give the new circuits another name"
        )
        raise InvalidArgumentError(msg)
    for name, value in given.items():
        if value is not None:
            msg = f"{name} is given, and backend is a list: it is for a run on one backend"
            raise InvalidArgumentError(msg)


def refuse_place_on_one(place: object) -> None:
    """Refuse a way to place experiments on a single backend.

    Raises:
        InvalidArgumentError: There is one.
    """
    if place is not None:
        msg = (
            f"place is {place!r}, and backend is no list: it says how circuits are placed on "
            "several backends, which are given as a list"
        )
        raise InvalidArgumentError(msg)


def refuse_same_backends(given: Sequence[Any]) -> None:
    """Refuse an empty list of backends, and one that has a backend twice.

    Raises:
        InvalidArgumentError: It is one of these.
    """
    if not given:
        raise InvalidArgumentError("backend is an empty list; it names at least one backend")
    for number, one in enumerate(given):
        if any(one is other or (isinstance(one, str) and one == other) for other in given[:number]):
            msg = f"backend has {one!r} twice; each backend stands in the list once"
            raise InvalidArgumentError(msg)


class GroupRun:
    """One run on several backends.

    Args:
        store: Where to.
        engine: Sends what is stored; ``None``: it is only stored.
        clock: Tells the time.
        members: The backends.
        backends: The same, as the user gave them.
        place: How experiments are placed: a word, or a function of an experiment, its index and the
            backends.
    """

    def __init__(
        self,
        store: SqlStore,
        engine: Engine | None,
        clock: Clock,
        members: Sequence[Member],
        backends: Sequence[Any],
        place: str | Callable[..., Any],
    ) -> None:
        self._is_new = False
        self._store = store
        self._engine = engine
        self._clock = clock
        self._members = list(members)
        self._backends = list(backends)
        self._chooses = place
        self._place = checked_place(place)
        self._refusals: dict[int, list[str | None]] = {}
        self._choices: dict[int, int] = {}
        self._n_known = 0  # experiments that were stored or compared here
        self._rooms: dict[int, Room] = {}

    def run(
        self, experiments: Iterable[Any], name: str, if_exists: str, environment: Snapshot | None
    ) -> tuple[GroupRecord, Relocation]:
        """Place all experiments, and return the group, with what moves unsent ones.

        Args:
            experiments: The experiments. A list is checked as a whole before anything is stored.
            name: Name of the group.
            if_exists: What to do with a group that has the name: ``"error"`` or ``"resume"``.
            environment: What this process runs in, or ``None`` if that is not recorded.

        Raises:
            NameInUseError: The name is in use, or the group of that name runs something else.
            InvalidExperimentError: No backend can run one, or there are none at all.
            InvalidArgumentError: The function that places them returned no backend.
            JobManagerInvalidStateError: Only the user can decide about what the backends have left.
        """
        given = HandedExperiments(experiments)
        if given.length is not None:
            for index in range(given.length):
                self._able(given, index)
        self._store.ensure_original()
        group = self._begun_or_found(given, name, if_exists, environment)
        relocation = Relocation(self._store, self._clock, group.group_id, self._members, given)
        if self._engine:
            self._engine.start()
        try:
            self._place_all(given, group.group_id, relocation)
        except BaseException as error:
            self._keep_or_delete(group.group_id, error)
            raise
        return self._read(group.group_id), relocation

    # -- beginning --------------------------------------------------------------------------------

    def _begun_or_found(
        self, given: HandedExperiments, name: str, if_exists: str, environment: Snapshot | None
    ) -> GroupRecord:
        found = self._store.groups.named(name)
        if found is None:
            if given.at(0) is END:
                raise InvalidExperimentError("there are no experiments; hand over at least one")
            self._able(given, 0)
            try:
                self._begin(name, environment)
                self._is_new = True
            except NameInUseError:
                if if_exists != "resume" or self._store.groups.named(name) is None:
                    raise
            found = self._store.groups.named(name)
        elif if_exists != "resume":
            msg = (
                f"the name {name!r} is in use by a group, begun {found.created_at:%Y-%m-%d %H:%M} "
                f"UTC. Choose another name, or go on with that one: {ways.RESUME}"
            )
            raise NameInUseError(msg)
        if found is None:
            raise JobManagerUnknownJobSet(f"the group {name!r} was deleted meanwhile")
        self._compare(found)
        for member, stored in zip(self._members, found.members, strict=True):
            member.read(stored.job_set_id)
            refuse_other_settings(member.record, member.draft)
        return found

    def _begin(self, name: str, environment: Snapshot | None) -> None:
        members = (
            GroupMember(
                label=each.label,
                job_set_id=each.draft.job_set_id,
                backend_uri=each.draft.backend_uri,
            )
            for each in self._members
        )
        draft = GroupDraft(
            group_id=uuid.uuid4().hex,
            name=name,
            created_at=self._clock.now(),
            place=self._place,
            members=tuple(members),
        )
        self._store.begin_group(draft, [each.draft for each in self._members], environment)

    def _compare(self, group: GroupRecord) -> None:
        """Refuse to go on with a group that has other backends, or places in another way."""
        labels = [each.label for each in self._members]
        uris = self._uris_that_differ(group)
        for what, before, now in (
            ("backends", [each.label for each in group.members], labels),
            ("backends", [before for before, _ in uris], [now for _, now in uris]),
            ("place", group.place.value, self._place.value),
        ):
            if before != now:
                msg = (
                    f"the group {group.name!r} exists with other {what}: {before!r}, and not "
                    f"{now!r}. Choose another name, or ask for the same."
                )
                raise NameInUseError(msg)

    def _uris_that_differ(self, group: GroupRecord) -> list[tuple[str, str]]:
        """Return where other services have the names of before: they do not have the jobs."""
        known = {each.label: each.backend_uri for each in group.members}
        keeping = (each for each in self._members if not each.draft.volatile)
        pairs = ((known.get(each.label), each.draft.backend_uri) for each in keeping)
        return [(before, now) for before, now in pairs if before and now and before != now]

    def _keep_or_delete(self, group_id: str, error: BaseException) -> None:
        """Delete a new group of which nothing was placed; say of another that it stays."""
        with contextlib.suppress(JobManagerError):
            group = self._read(group_id)
            if group.n_experiments or not self._is_new:
                error.add_note(
                    f"{group.n_experiments} experiments of the group {group.name!r} are placed, "
                    f"and stay to be run. To go on from there, {ways.AGAIN}."
                )
                return
            self._store.groups.delete_empty(group)

    # -- placing ----------------------------------------------------------------------------------

    def _place_all(self, given: HandedExperiments, group_id: str, relocation: Relocation) -> None:
        for member in self._members if self._engine else ():
            member.drive()
        while True:
            group = self._read(group_id)
            placed = self._pass_over(given, group)
            if self._is_over(given, group, placed):
                return
            shares = self._shares(given, group, relocation)
            if shares:
                self._store_shares(given, group, shares)
            else:
                self._raise_if_stuck(self._able(given, placed), placed)
                time.sleep(_LOOK_EVERY_S)

    def _raise_if_stuck(self, able: Sequence[int], index: int) -> None:
        """Raise if members that can run an experiment will have no room, however long one waits."""
        members = [self._members[i] for i in able]
        for each in members:
            each.raise_if_broken()
        if all(each.backlog.waits_for_user for each in members):
            msg = (
                f"experiment {index} cannot be placed: all jobs that these backends still have are "
                f"in doubt, {', '.join(each.label for each in members)} may or may not have "
                f"accepted them. Decide for the job sets {[e.record.name for e in members]}: "
                f"{ways.RESUBMIT} sends the jobs again, {ways.ABANDON} gives them up"
            )
            raise JobManagerInvalidStateError(msg)

    def _is_over(self, given: HandedExperiments, group: GroupRecord, placed: int) -> bool:
        """Say whether nothing more is to be placed, as all is, or the group was cancelled."""
        is_all = given.at(placed) is END
        if group.complete and not is_all:
            msg = (
                f"the group {group.name!r} exists and runs other circuits: experiment {placed} is "
                "the first that differs; there was none then. Choose another name, or hand over "
                "the same circuits."
            )
            raise NameInUseError(msg)
        if group.cancelled and not is_all:
            words = "the group %r was cancelled: the experiments from %d on are not run"
            logger.warning(words, group.name, placed)
        elif is_all and not group.complete:
            self._store.groups.complete(group.key)
        return is_all or group.cancelled

    def _pass_over(self, given: HandedExperiments, group: GroupRecord) -> int:
        """Compare what others placed with what was handed over; return how many are placed."""
        if self._n_known < group.n_experiments:
            for each in self._members:
                each.reread()
            for placed in self._store.groups.placements(group.key, self._n_known):
                given.drop_before(placed.start)
                if placed.start < group.n_experiments:
                    where = (placed.first, placed.start, placed.size)
                    self._members[placed.member].compare(given.at, *where, END)
            self._n_known = group.n_experiments
        given.drop_before(group.n_experiments)
        for kept in (self._refusals, self._choices):
            for key in [key for key in kept if key < group.n_experiments]:
                del kept[key]
        return group.n_experiments

    # -- which go where ---------------------------------------------------------------------------

    def _shares(
        self, given: HandedExperiments, group: GroupRecord, relocation: Relocation
    ) -> dict[int, list[int]]:
        """Return the indices of the next experiments by member; none: no backend has room now."""
        start, n_members = group.n_experiments, len(self._members)
        if self._place is Place.QUEUE:
            return self._share_by_queue(given, start, relocation)
        most = min(self._portion(given, i) for i in range(n_members))
        shares: dict[int, list[int]] = {}
        on_all = self._place is Place.ALL
        for index in range(start, start + (most if on_all else most * n_members)):
            if not given.has(index):
                break
            able = self._able(given, index)
            for number in able if on_all else [self._one_of(able, given, index, shares, most)]:
                shares.setdefault(number, []).append(index)
        return shares

    def _one_of(
        self,
        able: list[int],
        given: HandedExperiments,
        index: int,
        shares: dict[int, list[int]],
        most: int,
    ) -> int:
        """Return the member for one experiment, as chosen by the user or in equal parts."""
        if self._place is Place.CHOSEN:
            return self._users_choice(given, index, able)
        filling = (i for i in able if 0 < len(shares.get(i, ())) < most)
        begun = next(filling, None)
        if begun is not None:
            return begun
        has = {i: self._members[i].record.n_experiments + len(shares.get(i, ())) for i in able}
        return min(able, key=lambda i: (has[i], i))

    def _share_by_queue(
        self, given: HandedExperiments, start: int, relocation: Relocation
    ) -> dict[int, list[int]]:
        """Return the next experiments of the backend that will have run them first.

        Those among them that it cannot run go to others.
        """
        totals = self._store.totals_of([each.record.key for each in self._members])
        for each in self._members:
            each.backlog.look(each.record, totals[each.record.key])
        if self._engine:
            relocation.tend()
        shares: dict[int, list[int]] = {}
        placed = start
        # The next experiment of a generator may take long.
        for _ in range(1 if given.length is None else _PORTIONS_AT_ONCE):
            if not given.has(placed):
                break
            left = start if given.length is None else given.length - placed
            able = self._able(given, placed)
            chosen = next_backend(self._loads(given, able, shares), max(left, 1))
            if chosen is None:
                break
            placed = self._fill(given, placed, chosen, shares)
        return shares

    def _fill(
        self, given: HandedExperiments, start: int, chosen: int, shares: dict[int, list[int]]
    ) -> int:
        """Add the next experiments to the share of a member, and return where they stop."""
        most, index, n_added = self._portion(given, chosen), start, 0
        while n_added < most and index < start + _FURTHEST * most:
            if not given.has(index):
                break
            able = self._able(given, index)
            number: int | None = chosen
            if chosen not in able:
                number = soonest(self._loads(given, able, shares))
            assert number is not None  # noqa: S101  # one is able
            shares.setdefault(number, []).append(index)
            n_added += number == chosen
            index += 1
        return index

    def _loads(
        self, given: HandedExperiments, able: list[int], shares: Mapping[int, list[int]]
    ) -> list[Load]:
        """Return what members have to do, with what they get in this look."""
        up = [i for i in able if not self._is_out(i)] or able
        sizes = {i: self._portion(given, i) for i in up}
        more = {i: len(shares.get(i, ())) for i in up}
        return [self._members[i].backlog.load(i, sizes[i], more[i]) for i in up]

    def _is_out(self, index: int) -> bool:
        backlog = self._members[index].backlog
        return backlog.only_fails or backlog.is_down

    def _portion(self, given: HandedExperiments, member: int) -> int:
        evenly = self._place is not Place.QUEUE
        return self._members[member].portion(given.length, len(self._members), evenly=evenly)

    def _users_choice(self, given: HandedExperiments, index: int, able: list[int]) -> int:
        if index not in self._choices:
            self._choices[index] = self._asked(given.at(index), index)
        chosen = self._choices[index]
        if chosen not in able:
            label, why = self._members[chosen].label, self._refusals[index][chosen]
            msg = f"place chose {label!r} for experiment {index}, which it cannot run: {why}"
            raise InvalidExperimentError(msg)
        return chosen

    def _asked(self, experiment: Any, index: int) -> int:
        """Ask the user's function which member runs an experiment; it is asked once."""
        labels = [each.label for each in self._members]
        assert callable(self._chooses)  # noqa: S101  # else it is a word
        said = self._chooses(experiment, index, list(self._backends))
        for number, (backend, label) in enumerate(zip(self._backends, labels, strict=True)):
            if said is backend or (isinstance(said, str) and said == label):
                return number
        is_index = hasattr(said, "__index__") and not isinstance(said, bool)
        if not is_index or not 0 <= int(said) < len(labels):
            msg = (
                f"place returned {said!r} for experiment {index}; it returns one of the backends "
                f"that it is given, its index, or one of the names {labels}"
            )
            raise InvalidArgumentError(msg)
        return int(said)

    def _store_shares(
        self, given: HandedExperiments, group: GroupRecord, shares: dict[int, list[int]]
    ) -> None:
        """Store experiments in the job sets of their members, all of them or none."""
        try:
            parts = {i: self._members[i].placed(each, given.at, i) for i, each in shares.items()}
        except (InvalidExperimentError, PlanError):
            if not self._refused_late(given, shares):
                raise
            return
        stop = 1 + max(each[-1] for each in shares.values())
        if not self._store.groups.place(group, stop, list(parts.values()), self._clock.now()):
            for number in shares:  # another process placed these, or the group was cancelled
                self._members[number].reread()
            return
        self._n_known = stop
        for number, part in parts.items():
            member = self._members[number]
            member.note_stored(part.blocks)
            if self._engine and given.length is None and self._place is not Place.QUEUE:
                new = Room(self._store, self._engine, member.record)
                self._rooms.setdefault(number, new).wait_for(part.blocks)

    def _refused_late(self, given: HandedExperiments, shares: Mapping[int, list[int]]) -> bool:
        """Say whether members have refused experiments that seemed to be able to run."""
        found = [self._members[i].refuses_late(each, given.at) for i, each in shares.items()]
        for index in chain.from_iterable(shares.values()):
            self._refusals.pop(index, None)  # it is asked for again
        return any(found)

    # -- what can run where -----------------------------------------------------------------------

    def _able(self, given: HandedExperiments, index: int) -> list[int]:
        """Return the members that can run an experiment.

        Raises:
            InvalidExperimentError: None can, or not each one where each must.
        """
        if index not in self._refusals:
            experiment = given.at(index)
            said = [each.refusal(experiment, index) for each in self._members]
            needed = all if self._place is not Place.ALL else any
            if needed(said):
                name = getattr(getattr(experiment, "circuit", experiment), "name", "")
                why = "; ".join(
                    f"{member.label}: {each}"
                    for member, each in zip(self._members, said, strict=True)
                    if each is not None
                )
                whom = "no backend" if self._place is not Place.ALL else "not every backend"
                msg = f"{whom} can run experiment {index} ({name!r}): {why}"
                raise InvalidExperimentError(msg)
            self._refusals[index] = said
        return [i for i, why in enumerate(self._refusals[index]) if why is None]

    def _read(self, group_id: str) -> GroupRecord:
        found = self._store.groups.group(group_id)
        if found is None:
            raise JobManagerUnknownJobSet("the group was deleted meanwhile")
        return found


def members_of(
    takes: ExperimentKind,
    given: Sequence[Any],
    preparation: Preparation,
    wishes: Wishes,
    store: Store,
    engine: Engine | None,
    clock: Clock,
) -> list[Member]:
    """Return the members of a group, one for each backend.

    Raises:
        InvalidArgumentError: An argument cannot be used on one of them, or two are the same
            backend, or they take other kinds of experiments.
    """
    refuse_same_backends(given)
    prepared = []
    for one in given:
        try:
            # The experiments of a backend are not known, so that the time of each is estimated.
            each = preparation.prepared((), takes, one, wishes, clock.now(), estimates_times=True)
            with transpiler.opened(each.backend, each.draft.transpile, (), show=False):
                pass  # it refuses what it cannot transpile for
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{_said(one)}: {error.message}") from error
        prepared.append(each)
    _refuse_unlike(prepared)
    labels = labels_of(each.backend.name for each in prepared)
    named = (
        each._replace(draft=replace(each.draft, name=f"{each.draft.name}/{label}"))
        for label, each in zip(labels, prepared, strict=True)
    )
    where = (store, engine, clock)
    return [Member(label, each, *where) for label, each in zip(labels, named, strict=True)]


def _said(backend: Any) -> str:
    """Return what a backend that the user gave is called."""
    name = backend if isinstance(backend, str) else getattr(backend, "name", None)
    return repr(name) if isinstance(name, str) else type(backend).__name__


def _refuse_unlike(prepared: Sequence[Prepared]) -> None:
    uris = [each.backend.uri for each in prepared]
    for number, uri in enumerate(uris):
        if uri is not None and uri in uris[:number]:
            msg = f"backend has {uri!r} twice; each backend stands in the list once"
            raise InvalidArgumentError(msg)
    kinds = {each.backend.takes for each in prepared}
    if len(kinds) > 1:
        said = ", ".join(f"{each.backend.name} takes a {each.backend.takes}" for each in prepared)
        msg = f"the backends of one run take the same kind of experiments, and here {said}"
        raise InvalidArgumentError(msg)
