"""What is known of where the numbers of an experiment come from, as plain JSON values.

A result that was taken over from another job set carries a mark of its origin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit_job_manager.engine.backend_calls import job_options
from qiskit_job_manager.errors import CodecError, ManagedResultDataNotAvailable, StoreCorruptError
from qiskit_job_manager.model import ObservationKind
from qiskit_job_manager.planning import SEED_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from qiskit_job_manager.model import AttemptRecord, JobRecord, JobSetRecord, Observation
    from qiskit_job_manager.ports import Store
    from qiskit_job_manager.results.source import ResultSource


class ProvenanceReader:
    """Reads what was seen of one job set; each snapshot is decoded once.

    Args:
        store: Where the job set is.
        record: The job set.
    """

    def __init__(self, store: Store, record: JobSetRecord) -> None:
        self._store = store
        self._record = record
        self._seen = store.observations(record.key)
        self._contents: dict[bytes, dict[str, Any]] = {}

    def job_set(self) -> dict[str, Any]:
        """Return what is known of the job set as a whole, see `ManagedJobSet.provenance`."""
        return {
            "job_set": about(self._record),
            "environments": [self.shown(each) for each in self.of(ObservationKind.ENVIRONMENT)],
            "calibrations": [self.shown(each) for each in self.of(ObservationKind.CALIBRATION)],
        }

    def jobs(self, jobs: Sequence[JobRecord]) -> list[dict[str, Any]]:
        """Return what is known of the jobs of an experiment, and of their attempts.

        A job whose results were taken over has neither: its experiments ran in another job set.
        """
        return [
            {
                "index": job.index,
                "share": job.share,
                "shares": job.shares,
                "state": job.state.value,
                "shots": job.shots,
                "reused": job.is_reused,
                "seeds": {} if job.is_reused else _seeds(job_options(self._record.options, job)),
                "attempts": []
                if job.is_reused
                else [self._attempt(each) for each in self._store.attempts(job.key)],
            }
            for job in jobs
        ]

    def _attempt(self, attempt: AttemptRecord) -> dict[str, Any]:
        figures = attempt.figures
        environments = self.of(ObservationKind.ENVIRONMENT)
        before = self.calibration_at(attempt.intended_at)
        after = self.calibration_after(attempt)
        return {
            "number": attempt.number,
            "remote_id": attempt.remote_id,
            "sent_at": attempt.intended_at.isoformat(),
            "accepted_at": _iso(attempt.accepted_at),
            "started_at": _iso(figures.started_at if figures else None),
            "ended_at": _iso((figures.ended_at if figures else None) or attempt.ended_at),
            "usage_s": figures and figures.usage_s,
            "session_id": figures and figures.session_id,
            "error": attempt.error,
            "environment": self.shown(_latest(environments, attempt.intended_at)),
            "calibration": self.shown(before),
            "calibration_at_end": self.shown(after),
        }

    def of(self, kind: ObservationKind) -> list[Observation]:
        """Return the observations of a kind, oldest first."""
        return [each for each in self._seen if each.kind is kind]

    def calibration_at(self, time: datetime) -> Observation | None:
        """Return the newest observation of the calibration before a time, or else the first one."""
        return _latest(self.of(ObservationKind.CALIBRATION), time)

    def calibration_after(self, attempt: AttemptRecord) -> Observation | None:
        """Return the first observation of the calibration that holds after an attempt's end.

        Where nothing was seen after it, that is the newest one; before the end there is none.
        """
        seen = self.of(ObservationKind.CALIBRATION)
        if attempt.ended_at is None or not seen:
            return None
        later = (each for each in seen if each.last_at >= _end_of(attempt, attempt.ended_at))
        return next(later, seen[-1])

    def shown(self, seen: Observation | None) -> dict[str, Any] | None:
        """Return an observation with its content.

        Raises:
            StoreCorruptError: The store does not have the snapshot that it names.
            ManagedResultDataNotAvailable: The snapshot is damaged.
        """
        if seen is None:
            return None
        times = {"seen_from": seen.first_at.isoformat(), "seen_until": seen.last_at.isoformat()}
        if seen.sha256 is None:
            return {**times, "missing": seen.note or "it could not be had"}
        return {**self.content(seen.sha256), **times, "sha256": seen.sha256.hex()}

    def content(self, sha256: bytes) -> dict[str, Any]:
        """Return what a snapshot holds.

        Raises:
            As `shown`.
        """
        from qiskit_job_manager.codec.snapshots import read_snapshot

        if sha256 not in self._contents:
            try:
                self._contents[sha256] = read_snapshot(self._store.snapshot(sha256))
            except CodecError as error:
                name = self._record.name
                msg = f"what job set {name!r} ran on cannot be read: {error}"
                raise ManagedResultDataNotAvailable(msg) from error
        return self._contents[sha256]


def provenance_of(source: ResultSource, index: int) -> dict[str, Any]:
    """Return what is known of an experiment; see `ManagedResults.provenance`."""
    store, record = source.store, source.record
    jobs = store.jobs_covering(record.key, index)
    found = store.experiment(record.key, index)
    name, content = (found.name, found.content_hash.hex()) if found else (None, None)
    return {
        "experiment": {"index": index, "name": name, "content_hash": content},
        "job_set": about(record),
        "reused_from": origin_of(source, index),
        "layout": _layout(source, index),
        "jobs": ProvenanceReader(store, record).jobs(jobs),
    }


def about(record: JobSetRecord) -> dict[str, Any]:
    """Return what a job set asked for."""
    return {
        "id": record.job_set_id,
        "name": record.name,
        "created_at": record.created_at.isoformat(),
        "backend_name": record.backend_name,
        "backend_uri": record.backend_uri,
        "options": dict(record.options),
        "transpile": None if record.transpile is None else dict(record.transpile),
        "tags": list(record.tags),
        "note": record.note,
    }


def _layout(source: ResultSource, index: int) -> dict[str, Any] | None:
    """Return where the transpiler put the qubits of a circuit; ``None``: it was not transpiled."""
    try:
        layout = source.experiments.circuit(index).layout
    except (CodecError, StoreCorruptError) as error:
        return {"missing": str(error)}
    if layout is None:
        return None
    return {
        "initial": layout.initial_index_layout(filter_ancillas=True),
        "final": layout.final_index_layout(filter_ancillas=True),
    }


def _seeds(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in SEED_OPTIONS if options.get(name) is not None}


def _latest(seen: Sequence[Observation], time: datetime) -> Observation | None:
    before = [each for each in seen if each.first_at <= time]
    return before[-1] if before else next(iter(seen), None)


def _end_of(attempt: AttemptRecord, stored_at: datetime) -> datetime:
    """Return when an attempt ended, by the backend if it says so."""
    told = attempt.figures.ended_at if attempt.figures else None
    return told or stored_at


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


# -- the mark of a result that was taken over ------------------------------------------------------

REUSED_FROM = "reused_from"
"""Key of the circuit's metadata in a result that was taken over: ``"JOB_SET_ID/INDEX"``."""


def origin_in(result: Any) -> str | None:
    """Return where a result comes from, by its mark, or ``None``.

    Args:
        result: An `ExperimentResult` or a `PubResult`.
    """
    header = getattr(result, "header", None)
    metadata = header.get("metadata") if isinstance(header, dict) else None
    if header is None and hasattr(result, "metadata"):
        metadata = result.metadata.get("circuit_metadata")
    origin = metadata.get(REUSED_FROM) if isinstance(metadata, dict) else None
    return origin if isinstance(origin, str) else None


def origin_of(source: ResultSource, index: int) -> str | None:
    """Return the job set and the experiment that ran for an experiment; ``None``: it ran itself.

    The mark counts only where the job was never sent: users may give circuits any metadata.
    """
    jobs = source.store.jobs_covering(source.record.key, index)
    if not jobs or not jobs[0].is_reused:
        return None
    read = source.pub if source.is_pub(index, partial=False) else source.experiment
    return origin_in(read(index, partial=False))
