"""An emulator, and the unmodified client pointed at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from qiskit_job_manager.testing.ibm_service import IBMService, pointed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qiskit_ibm_runtime import QiskitRuntimeService


@pytest.fixture
def ibm() -> Iterator[IBMService]:
    """An emulator."""
    with IBMService() as emulator:
        yield emulator


@pytest.fixture
def service(ibm: IBMService, tmp_path: Path) -> Iterator[QiskitRuntimeService]:
    """The unmodified client."""
    from qiskit_ibm_runtime import QiskitRuntimeService

    with pointed(ibm.address, tmp_path) as arguments:
        yield QiskitRuntimeService(**arguments)
