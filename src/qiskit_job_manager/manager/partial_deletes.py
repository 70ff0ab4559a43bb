"""Job sets whose deletion was cut off: which they are, and the message for a look-up of one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qiskit_job_manager import ways
from qiskit_job_manager.views.close_names import did_you_mean
from qiskit_job_manager.views.escape import shortened

if TYPE_CHECKING:
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import Store

_NAMES_COMPARED = 2000
_SHOWN = 200
_HOW_GIVEN = (
    f": it is given by its id, the beginning of its id, or its name; {ways.JOB_SETS} lists them"
)
SHORTEST_PREFIX = 4
"""Characters that a prefix of an id has at least."""


def half_deleted(store: Store, reference: str | None) -> list[JobSetRecord]:
    """Return the sets that are half deleted: all, or those with this id, prefix of it, or name."""
    left = store.half_deleted()
    return left if reference is None else [each for each in left if _is_meant(each, reference)]


_OLD_ID = re.compile(r"(ibmq_jobset_)?[0-9a-f]{32}-\d+_?")


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
