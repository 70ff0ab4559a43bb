"""Finds job sets and groups of a store by what users call them, and says why one is not found.

A job set may be half deleted: its deletion goes on elsewhere, or was cut off.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qiskit_job_manager import ways
from qiskit_job_manager.errors import JobManagerUnknownJobSet
from qiskit_job_manager.stores.hand_over import NameOfGroupError
from qiskit_job_manager.views.close_names import did_you_mean
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.model.groups import GroupRecord
    from qiskit_job_manager.ports import Store
    from qiskit_job_manager.stores.sql_store import SqlStore

_PAGE = 200
_NAMES_COMPARED = 2000
_SHOWN = 200
_HOW_GIVEN = (
    f": it is given by its id, the beginning of its id, or its name; {ways.JOB_SETS} lists them"
)
_OLD_ID = re.compile(r"(ibmq_jobset_)?[0-9a-f]{32}-\d+_?")
SHORTEST_PREFIX = 4
"""Characters that a prefix of an id has at least."""


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
    if named is None and len(reference) >= SHORTEST_PREFIX:
        return _by_prefix(store, reference)
    return named


def why_not_found(store: SqlStore, reference: str) -> str:
    """Return why no job set is found by what a user calls it."""
    group = _group_called(store, reference)
    if group is None:
        return why_unknown(store, reference)
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
        raise NameOfGroupError(name)
    return True


def _group_called(store: SqlStore, reference: str) -> GroupRecord | None:
    return store.groups.named(reference) or store.groups.group(reference)


def _by_prefix(store: SqlStore, prefix: str) -> JobSetRecord | None:
    several = store.job_sets_by_prefix(prefix.lower(), limit=2)
    if len(several) > 1:
        msg = f"several job sets have ids that begin with {prefix!r}; give more of the id"
        raise JobManagerUnknownJobSet(msg)
    return several[0] if several else None


def half_deleted(store: Store, reference: str | None) -> list[JobSetRecord]:
    """Return the sets that are half deleted: all, or those with this id, prefix of it, or name."""
    left = store.half_deleted()
    return left if reference is None else [each for each in left if _is_meant(each, reference)]


def why_unknown(store: Store, reference: str) -> str:
    """Return why no job set is found by an id, a prefix of an id, or a name."""
    left = half_deleted(store, reference)
    if left:
        return (
            f"job set {left[0].name!r} ({left[0].job_set_id}) is half deleted, and nothing of it "
            "can be read: its deletion goes on elsewhere, or was cut off; "
            f"{ways.DELETE} removes what is left"
        )
    if _OLD_ID.fullmatch(reference):
        return (
            f"{reference!r} is an id of the retired IBMQJobManager. Its jobs were kept by the "
            "service that IBM has shut down, and nobody can retrieve them any more. Run the "
            "circuits again: 'fake:torino' rehearses that here, 'ibm:ibm_fez' runs them on IBM's "
            "present service"
        )
    names = (record.name for record in store.job_sets(limit=_NAMES_COMPARED))
    near = did_you_mean(reference, names)
    return (
        f"no job set {shortened(reference, _SHOWN)!r} in the store {store.url}{near or _HOW_GIVEN}"
    )


def _is_meant(record: JobSetRecord, reference: str) -> bool:
    is_prefix = len(reference) >= SHORTEST_PREFIX
    begins = record.job_set_id.startswith(reference.lower())
    return record.name == reference or (is_prefix and begins)
