"""Groups: the experiments of one run, placed on several backends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class Place(StrEnum):
    """How the experiments of a group are placed on its backends."""

    QUEUE = "queue"
    SPREAD = "spread"
    ALL = "all"
    CHOSEN = "chosen"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    """One backend of a group, with the job set that runs what is placed on it.

    Attributes:
        label: Its name in the group: that of the backend, numbered where several have one name.
        job_set_id: Id of its job set.
        backend_uri: How to open the backend again, or ``None`` when that is not known.
    """

    label: str
    job_set_id: str
    backend_uri: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDraft:
    """What one run on several backends asked for.

    Attributes:
        group_id: 32 hexadecimal digits.
        name: Name, unique among the groups of the store.
        created_at: When it was asked for, in UTC.
        place: How experiments are placed.
        members: The backends, in the order in which they were given.
    """

    group_id: str
    name: str
    created_at: datetime
    place: Place
    members: tuple[GroupMember, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRecord(GroupDraft):
    """A group as the store keeps it.

    Attributes:
        key: The store's own number of the group.
        n_experiments: Experiments that are placed; always the first ones of those handed over.
        complete: Whether all experiments are placed.
        cancelled: Whether the user cancelled the group, so that nothing more is placed.
    """

    key: int
    n_experiments: int
    complete: bool
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Placement:
    """Consecutive experiments of a group that one job set has.

    Attributes:
        member: Index of the member in the group.
        first: Index in the job set of the first of them.
        start: Index in the group of the first of them.
        size: How many they are.
    """

    member: int
    first: int
    start: int
    size: int

    @property
    def stop(self) -> int:
        """Index in the group after the last of them."""
        return self.start + self.size

    def part(self, first: int, stop: int) -> Placement:
        """Return those between two indices in the job set."""
        first, stop = max(first, self.first), min(stop, self.first + self.size)
        return Placement(self.member, first, self.start + first - self.first, stop - first)


def runs_of(indices: Iterable[int], member: int, first: int) -> list[Placement]:
    """Return experiments of a group as placements on a member, each of consecutive ones.

    Args:
        indices: Their indices in the group, in order.
        member: The member.
        first: Index in its job set of the first of them.
    """
    found: list[Placement] = []
    for index in indices:
        if found and found[-1].stop == index:
            found[-1] = replace(found[-1], size=found[-1].size + 1)
        else:
            found.append(Placement(member, first, index, 1))
        first += 1
    return found


def remainders(whole: Placement, part: Placement) -> list[Placement]:
    """Return what is left of a placement without a part of it."""
    before = whole.part(whole.first, part.first)
    after = whole.part(part.first + part.size, whole.first + whole.size)
    return [each for each in (before, after) if each.size > 0]


def labels_of(names: Iterable[str]) -> list[str]:
    """Return a label for each name of a backend; equal names are numbered from the second on."""
    labels: list[str] = []
    for name in names:
        label, number = name, 1
        while label in labels:
            number += 1
            label = f"{name}-{number}"
        labels.append(label)
    return labels
