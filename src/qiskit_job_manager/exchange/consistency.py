"""What must fit together across the parts of an export; a few bytes of each job are held."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import ArchiveError
from qiskit_job_manager.exchange.json_schema import wrong
from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from qiskit_job_manager.exchange.json_schema import JobSetSize, PayloadDescription
    from qiskit_job_manager.model import (
        EventRecord,
        ExperimentRecord,
        JobHistory,
        JobRecord,
        Observation,
        Snapshot,
        StoredResult,
    )


class ConsistencyCheck:
    """Checks the items of an export in the order of its parts: experiments, payloads, jobs, ...

    Payloads cut the experiments into blocks. The shots of a block are shared by one job or more.
    Each method raises `ArchiveError` where an item does not fit those before it.

    Args:
        size: How many experiments and jobs there must be.
    """

    def __init__(self, size: JobSetSize) -> None:
        self._n_experiments, self._n_jobs = size.n_experiments, size.n_jobs
        self._experiments = 0
        # For each block: its start, the shares that its jobs name, and how many jobs came.
        self._starts, self._shares, self._jobs = array("q"), array("q"), array("q")
        self._stop = 0
        # For each job: the attempts that may have results, the results, and whether it is done.
        self._attempts, self._results, self._done = array("q"), array("q"), array("b")
        self._latest_result_job = 0
        self._snapshots: set[bytes] = set()

    def experiment(self, experiment: ExperimentRecord) -> None:
        """Check the next experiment."""
        _must_be_next("experiment", self._experiments, experiment.index)
        self._experiments += 1

    def end_of_experiments(self) -> None:
        """Check that all experiments came."""
        _must_equal(self._experiments, self._n_experiments, "experiments")

    def payload(self, payload: PayloadDescription, n_items: int) -> None:
        """Check the next payload.

        Args:
            payload: Which experiments it is for.
            n_items: How many are in its bytes.
        """
        start, stop = payload.start, payload.stop
        if not start == self._stop < stop <= self._n_experiments:
            raise ArchiveError(
                f"a payload of experiments {start} to {stop - 1} comes after {self._stop} of "
                f"{self._n_experiments} experiments"
            )
        _must_equal(n_items, stop - start, f"experiments in the payload of experiment {start}")
        self._starts.append(start)
        self._shares.append(0)
        self._jobs.append(0)
        self._stop = stop

    def end_of_payloads(self) -> None:
        """Check that every experiment is in a payload."""
        _must_equal(self._stop, self._n_experiments, "experiments in the payloads")

    def job(self, history: JobHistory) -> None:
        """Check the next job."""
        job = history.job
        what = f"job {len(self._attempts)}"
        _must_be_next("job", len(self._attempts), job.index)
        self._add_to_block(job)
        n_experiments = job.stop - job.start
        if not all(offset < n_experiments for offset in job.failed_offsets):
            wanted = f"a list of whole numbers below {n_experiments}"
            raise wrong(what, "failed_offsets", job.failed_offsets, wanted)
        for number, attempt in enumerate(history.attempts, start=1):
            if attempt.number != number:
                raise wrong(what, f"an attempt {attempt.number} as its", number, "in order")
        if job.state is JobState.DONE and not job.has_result:
            raise ArchiveError(f"{what} is done and has no result")
        self._attempts.append(job.attempts if job.has_result else 0)
        self._results.append(0)
        self._done.append(job.state is JobState.DONE)

    def _add_to_block(self, job: JobRecord) -> None:
        number = bisect_right(self._starts, job.start) - 1
        last = number + 1 == len(self._starts)
        stop = self._stop if last else self._starts[number + 1]
        shares = self._shares[number] or job.shares
        fits = self._starts[number] == job.start and stop == job.stop
        if not (fits and job.share == self._jobs[number] < shares == job.shares):
            raise ArchiveError(
                f"job {job.index} is share {job.share + 1} of {job.shares} of the experiments "
                f"{job.start} to {job.stop - 1}, which does not fit the others"
            )
        self._shares[number] = job.shares
        self._jobs[number] += 1

    def end_of_jobs(self) -> None:
        """Check that all jobs came, and that they run every share of every block."""
        _must_equal(len(self._attempts), self._n_jobs, "jobs")
        for start, shares, jobs in zip(self._starts, self._shares, self._jobs, strict=True):
            if not jobs or jobs != shares:
                raise ArchiveError(f"not every job that runs experiment {start} is there")

    def result(self, result: StoredResult) -> None:
        """Check the next result."""
        job = result.job_index
        if job >= len(self._attempts) or not 1 <= result.attempt <= self._attempts[job]:
            raise ArchiveError(f"a result of attempt {result.attempt} of job {job} has no place")
        if job < self._latest_result_job:
            wanted = f"at least {self._latest_result_job}: results stand in the order of their jobs"
            raise wrong("a result", "job", job, wanted)
        self._latest_result_job = job
        self._results[job] += 1

    def is_done(self, job: int) -> bool:
        """Return whether a job is done, and so has a result that can be decoded."""
        return bool(self._done[job])

    def end_of_results(self) -> None:
        """Check that every job that has results got one."""
        for job, (attempts, results) in enumerate(zip(self._attempts, self._results, strict=True)):
            if attempts and not results:
                raise ArchiveError(f"the result of job {job} is not there")

    def event(self, event: EventRecord, number: int) -> None:
        """Check an event."""
        if event.job_index is not None and event.job_index >= self._n_jobs:
            raise ArchiveError(f"event {number} is of job {event.job_index}, which is not there")

    def snapshot(self, snapshot: Snapshot) -> None:
        """Check the next snapshot."""
        self._snapshots.add(snapshot.sha256)

    def observation(self, seen: Observation, number: int) -> None:
        """Check an observation: the snapshot that it names must be there."""
        what = f"observation {number}"
        if seen.sha256 is not None and seen.sha256 not in self._snapshots:
            raise ArchiveError(
                f"{what} names the snapshot {seen.sha256.hex()[:12]}, which is not there"
            )
        if (seen.sha256 is None) == (seen.note is None):
            raise ArchiveError(f"{what} has both or neither of a snapshot and a note")
        if seen.last_at < seen.first_at:
            raise ArchiveError(f"{what} ends before it begins")


def _must_be_next(kind: str, number: int, index: int) -> None:
    if index != number:
        wanted = f"{number}: the {kind}s stand in order, without gaps"
        raise wrong(f"{kind} {number}", "index", index, wanted)


def _must_equal(found: int, said: int, what: str) -> None:
    if found != said:
        raise ArchiveError(f"there are {found} {what}, where {said} should be")
