"""From what a user hands over as a backend to an adapter."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeGuard

from qiskit_job_manager.backends.opening import open_backend
from qiskit_job_manager.errors import InvalidArgumentError

if TYPE_CHECKING:
    from qiskit_job_manager.ports import Backend

_PORT = (
    "name",
    "uri",
    "account",
    "takes",
    "capabilities",
    "limits",
    "check",
    "submit",
    "estimate_usage_s",
    "find",
    "twins",
    "statuses",
    "fetch",
    "cancel",
    "error_message",
)

_RIGHT = (
    "a Qiskit BackendV2 object such as AerSimulator() is, or the name of a backend "
    "such as 'aer' or 'fake:torino'"
)


def adapt(backend: object, *, volatile: bool | None = None) -> Backend:
    """Return the adapter for whatever a user hands over as a backend.

    Args:
        backend: A Qiskit ``BackendV2`` object, the name of a backend, or an adapter.
        volatile: Whether its jobs die with this process; ``None``: found out, see
            `qiskit_job_manager.backends.origins`. An adapter knows it for itself.

    Raises:
        InvalidArgumentError: It is nothing that runs circuits.
        UnknownBackendError: No backend is known by that name.
    """
    if isinstance(backend, str):
        return open_backend(backend)
    if _is_adapter(backend):
        return backend
    if not _is_backend_v2(backend):
        raise InvalidArgumentError(f"backend is {_described(backend)}; it must be {_RIGHT}")
    from qiskit_job_manager.backends.qiskit_backend import QiskitBackend

    return QiskitBackend(backend, volatile=volatile)


def _is_adapter(backend: object) -> TypeGuard[Backend]:
    return not isinstance(backend, type) and all(hasattr(backend, name) for name in _PORT)


def _is_backend_v2(backend: object) -> bool:
    # Whoever has such an object has imported Qiskit; others need not wait for it.
    providers = sys.modules.get("qiskit.providers")
    return providers is not None and isinstance(backend, providers.BackendV2)


def _described(backend: Any) -> str:
    if backend is None:
        return "None"
    if isinstance(backend, type):
        return f"the class {backend.__name__}, not an object of it ({backend.__name__}())"
    kind = type(backend).__name__
    if getattr(backend, "version", None) == 1 and hasattr(backend, "run"):
        return f"a {kind}, which follows Qiskit's old BackendV1 interface"
    if hasattr(backend, "job_id"):
        return f"a job ({kind}), not what ran it"
    if hasattr(backend, "run"):
        return f"a {kind}; primitives and other objects with run() are not backends"
    return f"of type {kind}"
