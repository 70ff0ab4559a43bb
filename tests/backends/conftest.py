"""Odd providers: `BackendV2` classes that run circuits and break conventions."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2, JobStatus, JobV1, Options
from qiskit.providers.basic_provider import BasicSimulator

if TYPE_CHECKING:
    from qiskit.result import Result


class PlainJob(JobV1):
    """A job that is done at once; its class says what else it does."""

    def __init__(self, backend: Any, job_id: Any, result: Any) -> None:
        super().__init__(backend, job_id)
        self._result = result

    def submit(self) -> None:
        raise AssertionError("the backend submits")

    def result(self) -> Any:
        return self._result

    def status(self) -> Any:
        return JobStatus.DONE


class Provider(BackendV2):
    """Takes lists and keeps to Qiskit's interface, but for what its arguments change.

    It defines ``run()`` itself, and so is not known to be local.
    """

    def __init__(self, **behaviour: Any) -> None:
        super().__init__(name=behaviour.pop("name", "odd"))
        self.simulator = BasicSimulator()
        self.runs = 0
        self.fail_with: list[BaseException] = []
        for name, value in behaviour.items():
            setattr(self, name, value)

    @classmethod
    def _default_options(cls) -> Options:
        return Options(shots=100)

    @property
    def target(self) -> Any:
        return self.simulator.target

    @property
    def max_circuits(self) -> int | None:
        return None

    def run(self, run_input: Any, **options: Any) -> Any:
        self.runs += 1
        if self.fail_with:
            raise self.fail_with.pop(0)
        result = BasicSimulator().run(run_input, **options).result()
        return self.answer(result)

    def answer(self, result: Result) -> Any:
        return PlainJob(self, str(uuid.uuid4()), result)


class NameDropper(Provider):
    """Returns experiments without header and without name."""

    def answer(self, result: Result) -> Any:
        for experiment in result.results:
            experiment.header = None
            experiment._metadata.pop("name", None)
        return super().answer(result)


class BareResult(Provider):
    """Returns the result itself."""

    def answer(self, result: Result) -> Any:
        return result


class OneAtATime(Provider):
    """Takes one circuit, and no list of one."""

    @property
    def max_circuits(self) -> int | None:
        return 1

    def run(self, run_input: Any, **options: Any) -> Any:
        if not isinstance(run_input, QuantumCircuit):
            raise TypeError("run() takes one QuantumCircuit")
        return super().run(run_input, **options)


class NoMaxCircuits(Provider):
    """Has not got round to it."""

    @property
    def max_circuits(self) -> int | None:
        raise NotImplementedError


class StringStatus(Provider):
    """Has statuses that are text, as IBM's newer jobs have."""

    class Job(PlainJob):
        def status(self) -> str:
            return "DONE"

    def answer(self, result: Result) -> Any:
        return self.Job(self, str(uuid.uuid4()), result)


class Statusless(Provider):
    """Cannot tell a status, and has no id."""

    class Job(PlainJob):
        def status(self) -> Any:
            raise NotImplementedError

        def job_id(self) -> str:
            raise NotImplementedError

    def answer(self, result: Result) -> Any:
        return self.Job(self, None, result)


class SameId(Provider):
    """Gives every job the same id, which is a number."""

    def answer(self, result: Result) -> Any:
        return PlainJob(self, 0, result)


class CloudJobNotFound(Exception):  # noqa: N818  # as such clients name it
    """The error that clients of a cloud raise at a 404."""

    status_code = 404


class Cloud(Provider):
    """Keeps its jobs in a place that other objects, as of other processes, can reach."""

    def __init__(self, jobs: dict[str, Any] | None = None, **behaviour: Any) -> None:
        super().__init__(**behaviour)
        self.jobs: dict[str, Any] = {} if jobs is None else jobs
        self.retrieved: list[str] = []

    def answer(self, result: Result) -> Any:
        job = super().answer(result)
        self.jobs[job.job_id()] = job
        return job

    def retrieve_job(self, job_id: str) -> Any:
        self.retrieved.append(job_id)
        if job_id not in self.jobs:
            raise CloudJobNotFound(f"no job {job_id}")
        return self.jobs[job_id]


class LosesAnswers(Cloud):
    """Accepts a job, and then the connection breaks."""

    def answer(self, result: Result) -> Any:
        super().answer(result)
        raise ConnectionError("connection reset by peer")


@pytest.fixture
def providers() -> dict[str, type[Provider]]:
    """Give the odd providers by name."""
    kinds = [
        Provider,
        NameDropper,
        BareResult,
        OneAtATime,
        NoMaxCircuits,
        StringStatus,
        Statusless,
        SameId,
        Cloud,
        LosesAnswers,
    ]
    return {kind.__name__: kind for kind in kinds} | {"PlainJob": PlainJob}
