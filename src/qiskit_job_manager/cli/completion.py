"""What the shell offers for the name of a job set; it opens the store and imports no Qiskit."""

# No `from __future__ import annotations` where Typer reads annotations: they are values there.
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from qiskit_job_manager.errors import JobManagerError

if TYPE_CHECKING:
    from qiskit_job_manager.model import JobSetRecord

_OFFERED = 200

# Shells put what is offered on the command line as it is: a name that a shell would obey or split
# must not get there, and its set is offered by its id.
_HARMLESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,+@%/-]{0,99}")


def complete_job_set(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names, or ids, of the newest job sets that begin with what was typed."""
    # The shell has no place for an error: where the store cannot be read, nothing is offered.
    with suppress(JobManagerError, OSError):
        words = map(_word, _newest(_store_of(ctx)))
        return [word for word in words if word.startswith(incomplete)]
    return []


def _store_of(ctx: typer.Context) -> str | None:
    # The group's own callback does not run while the shell asks.
    store: str | None = ctx.find_root().params.get("store")
    return store


def _newest(location: str | None) -> "list[JobSetRecord]":
    from qiskit_job_manager import stores

    if not stores.store_exists(location):
        return []
    store = stores.open_store(location)
    try:
        return store.job_sets(limit=_OFFERED)
    finally:
        store.close()


def _word(record: "JobSetRecord") -> str:
    return record.name if _HARMLESS.fullmatch(record.name) else record.job_set_id
