"""What runs in a worker: bytes in, bytes out.

A worker is a process of this machine, of a Dask cluster, or of any other executor. It imports
`compute` by its name, opens the backend, decodes the circuits, simulates them, and encodes the
result as the store keeps it. No worker sees the store.
"""

from __future__ import annotations

import json
import os
import socket
from enum import StrEnum
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, NamedTuple

from qiskit_job_manager.backends.local.memory import limited_to, with_limit
from qiskit_job_manager.errors import (
    BackendError,
    InvalidArgumentError,
    SubmissionRefusedError,
    UnknownBackendError,
)
from qiskit_job_manager.model import Blob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qiskit_job_manager.backends.local.costs import LocalAdapter

_PACKAGES = ("qiskit-job-manager", "qiskit", "qiskit-aer")
"""What must be the same in driver and worker, so that a result does not depend on its place."""


class AnswerKind(StrEnum):
    """What came of a task.

    All but the first two leave the job without a verdict of its own: it is computed again.
    """

    RESULT = "result"
    FAILED = "failed"
    REFUSED = "refused"
    WIDE = "wide"
    UNFIT = "unfit"


class Answer(NamedTuple):
    """What a worker returns.

    Attributes:
        kind: An `AnswerKind`, as text.
        text: The format of the result, or the reason why there is none.
        data: The encoded result, or nothing.
        where: The machine and the process.
        bytes_needed: Of a task that is too wide for the memory that it may take: what it needs.
    """

    kind: str
    text: str
    data: bytes
    where: str
    bytes_needed: int = 0


class TooWideError(Exception):
    """A circuit needs more memory than the task may take.

    Attributes:
        bytes_needed: What it needs.
    """

    def __init__(self, bytes_needed: int) -> None:
        super().__init__(bytes_needed)
        self.bytes_needed = bytes_needed


def compute(
    backend: Any,
    payload_format: str,
    payload: bytes,
    options: str,
    versions: str,
    most_bytes: int | None = None,
) -> Answer:
    """Simulate the circuits of one job in a worker.

    Args:
        backend: What `Setup.backend` gave, or `Kept` where `keep` has brought it.
        payload_format: Format of the encoded circuits.
        payload: The encoded circuits or PUBs.
        options: Run options of the job, as JSON.
        versions: What `versions` returned in the driver.
        most_bytes: Memory that the task may take; ``None``: the worker's engine limits it.
    """
    if versions != own_versions():
        return _without_result(AnswerKind.UNFIT, _difference(versions, own_versions()))
    try:
        adapter = _opened(backend)
    except (UnknownBackendError, InvalidArgumentError, ImportError, AttributeError) as error:
        reason = f"cannot open the backend: {type(error).__name__}: {error}"
        return _without_result(AnswerKind.UNFIT, f"{_where()} {reason}")
    blob = Blob(payload_format, payload)
    try:
        with limited_to(most_bytes):
            return answer_of(adapter, blob, json.loads(options), most_bytes)
    except Exception as error:  # noqa: BLE001  # what a simulator raises fails its job
        return _without_result(AnswerKind.FAILED, f"{type(error).__name__}: {error}")


def answer_of(
    adapter: LocalAdapter,
    payload: Blob,
    options: Mapping[str, Any],
    most_bytes: int | None = None,
    look: Callable[[Sequence[Any]], None] | None = None,
) -> Answer:
    """Simulate the circuits of one job on a backend of this process.

    Args:
        adapter: The adapter to the backend.
        payload: The encoded circuits or PUBs.
        options: Run options of the job.
        most_bytes: Memory that the state of a circuit may take; ``None``: any.
        look: Called with the circuits before they are simulated; what it raises is raised.
    """

    def look_at(circuits: Sequence[Any]) -> None:
        if look is not None:
            look(circuits)
        if most_bytes is not None:
            _refuse_wide(adapter, circuits, options, most_bytes)

    try:
        result = adapter.compute(payload, options, look_at)
    except TooWideError as error:
        return Answer(AnswerKind.WIDE, "", b"", _where(), error.bytes_needed)
    except SubmissionRefusedError as error:
        return _without_result(AnswerKind.REFUSED, error.message)
    except BackendError as error:
        return _without_result(AnswerKind.FAILED, with_limit(error.message, most_bytes))
    except MemoryError as error:
        return _without_result(AnswerKind.FAILED, with_limit(f"MemoryError {error}", most_bytes))
    return Answer(AnswerKind.RESULT, result.format, result.data, _where())


def _without_result(kind: AnswerKind, reason: str) -> Answer:
    return Answer(kind, reason, b"", _where())


def _refuse_wide(
    adapter: LocalAdapter, circuits: Sequence[Any], options: Mapping[str, Any], most_bytes: int
) -> None:
    from qiskit_job_manager.backends.local.costs import SimulationCosts

    costs = SimulationCosts(adapter)
    needed = max((costs.state_bytes(each, options) for each in circuits), default=0)
    if needed > most_bytes:
        raise TooWideError(needed)


# -- the worker's own things ----------------------------------------------------------------------


@cache
def own_versions() -> str:
    """Return the versions of what a result depends on, as one text."""
    return ", ".join(f"{package} {_version(package)}" for package in _PACKAGES)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _difference(theirs: str, mine: str) -> str:
    pairs = zip(theirs.split(", "), mine.split(", "), strict=False)
    here = "; ".join(f"{here} and not {there}" for there, here in pairs if here != there)
    return (
        f"the worker {_where()} has {here}: results must not depend on where they were computed, "
        "so install the same versions there"
    )


class Kept(NamedTuple):
    """Stands for the backend object that this worker was given last."""

    key: str


_kept: dict[str, LocalAdapter] = {}


def keep(key: str, backend: Any) -> None:
    """Keep a backend object for the next tasks, in the place of the one before."""
    from qiskit_job_manager.backends.local.setup import opened

    _kept.clear()
    _kept[key] = opened(backend)


def arrive(part: Any) -> None:
    """Do nothing with a part of a backend: what cannot be carried does not arrive."""
    del part


def _opened(backend: Any) -> LocalAdapter:
    from qiskit_job_manager.backends.local.setup import opened

    if isinstance(backend, Kept):
        if backend.key not in _kept:
            raise UnknownBackendError("its object did not arrive")
        return _kept[backend.key]
    return _named(backend) if isinstance(backend, str) else opened(backend)


@lru_cache(maxsize=4)
def _named(name: str) -> LocalAdapter:
    from qiskit_job_manager.backends.local.setup import opened

    return opened(name)


def _where() -> str:
    return f"{socket.gethostname()}, process {os.getpid()}"
