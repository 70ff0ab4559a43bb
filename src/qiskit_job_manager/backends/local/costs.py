"""What the circuits of a local backend are expected to take: seconds, and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from qiskit_job_manager.backends.local.simulation_time import simulation_s, state_bytes, width
from qiskit_job_manager.backends.locality import is_aer, is_fake
from qiskit_job_manager.ports import Backend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qiskit_job_manager.model import Blob, RawResult

_S_AN_INSTRUCTION = 20e-6
"""What Aer takes at least for an instruction of a circuit, to translate it; 20 to 30 measured."""

_S_A_CIRCUIT = 300e-6
_DENSE_INSTRUCTION_S = 50e-6
_DENSE_AMPLITUDE_S = 20e-9
_DENSE_SHOT_S = 1e-6
_WIDEST_DENSE = 60


class LocalAdapter(Backend, Protocol):
    """An adapter to a backend that is simulated in the process that opens it."""

    @property
    def qiskit_backend(self) -> Any:
        """The Qiskit backend that is simulated, or ``None``."""

    @property
    def is_simulated_here(self) -> bool:
        """Whether its ``run()`` is known to compute in this process, and to leave nothing else."""

    def compute(
        self, payload: Blob, options: Mapping[str, Any], look: Callable[[Sequence[Any]], None]
    ) -> RawResult:
        """Simulate the circuits of one job, and return the encoded result.

        Args:
            payload: The encoded circuits or PUBs.
            options: Run options of the job.
            look: Called with the circuits before they are simulated; what it raises is raised.

        Raises:
            SubmissionRefusedError: They cannot run, or cannot be read.
            RemoteJobFailedError: They ran and failed.
        """


def is_local_adapter(adapter: Backend) -> TypeGuard[LocalAdapter]:
    """Say whether workers can take over what an adapter runs."""
    return bool(getattr(adapter, "is_simulated_here", False))


class SimulationCosts:
    """Estimates what single circuits take on one backend.

    The estimates depend on circuit and options alone, and not on the machine: so a plan that is
    made of them is the same everywhere.

    Args:
        adapter: The adapter to the backend.
    """

    def __init__(self, adapter: Backend) -> None:
        device = adapter.qiskit_backend if is_local_adapter(adapter) else None
        self._defaults = getattr(device, "options", None)
        self._by_aer = device is not None and (is_aer(device) or is_fake(device))
        noise = getattr(self._defaults, "noise_model", None)
        self._noisy = device is not None and (is_fake(device) or noise is not None)

    def seconds(self, experiment: Any, options: Mapping[str, Any]) -> float:
        """Return how long a circuit, or that of a PUB, is simulated, once for one binding.

        Args:
            experiment: A circuit, or a PUB in any form.
            options: The run options.
        """
        circuit = _circuit_of(experiment)
        shots = self._shots(options)
        if circuit is None or shots is None:
            return 0.0
        if not self._by_aer:
            return _dense_s(circuit, shots)
        fixed_s = _S_A_CIRCUIT + len(circuit.data) * _S_AN_INSTRUCTION
        return fixed_s + simulation_s(circuit, shots, self._method(options), noisy=self._noisy)

    def state_bytes(self, circuit: Any, options: Mapping[str, Any]) -> int:
        """Return how many bytes the state of a circuit takes."""
        shots = self._shots(options)
        if not self._by_aer or shots is None:
            return state_bytes(circuit, 1, "statevector")
        return state_bytes(circuit, shots, self._method(options), noisy=self._noisy)

    def is_on_device(self, options: Mapping[str, Any]) -> bool:
        """Say whether circuits are simulated on a GPU."""
        return bool(self._option(options, "device", "CPU") != "CPU")

    def _shots(self, options: Mapping[str, Any]) -> int | None:
        shots = self._option(options, "shots", 1024)
        return shots if isinstance(shots, int) else None  # the backend will refuse anything else

    def _method(self, options: Mapping[str, Any]) -> str:
        return str(self._option(options, "method", "automatic"))

    def _option(self, options: Mapping[str, Any], name: str, default: Any) -> Any:
        own = options.get(name)
        if own is None:
            own = getattr(self._defaults, name, None)
        return default if own is None else own


def _dense_s(circuit: Any, shots: int) -> float:
    each_s = _DENSE_INSTRUCTION_S + _DENSE_AMPLITUDE_S * 2.0 ** min(width(circuit), _WIDEST_DENSE)
    return float(len(circuit.data) * each_s + shots * _DENSE_SHOT_S)


def _circuit_of(experiment: Any) -> Any | None:
    if isinstance(experiment, tuple | list) and experiment:
        experiment = experiment[0]
    found = getattr(experiment, "circuit", experiment)
    return found if hasattr(found, "count_ops") else None


def simulation_costs(adapter: Backend, options: Mapping[str, Any]) -> Callable[[Any], float] | None:
    """Return what estimates the seconds of an experiment; ``None``: it is not simulated here.

    Args:
        adapter: The adapter to the backend.
        options: The run options.
    """
    if not is_local_adapter(adapter):
        return None
    costs = SimulationCosts(adapter)
    return lambda experiment: costs.seconds(experiment, options)
