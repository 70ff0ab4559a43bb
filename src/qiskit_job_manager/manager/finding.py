"""Finds job sets and groups of a store by what users call them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_job_manager import ways
from qiskit_job_manager.errors import JobManagerUnknownJobSet, NameInUseError
from qiskit_job_manager.manager import partial_deletes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.model.groups import GroupRecord
    from qiskit_job_manager.stores.sql_store import SqlStore

_PAGE = 200


def all_records(store: SqlStore) -> Iterator[JobSetRecord]:
    """Yield the job sets of a store, newest first; each page is read when it is needed."""
    last = None
    while page := store.job_sets(before=last, limit=_PAGE):
        yield from page
        last = page[-1]


def found(store: SqlStore, reference: str) -> JobSetRecord | None:
    """Return the job set with an id, a name, or a prefix of its id, or ``None``.

    Raises:
        JobManagerUnknownJobSet: Several have ids with this prefix.
    """
    named = store.job_set(reference) or store.job_set_named(reference)
    if named is None and len(reference) >= partial_deletes.SHORTEST_PREFIX:
        return _by_prefix(store, reference)
    return named


def why_not_found(store: SqlStore, reference: str) -> str:
    """Return why no job set is found by what a user calls it."""
    group = _group_called(store, reference)
    if group is None:
        return partial_deletes.why_unknown(store, reference)
    sets = (store.job_set(each.job_set_id) for each in group.members)
    names = ", ".join(repr(each.name) for each in sets if each is not None)
    return (
        f"{reference!r} is a group, which has a job set for each backend: "
        f"{names or 'all deleted'}. Name one of them; {ways.FIND_GROUP.of(reference)} is about all"
    )


def found_group(store: SqlStore, reference: str) -> GroupRecord:
    """Return the group with a name or an id.

    Raises:
        JobManagerUnknownJobSet: There is none.
    """
    named = _group_called(store, reference)
    if named is None:
        msg = f"there is no group with the name or the id {reference!r}"
        raise JobManagerUnknownJobSet(msg)
    return named


def is_free(store: SqlStore, name: str) -> bool:
    """Say whether no job set has a name.

    Raises:
        NameInUseError: A group has it.
    """
    if store.job_set_named(name) is not None:
        return False
    if store.groups.named(name) is not None:
        msg = (
            f"the name {name!r} is in use by a run on several backends. Choose another name, or "
            "give the same backends to go on with that one"
        )
        raise NameInUseError(msg)
    return True


def _group_called(store: SqlStore, reference: str) -> GroupRecord | None:
    return store.groups.named(reference) or store.groups.group(reference)


def _by_prefix(store: SqlStore, prefix: str) -> JobSetRecord | None:
    several = store.job_sets_by_prefix(prefix.lower(), limit=2)
    if len(several) > 1:
        msg = f"several job sets have ids that begin with {prefix!r}; give more of the id"
        raise JobManagerUnknownJobSet(msg)
    return several[0] if several else None
