"""Reads single experiments out of stored results, and keeps the latest results open."""

from __future__ import annotations

import threading
from bisect import bisect_right, insort
from collections import OrderedDict
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

from qiskit_job_manager import merging, ways
from qiskit_job_manager.errors import (
    CodecError,
    JobManagerUnknownJobSet,
    ManagedResultDataNotAvailable,
    StoreCorruptError,
)
from qiskit_job_manager.model import ExperimentKind, JobRecord, JobState
from qiskit_job_manager.results.lookup import Experiments, jobs_of
from qiskit_job_manager.views.escape import escape_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from qiskit.primitives import PubResult

    from qiskit_job_manager.codec.results import ResultReader
    from qiskit_job_manager.model import JobSetRecord
    from qiskit_job_manager.ports import Store

_JOBS_KEPT = 10_000
_READ_AHEAD = 100
_BYTES_KEPT = 32 * 1024 * 1024

_NOT_YET = {
    JobState.PLANNED: "has not been sent yet",
    JobState.SUBMITTING: "is being sent",
    JobState.ACTIVE: "has not ended yet",
    JobState.COLLECTING: "has ended and its result is being fetched",
}


class HasResults(Protocol):
    """A job set, as far as its results need it."""

    def _result_source(self, *, as_it_is_now: bool) -> ResultSource:
        """Return the reader of single experiments."""


