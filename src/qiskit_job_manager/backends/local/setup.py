"""How a worker gets the backend of a job set: by its name, or as the object itself."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qiskit_job_manager.backends.local.costs import LocalAdapter


class Setup:
    """What a worker needs to open an equal backend: its name, or the object without one.

    The engine that runs the tasks carries the object to its processes, as it carries all arguments.
    Nothing here turns an object into bytes, or bytes into an object.

    Args:
        adapter: The adapter to the backend.

    Attributes:
        key: By which a worker knows an object that it keeps.
    """

    def __init__(self, adapter: LocalAdapter) -> None:
        self._adapter = adapter
        self.key = uuid.uuid4().hex

    @property
    def backend(self) -> Any:
        """The name, or the object."""
        return self._adapter.uri or object_of(self._adapter)

    @property
    def has_name(self) -> bool:
        """Whether a worker opens the backend by its name."""
        return self._adapter.uri is not None

    def _parts(self) -> Iterator[tuple[str, Any]]:
        """Yield the options and attributes of the object, each with what it is called."""
        backend = self.backend
        options = getattr(getattr(backend, "options", None), "__dict__", {})
        for kind, parts in (("option", options), ("attribute", getattr(backend, "__dict__", {}))):
            for name, value in parts.items():
                yield f"its {kind} {name!r}", value

    def not_sent(self, error: BaseException, send: Callable[[Any], object]) -> InvalidArgumentError:
        """Return the error for a backend that an engine could not carry to its processes.

        Args:
            error: What the engine raised.
            send: Carries a part of the backend, or raises; called with one after the other, to find
                the part that cannot be carried.
        """
        part = "it"
        for name, value in self._parts():
            try:
                send(value)
            except TimeoutError:
                break
            except Exception as found:  # noqa: BLE001  # what an object raises is its own
                error, part = found, name
                break
        return InvalidArgumentError(
            f"the backend {self._adapter.name} cannot be sent to another process: {part} cannot "
            f"be: {_last_line(error)}. Workers can have AerSimulator with options and a "
            "noise model, Qiskit's and Aer's primitives, and all backends with names"
        )


def opened(backend: Any) -> LocalAdapter:
    """Open what `Setup.backend` gave.

    Raises:
        UnknownBackendError: No backend is known by that name.
        InvalidArgumentError: It is no backend that is simulated in this process.
    """
    from qiskit_job_manager.backends.adapt import adapt
    from qiskit_job_manager.backends.local.costs import is_local_adapter

    found = adapt(backend)
    if not is_local_adapter(found):
        raise InvalidArgumentError(f"{found.name} does not run in the process that opens it")
    return found


def object_of(adapter: LocalAdapter) -> Any:
    """Return what the user handed over: a primitive, or a Qiskit backend."""
    primitive = getattr(adapter, "primitive", None)
    return adapter.qiskit_backend if primitive is None else primitive


def _last_line(error: BaseException) -> str:
    """Return what was wrong; some engines give it as the traceback of another thread alone."""
    lines = [line.strip() for line in str(error.__cause__ or "").splitlines() if line.strip(' "')]
    return lines[-1] if lines else f"{type(error).__name__}: {error}"


def is_about_sending(error: BaseException) -> bool:
    """Say whether an engine raised this because it cannot carry an object to a process.

    Each engine has a class of its own for that; all of them say so in words.
    """
    words = f"{type(error).__name__} {error}".lower()
    return "pickl" in words or "serializ" in words
