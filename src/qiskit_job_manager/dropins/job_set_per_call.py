"""Makes one job set of each call of `run` by a library that does not know job sets."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.manager import JobManager

if TYPE_CHECKING:
    from qiskit_job_manager.job_set import ManagedJobSet
    from qiskit_job_manager.model.inputs import ExperimentsLike
    from qiskit_job_manager.ports import Backend

_managers: list[JobManager] = []
_making = threading.Lock()


class Calls:
    """The calls of one drop-in, each of which becomes a job set. Safe to use from any thread.

    Args:
        manager: The manager; ``None``: one on the default store, that all drop-ins share.
        name: Name of the job sets, with the number of the call after it, so that the same script
            run again goes on with them. ``None``: the time of day.

    Raises:
        InvalidArgumentError: The manager is no `JobManager`, or the name no text.
    """

    def __init__(self, manager: JobManager | None, name: str | None) -> None:
        if manager is not None and not isinstance(manager, JobManager):
            msg = f"manager is a {type(manager).__name__}; it is a JobManager, or None"  # type: ignore[unreachable]
            raise InvalidArgumentError(msg)
        if name is not None and (not isinstance(name, str) or not name.strip()):
            msg = f"name is {name!r}; it is a string that is not empty, or None"
            raise InvalidArgumentError(msg)
        self._manager = manager
        self._name = name
        self._numbers = itertools.count(1)

    def run(self, experiments: ExperimentsLike, backend: Backend, **options: Any) -> ManagedJobSet:
        """Run one call's experiments, as `JobManager.run` does."""
        if self._manager is None:
            self._manager = _shared()
        if self._name is not None:
            options = {"name": f"{self._name}-{next(self._numbers)}", **options}
            options.setdefault("if_exists", "resume")
        return self._manager.run(experiments, backend, **options)


def _shared() -> JobManager:
    with _making:
        if not _managers:
            _managers.append(JobManager())
        return _managers[0]