class ResultSource:
    """Reads experiments of one job set. Safe to use from several threads.

    Args:
        store: Where the job set is.
        record: The job set.

    Attributes:
        experiments: Finds them by name and by content.
    """

    def __init__(self, store: Store, record: JobSetRecord) -> None:
        self.store = store
        self.record = record
        self.experiments = Experiments(store, record)
        self._readers: OrderedDict[tuple[int, int], tuple[ResultReader, int]] = OrderedDict()
        self._bytes = 0
        self._done = _DoneJobs()
        self._all_done: list[JobRecord] = []
        self._lock = threading.Lock()

    def experiment(self, index: int, *, partial: bool) -> Any:
        """Return one experiment's `qiskit.result.ExperimentResult`, its shares merged.

        Args:
            index: Index of the experiment.
            partial: Whether what a failed job did return may be read.

        Raises:
            ManagedResultDataNotAvailable: There is no result of it; the message says why.
        """
        jobs = self._readable(index, partial=partial)
        if len(jobs) > 1 and self._is_pub(jobs[0]):
            return _as_experiment(self.pub(index, partial=partial), index)
        parts = [self._part(job, index) for job in jobs]
        return self._with_sizes(parts[0] if len(parts) == 1 else _merged(parts), index)

    def pub(self, index: int, *, partial: bool) -> PubResult:
        """Return one experiment's `qiskit.primitives.PubResult`, its shares merged.

        Args:
            index: Index of the experiment.
            partial: Whether what a failed job did return may be read.

        Raises:
            ManagedResultDataNotAvailable: There is no result of it, or no primitive ran it; the
                message says why.
            MergeError: Its shares do not fit together.
        """
        from qiskit_job_manager.results import pub_results

        jobs = self._readable(index, partial=partial)
        parts = [self._pub_part(job, index) for job in jobs]
        return pub_results.merged(parts, [job.shots or 0 for job in jobs])

    def is_pub(self, index: int, *, partial: bool) -> bool:
        """Return whether a primitive ran an experiment.

        Raises:
            ManagedResultDataNotAvailable: There is no result of it; the message says why.
        """
        return self._is_pub(self._readable(index, partial=partial)[0])

    @property
    def kind(self) -> ExperimentKind:
        """What the experiments are, by the form in which they were stored."""
        return self.experiments.kind

    def must_be_there(self) -> None:
        """Check that all that was read was there: the job set was not deleted until now.

        Raises:
            JobManagerUnknownJobSet: It was.
        """
        found = self.store.job_set(self.record.job_set_id)
        if found is None or found.key != self.record.key:
            msg = f"job set {self.record.name!r} ({self.record.job_set_id}) was deleted meanwhile"
            raise JobManagerUnknownJobSet(msg)

    def read_ahead(self) -> None:
        """Read at once what is needed to read all experiments of a small job set."""
        jobs = self.store.jobs(self.record.key, limit=_READ_AHEAD + 1)
        _ = self.kind
        if len(jobs) <= _READ_AHEAD and all(job.state is JobState.DONE for job in jobs):
            self._all_done = jobs
            for _, block in groupby(jobs, key=lambda job: job.start):
                self._done.keep(list(block))

    def _all_jobs(self) -> list[JobRecord]:
        return self._all_done or self.store.jobs(self.record.key)

    def metadata(self, *, partial: bool) -> Iterator[Mapping[str, Any]]:
        """Yield the metadata of each stored result of a primitive, job by job.

        Args:
            partial: Whether what a failed job did return may be read.

        Raises:
            ManagedResultDataNotAvailable: One cannot be read; the message says why.
        """
        for job in self._all_jobs():
            if _is_readable(job, partial=partial) and self._is_pub(job):
                reader: Any = self.reader(job)
                yield _decoded(reader.metadata, job)

    def envelopes(self, *, partial: bool) -> Iterator[Mapping[str, Any]]:
        """Yield the fields of each stored `qiskit.result.Result` without its experiments.

        Args:
            partial: Whether what a failed job did return may be read.

        Raises:
            ManagedResultDataNotAvailable: One cannot be read; the message says why.
        """
        for job in self._all_jobs():
            if _is_readable(job, partial=partial):
                read = getattr(self.reader(job), "envelope", None)
                if read is not None:
                    yield _decoded(read, job)

    def readout(self, index: int, *, partial: bool) -> Any:
        """Return one experiment with at least what `qiskit.result.Result.get_counts` looks at.

        Raises:
            ManagedResultDataNotAvailable: There is no result of it; the message says why.
        """
        jobs = self._readable(index, partial=partial)
        if len(jobs) > 1:
            return self.experiment(index, partial=partial)
        try:
            found = self.reader(jobs[0]).readout(index - jobs[0].start)
        except CodecError as error:
            raise ManagedResultDataNotAvailable(_unreadable(index, error)) from error
        return self._with_sizes(found or self._part(jobs[0], index), index)

    def counts(self, index: int) -> dict[str, int] | None:
        """Return the counts of a finished experiment by hexadecimal outcome, without Qiskit.

        Raises:
            ManagedResultDataNotAvailable: There is no result of it; the message says why.
        """
        jobs = self._readable(index, partial=False)
        try:
            parts = [self.reader(job).counts(index - job.start) for job in jobs]
        except CodecError as error:
            raise ManagedResultDataNotAvailable(_unreadable(index, error)) from error
        known = [part for part in parts if part is not None]
        return merging.merge_counts(known) if known else None

    def reader(self, job: JobRecord) -> ResultReader:
        """Return the reader of a job's stored result.

        Raises:
            ManagedResultDataNotAvailable: There is none, or it cannot be read.
        """
        attempt = (job.key, job.attempts)  # a job that is tried again has another result
        with self._lock:
            if attempt in self._readers:
                self._readers.move_to_end(attempt)
                return self._readers[attempt][0]
        return self._keep(attempt, *self._open(job))

    def _open(self, job: JobRecord) -> tuple[ResultReader, int]:
        from qiskit_job_manager.codec.results import open_result

        try:
            blob = self.store.result(job.key)
            if blob is not None:
                return open_result(blob), len(blob.data)
        except (CodecError, StoreCorruptError) as error:
            msg = f"the stored result of job {job.index} cannot be read: {error}"
            raise ManagedResultDataNotAvailable(msg) from error
        msg = f"no result of job {job.index} is stored"
        raise ManagedResultDataNotAvailable(msg)

    def _keep(self, attempt: tuple[int, int], reader: ResultReader, size: int) -> ResultReader:
        with self._lock:
            self._bytes += size - self._readers.pop(attempt, (reader, 0))[1]
            self._readers[attempt] = (reader, size)
            while self._bytes > _BYTES_KEPT and len(self._readers) > 1:
                self._bytes -= self._readers.popitem(last=False)[1][1]
        return reader

    def _jobs(self, index: int) -> list[JobRecord]:
        jobs = self._done.covering(index) or jobs_of(self.store, self.record, index)
        self._done.keep(jobs)
        return jobs

    def _readable(self, index: int, *, partial: bool) -> list[JobRecord]:
        """Return the jobs of an experiment whose results may be read, one a share."""
        jobs = self._jobs(index)
        readable = [job for job in jobs if _is_readable(job, partial=partial)]
        if not readable or (len(readable) < len(jobs) and not partial):
            missing = next(job for job in jobs if job not in readable)
            raise ManagedResultDataNotAvailable(_why_not(index, missing))
        return readable

    def _with_sizes(self, found: Any, index: int) -> Any:
        """Complete a header that has no sizes of the registers, from the circuit that was sent.

        Some providers leave them out. Qiskit then reads the outcome 0x0 of two bits as '0', and
        bits of two registers as those of one.
        """
        header = getattr(found, "header", None) or {}
        if not isinstance(header, dict) or {"memory_slots", "creg_sizes"} <= header.keys():
            return found
        if self.kind is not ExperimentKind.CIRCUIT:
            return found
        circuit = self.experiments.circuit(index)
        if _are_outcomes_of(circuit, found):
            sizes = [[register.name, register.size] for register in circuit.cregs]
            own = {"memory_slots": circuit.num_clbits, "creg_sizes": sizes}
            found.header = {**own, **header}
        return found

    def _is_pub(self, job: JobRecord) -> bool:
        from qiskit_job_manager.codec.primitive_reading import PrimitiveReader

        return isinstance(self.reader(job), PrimitiveReader)

    def _pub_part(self, job: JobRecord, index: int) -> PubResult:
        from qiskit_job_manager.codec.primitive_reading import PrimitiveReader

        reader = self.reader(job)
        if not isinstance(reader, PrimitiveReader):
            msg = (
                f"experiment {index} was run by backend.run of {self.record.backend_name}, not by "
                "a primitive: it has no PubResult; get_counts, get_memory and data read it"
            )
            raise ManagedResultDataNotAvailable(msg)
        try:
            return reader.pub_result(index - job.start)
        except CodecError as error:
            raise ManagedResultDataNotAvailable(_unreadable(index, error)) from error

    def _part(self, job: JobRecord, index: int) -> Any:
        try:
            return self.reader(job).experiment_result(index - job.start)
        except CodecError as error:
            raise ManagedResultDataNotAvailable(_unreadable(index, error)) from error


