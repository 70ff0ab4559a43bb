"""Job sets come in, are renamed, and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, false, insert, select, update

from qiskit_job_manager.errors import NameInUseError, StoreError
from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import schema
from qiskit_job_manager.stores.failures import ConstraintError
from qiskit_job_manager.stores.part import Part, must_hit
from qiskit_job_manager.stores.rows import (
    JOB_SET_COLUMNS,
    blob_values,
    job_set_from,
    job_set_values,
    tags_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit_job_manager.model import Blob, Block, EncodedExperiment, JobSetDraft, JobSetRecord

_SETS = schema.job_set


class HandingOver(Part):
    """The side of the store that job sets enter by; see `ports.Store`."""

    def create_job_set(self, draft: JobSetDraft) -> JobSetRecord:
        """Begin a job set, without experiments and not complete."""
        try:
            with self._database.writing() as connection:
                row = connection.execute(
                    insert(_SETS).values(job_set_values(draft)).returning(*JOB_SET_COLUMNS)
                ).one()
                return job_set_from(row)
        except ConstraintError as error:
            raise self._name_in_use(draft.name) or error from error

    def add_block(
        self,
        job_set_key: int,
        block: Block,
        experiments: Sequence[EncodedExperiment],
        payload: Blob,
    ) -> None:
        """Append a block: its experiments, its jobs (planned) and their payload."""
        if len(experiments) != block.stop - block.start or not block.jobs:
            raise StoreError(
                f"A block of experiments {block.start} to {block.stop} with {len(block.jobs)} jobs "
                f"came with {len(experiments)} experiments."
            )
        with self._database.writing() as connection:
            row = _SETS.c
            landed = connection.execute(
                update(_SETS)
                .where(
                    row.key == job_set_key,
                    row.complete == false(),
                    row.n_experiments == block.start,
                    row.n_jobs == block.jobs[0].index,
                )
                .values(n_experiments=block.stop, n_jobs=row.n_jobs + len(block.jobs))
            )
            must_hit(
                landed, job_set_key, "it was deleted or is complete, or the block is not its next"
            )
            place = {"job_set": job_set_key, "start": block.start}
            connection.execute(insert(schema.payload), {**place, **blob_values(payload)})
            connection.execute(
                insert(schema.experiment), _experiments(job_set_key, block.start, experiments)
            )
            connection.execute(insert(schema.job), _jobs(job_set_key, block))

    def complete_job_set(self, job_set_key: int) -> None:
        """Say that all experiments were handed over."""
        self._change(job_set_key, complete=True)

    def delete_job_set(self, job_set_key: int) -> None:
        """Remove a job set and all that belongs to it; harmless when it is gone."""
        with self._database.writing() as connection:
            connection.execute(delete(_SETS).where(_SETS.c.key == job_set_key))

    def rename(self, job_set_key: int, name: str) -> None:
        """Give a job set another name."""
        try:
            self._change(job_set_key, name=name)
        except ConstraintError as error:
            raise self._name_in_use(name) or error from error

    def set_tags(self, job_set_key: int, tags: Sequence[str]) -> None:
        """Replace the user's tags of a job set."""
        self._change(job_set_key, tags=tags_text(tags))

    def _change(self, job_set_key: int, **values: Any) -> None:
        with self._database.writing() as connection:
            landed = connection.execute(
                update(_SETS).where(_SETS.c.key == job_set_key).values(**values)
            )
            must_hit(landed, job_set_key)

    def _name_in_use(self, name: str) -> NameInUseError | None:
        with self._database.reading() as connection:
            found = connection.scalar(select(_SETS.c.job_set_id).where(_SETS.c.name == name))
        if found is None:
            return None
        return NameInUseError(
            f"The job set {found} has the name {name!r} already: choose another name, or delete or "
            "rename that one."
        )


def _experiments(
    job_set_key: int, start: int, experiments: Sequence[EncodedExperiment]
) -> list[dict[str, Any]]:
    return [
        {
            "job_set": job_set_key,
            "position": index,
            "name": experiment.name,
            "content_hash": experiment.content_hash,
        }
        for index, experiment in enumerate(experiments, start)
    ]


def _jobs(job_set_key: int, block: Block) -> list[dict[str, Any]]:
    return [
        {
            "job_set": job_set_key,
            "position": job.index,
            "start": block.start,
            "stop": block.stop,
            "shots": job.shots,
            "share": job.share,
            "shares": job.shares,
            "state": JobState.PLANNED,
            "attempts": 0,
            "has_result": False,
            "cancel_requested": False,
        }
        for job in block.jobs
    ]
