"""Completion of job sets by the shell. Opens the store and does not import Qiskit."""

import re
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from qiskit_job_manager.errors import JobManagerError

if TYPE_CHECKING:
    from qiskit_job_manager.model import JobSetRecord

_OFFERED = 200

# A shell inserts an offered word as it is. A name that the shell would execute or split is replaced
# by the id of its job set.
_HARMLESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,+@%/-]{0,99}")


def complete_job_set(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return names (or ids) of the newest job sets that begin with the typed text."""
    # A shell cannot show an error: if the store cannot be read, nothing is offered.
    with suppress(JobManagerError, OSError):
        words = map(_word, _newest(_store_of(ctx)))
        return [word for word in words if word.startswith(incomplete)]
    return []


def _store_of(ctx: typer.Context) -> str | None:
    # The callback of the group does not run during completion.
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