def source_of(job_set: HasResults, *, as_it_is_now: bool = True) -> ResultSource:
    """Return the reader of a job set's experiments, with its store and its record.

    For the packages of this library that show or export what a job set has no method for.

    Args:
        job_set: A `ManagedJobSet`.
        as_it_is_now: Whether to read the record again, though the job set is complete: its name
            and its tags may have changed.

    Raises:
        JobManagerUnknownJobSet: It was deleted.
    """
    return job_set._result_source(as_it_is_now=as_it_is_now)


class _DoneJobs:
    """Keeps which jobs cover which experiments, once they are done and cannot change."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._jobs: dict[int, list[JobRecord]] = {}
        self._lock = threading.Lock()

    def covering(self, index: int) -> list[JobRecord] | None:
        """Return the jobs of an experiment, or ``None`` if they are not kept."""
        with self._lock:
            place = bisect_right(self._starts, index)
            jobs = self._jobs[self._starts[place - 1]] if place else None
        return jobs if jobs is not None and index < jobs[0].stop else None

    def keep(self, jobs: list[JobRecord]) -> None:
        """Keep the jobs of one block, if all of them are done."""
        start = jobs[0].start
        if start in self._jobs or any(job.state is not JobState.DONE for job in jobs):
            return
        with self._lock:
            if len(self._starts) >= _JOBS_KEPT:
                self._starts.clear()
                self._jobs.clear()
            if start not in self._jobs:
                insort(self._starts, start)
                self._jobs[start] = jobs


def span(job: JobRecord) -> str:
    """Return which experiments a job runs, in words."""
    one = job.stop - job.start == 1
    text = f"experiment {job.start}" if one else f"experiments {job.start}-{job.stop - 1}"
    return f"{text}, share {job.share + 1} of {job.shares}" if job.shares > 1 else text


def reason(job: JobRecord) -> str:
    """Return why a job has no result, in the backend's words, with control characters escaped."""
    return escape_lines(job.error) if job.error else "no reason was given"


def _is_readable(job: JobRecord, *, partial: bool) -> bool:
    return job.state is JobState.DONE or (partial and job.has_result and job.state.is_final)


def _merged(parts: list[Any]) -> Any:
    from qiskit.result.models import ExperimentResult

    return ExperimentResult.from_dict(merging.merge([part.to_dict() for part in parts]))


def _as_experiment(pub: PubResult, index: int) -> Any:
    from qiskit_job_manager.codec.primitive_reading import as_experiment, experiment_form

    try:
        return as_experiment(experiment_form(pub))
    except CodecError as error:
        raise ManagedResultDataNotAvailable(_unreadable(index, error)) from error


def _decoded(read: Callable[[], Mapping[str, Any]], job: JobRecord) -> Mapping[str, Any]:
    try:
        found = read()
    except CodecError as error:
        msg = f"the stored result of job {job.index} cannot be read: {error}"
        raise ManagedResultDataNotAvailable(msg) from error
    return found


def _are_outcomes_of(circuit: Any, found: Any) -> bool:
    """Say whether the outcomes have all the bits of a circuit, whose registers divide them all."""
    if sum(register.size for register in circuit.cregs) != circuit.num_clbits:
        return False
    data = getattr(found, "data", None)
    outcomes = getattr(data, "counts", None) or getattr(data, "memory", None) or ()
    texts = (str(each).replace(" ", "") for each in outcomes)
    return all(text.startswith("0x") or len(text) == circuit.num_clbits for text in texts)


def _unreadable(index: int, error: CodecError) -> str:
    return f"the stored result of experiment {index} cannot be read: {error}"


def _why_not(index: int, job: JobRecord) -> str:
    where = f"experiment {index} has no result: its job {job.index} ({span(job)})"
    if job.state in _NOT_YET:
        return f"{where} {_NOT_YET[job.state]}"
    if job.state is JobState.IN_DOUBT:
        return (
            f"{where} is in doubt: the backend may or may not have accepted it ({reason(job)}); "
            f"{ways.RESUBMIT} sends it again, {ways.ABANDON} gives it up"
        )
    hint = f"; {ways.PARTIAL} reads what it did return" if job.has_result else ""
    return f"{where} is {job.state}: {reason(job)}{hint}"
