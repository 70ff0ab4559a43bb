from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from qiskit_job_manager.model import ExperimentSize

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def sized() -> Callable[..., list[ExperimentSize]]:
    """Make experiments, one for each number of shots."""

    def make(
        *shots: int | None, circuits: int = 1, payload_bytes: int = 100, **more: float
    ) -> list:
        return [
            ExperimentSize(index, f"c{index}", circuits, asked, payload_bytes, **more)
            for index, asked in enumerate(shots)
        ]

    return make
