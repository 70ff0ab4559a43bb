"""An emulator, and the unmodified client pointed at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from qiskit_job_manager.testing.ibm_service import IBMService, pointed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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


@pytest.fixture
def submit(service: QiskitRuntimeService) -> Callable[..., Any]:
    """Submit a job."""
    from qiskit import QuantumCircuit
    from qiskit_ibm_runtime import SamplerV2

    def submit(mode: Any = None, *, private: bool = False, tags: tuple[str, ...] = ()) -> Any:
        circuit = QuantumCircuit(5, 1)
        circuit.measure(0, 0)
        sampler = SamplerV2(mode or service.backend("ibm_manila"))
        sampler.options.environment.private = private
        sampler.options.environment.job_tags = list(tags)
        return sampler.run([circuit], shots=10)

    return submit
