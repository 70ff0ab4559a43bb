"""Views and pictures of a job set."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError, JobManagerError
from qiskit_job_manager.job_set.reading import Reading
from qiskit_job_manager.job_set.status import detail
from qiskit_job_manager.model import JobState
from qiskit_job_manager.views import html
from qiskit_job_manager.views.job_sets_html import job_set_html
from qiskit_job_manager.views.split_text import split_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

    from qiskit_job_manager.model import JobRecord

_JOBS_SHOWN = 10
_FIRST_DRAWN, _LAST_DRAWN = 30, 5
_TROUBLED = (JobState.IN_DOUBT, JobState.FAILED, JobState.LOST)
_UNDER_WAY = (JobState.COLLECTING, JobState.ACTIVE, JobState.SUBMITTING)
_OTHERS = tuple(state for state in JobState if state not in {*_TROUBLED, *_UNDER_WAY})


class Looking(Reading):
    """The side of a job set that shows itself."""

    def _repr_html_(self) -> str:
        try:
            progress = self.progress()
            jobs = [(job, detail(job)) for job in islice(self._worth_a_look(), _JOBS_SHOWN)]
            return job_set_html(self.record(), progress, self.activity(progress), jobs)
        except JobManagerError as error:  # deleted, or the store is closed: shown, not raised
            return html.block(html.text(f"{self!r}: {error}", 300))

    def draw(self, output: str = "text", *, ax: Axes | None = None) -> Any:
        """Draw how the experiments are split into jobs, and into shares of their shots.

        Args:
            output: ``"text"`` draws the first and the last jobs with characters, ``"mpl"`` all of
                them with matplotlib (``pip install "qiskit-job-manager[plot]"``).
            ax: With ``"mpl"``, the matplotlib axes to draw on; by default a new figure.

        Returns:
            Something that prints as the drawing, or a `matplotlib.figure.Figure`.

        Raises:
            InvalidArgumentError: There is no such output.
        """
        if output == "mpl":
            from qiskit_job_manager.pictures.split_drawing import draw_split

            return draw_split(self.record(), list(self._jobs()), ax)
        if output != "text":
            msg = f"output is {output!r}; it is 'text' or 'mpl'"
            raise InvalidArgumentError(msg)
        record, key = self.record(), self._record.key
        first = self._store.jobs(key, limit=_FIRST_DRAWN)
        after = max(record.n_jobs - _LAST_DRAWN, len(first)) - 1
        return split_text(record, first, self._store.jobs(key, after=after))

    def plot_timeline(self, *, ax: Axes | None = None) -> Any:
        """Plot what each job spent its time on: sent, queued, running, collected.

        Where the backend does not tell when a job began to run, the time that it had the job is
        one span. A cross marks an attempt that ended without a result.

        Args:
            ax: The matplotlib axes to draw on; by default a new figure.

        Returns:
            The `matplotlib.figure.Figure`. Needs ``pip install "qiskit-job-manager[plot]"``.
        """
        from qiskit_job_manager.pictures.timeline import draw_timeline

        attempts = [self._store.attempts(job.key) for job in self._jobs()]
        return draw_timeline(self.name(), attempts, self._driving.clock.now(), ax)

    def _worth_a_look(self) -> Iterator[JobRecord]:
        """Yield a few jobs: those in trouble first, then those under way, then the others."""
        for states in (_TROUBLED, _UNDER_WAY, _OTHERS):
            yield from self._store.jobs(self._record.key, states=states, limit=_JOBS_SHOWN)
