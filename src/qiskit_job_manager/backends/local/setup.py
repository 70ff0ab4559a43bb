"""How a worker gets the backend of a job set: by its name, or as the object itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cloudpickle

from qiskit_job_manager.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.backends.local.costs import LocalAdapter


class Setup:
    """What is sent to a worker so that it can open an equal backend.

    A backend with a name is opened by it. An object without one is sent as it is, with its noise
    model, in the way of Python's own process pools; it goes to processes that the user started, and
    is never stored.

    Args:
        adapter: The adapter to the backend.
    """

    def __init__(self, adapter: LocalAdapter) -> None:
        self._adapter = adapter
        self._data: str | bytes | None = adapter.uri

    @property
    def is_ready(self) -> bool:
        """Whether `data` is at hand; to get an object ready may take seconds."""
        return self._data is not None

    @property
    def data(self) -> str | bytes:
        """The name, or the object as bytes.

        Raises:
            InvalidArgumentError: It cannot be sent; the message says which part of it.
        """
        if self._data is None:
            self._data = _as_bytes(object_of(self._adapter), self._adapter.name)
        return self._data


def opened(setup: str | bytes) -> LocalAdapter:
    """Open the backend that a `Setup` describes.

    Raises:
        UnknownBackendError: No backend is known by that name.
        InvalidArgumentError: It is no backend that is simulated in this process.
    """
    from qiskit_job_manager.backends.adapt import adapt
    from qiskit_job_manager.backends.local.costs import is_local_adapter

    found = adapt(setup if isinstance(setup, str) else cloudpickle.loads(setup))
    if not is_local_adapter(found):
        raise InvalidArgumentError(f"{found.name} does not run in the process that opens it")
    return found


def object_of(adapter: LocalAdapter) -> Any:
    """Return what the user handed over: a primitive, or a Qiskit backend."""
    primitive = getattr(adapter, "primitive", None)
    return adapter.qiskit_backend if primitive is None else primitive


def _as_bytes(backend: Any, name: str) -> bytes:
    try:
        return bytes(cloudpickle.dumps(backend))
    except Exception as error:
        part = next(_unsendable_parts(backend), None)
        what = "it" if part is None else f"its {part}"
        raise InvalidArgumentError(
            f"the backend {name} cannot be sent to another process: {what} cannot be: "
            f"{type(error).__name__}: {error}. Workers can have AerSimulator with options and a "
            "noise model, Qiskit's and Aer's primitives, and all backends with names"
        ) from error


def _unsendable_parts(backend: Any) -> Iterator[str]:
    """Yield the names of the options and attributes that cannot be sent."""
    options = getattr(getattr(backend, "options", None), "__dict__", {})
    for kind, parts in (("option", options), ("attribute", getattr(backend, "__dict__", {}))):
        for name, value in parts.items():
            try:
                cloudpickle.dumps(value)
            except Exception:  # noqa: BLE001  # what an object raises when it is sent is its own
                yield f"{kind} {name!r}"
