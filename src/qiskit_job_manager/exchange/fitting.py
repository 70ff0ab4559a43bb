"""Whether the parts of an export fit together; a few bytes are held of each job, and no more."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import ArchiveError
from qiskit_job_manager.model import JobState

if TYPE_CHECKING:
    from qiskit_job_manager.model import JobHistory, JobRecord, StoredResult


class Blocks:
    """Contiguous runs of experiments, each sent by jobs that share its shots.

    Args:
        n_experiments: How many experiments there are.
    """

    def __init__(self, n_experiments: int) -> None:
        self._n_experiments = n_experiments
        self._starts = array("q")
        self._stop = 0
        self._shares = array("q")
        self._seen = array("q")

    def add(self, start: int, stop: int) -> None:
        """Take the next block.

        Raises:
            ArchiveError: It does not begin where the last one ended, or ends after all of them.
        """
        if start != self._stop or stop > self._n_experiments:
            raise ArchiveError(
                f"a payload of experiments {start} to {stop - 1} comes after {self._stop} of "
                f"{self._n_experiments} experiments"
            )
        self._starts.append(start)
        self._shares.append(0)
        self._seen.append(0)
        self._stop = stop

    def must_be_whole(self) -> None:
        """Refuse blocks that end before the experiments do.

        Raises:
            ArchiveError: They do.
        """
        if self._stop != self._n_experiments:
            raise ArchiveError(
                f"there are payloads of {self._stop} experiments, and {self._n_experiments} of them"
            )

    def see(self, job: JobRecord) -> None:
        """Take the next job.

        Raises:
            ArchiveError: It is not the next share of a block.
        """
        number = bisect_right(self._starts, job.start) - 1
        last = number + 1 == len(self._starts)
        stop = self._stop if last else self._starts[number + 1]
        shares = self._shares[number] or job.shares
        fits = self._starts[number] == job.start and stop == job.stop
        is_next = job.share == self._seen[number] < shares == job.shares
        if not (fits and is_next):
            raise self._misfit(job)
        self._shares[number] = job.shares
        self._seen[number] += 1

    def must_be_covered(self) -> None:
        """Refuse blocks that not all shares run.

        Raises:
            ArchiveError: There is one.
        """
        for start, shares, seen in zip(self._starts, self._shares, self._seen, strict=True):
            if not seen or seen != shares:
                raise ArchiveError(f"not every job that runs experiment {start} is there")

    @staticmethod
    def _misfit(job: JobRecord) -> ArchiveError:
        return ArchiveError(
            f"job {job.index} is share {job.share + 1} of {job.shares} of the experiments "
            f"{job.start} to {job.stop - 1}, which does not fit the others"
        )


class Expected:
    """Which jobs have results, and whether these came."""

    def __init__(self) -> None:
        self._attempts = array("q")
        self._seen = array("q")
        self._done = array("b")

    def job(self, history: JobHistory) -> None:
        """Take the next job.

        Raises:
            ArchiveError: It is done without a result.
        """
        job = history.job
        done = job.state is JobState.DONE
        if done and not job.has_result:
            raise ArchiveError(f"job {job.index} is done and has no result")
        self._attempts.append(job.attempts if job.has_result else 0)
        self._seen.append(0)
        self._done.append(done)

    def result(self, result: StoredResult) -> None:
        """Take the next result.

        Raises:
            ArchiveError: Its job has none, or no such attempt.
        """
        job = result.job_index
        if job >= len(self._attempts) or not 1 <= result.attempt <= self._attempts[job]:
            raise ArchiveError(f"a result of attempt {result.attempt} of job {job} has no place")
        self._seen[job] += 1

    def must_be_readable(self, job_index: int) -> bool:
        """Tell whether the last result of a job must be one that can be read."""
        return bool(self._done[job_index])

    def must_be_seen(self) -> None:
        """Refuse jobs whose results did not come.

        Raises:
            ArchiveError: There is one.
        """
        for job, (attempts, seen) in enumerate(zip(self._attempts, self._seen, strict=True)):
            if attempts and not seen:
                raise ArchiveError(f"the result of job {job} is not there")
