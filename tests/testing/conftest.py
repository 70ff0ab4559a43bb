from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from qiskit_job_manager.model import Blob, RawResult
from qiskit_job_manager.ports import Capabilities
from qiskit_job_manager.testing import FakeClock, ScriptedBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cloud(clock) -> Callable[..., ScriptedBackend]:
    """Open a scripted backend with these capabilities, which needs no real payload."""

    def run(payload: Blob, options: Mapping[str, Any], n: int) -> RawResult:
        return RawResult("test/1", payload.data * n + str(options.get("shots")).encode())

    def make(**capabilities: Any) -> ScriptedBackend:
        return ScriptedBackend(
            clock, Capabilities(**capabilities), run=run, count=lambda payload: len(payload.data)
        )

    return make


@pytest.fixture(scope="session")
def payload() -> Blob:
    return Blob("test/1", b"ab")
