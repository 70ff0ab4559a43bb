"""The simulators that have names: opens them, and finds the name that opens one like an object.

The functions that open are our own entry points.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.registry import (
    OpenerInfo,
    Scalar,
    describes,
    fake_devices,
    query_of,
    scalars_in,
)
from qiskit_job_manager.errors import InvalidArgumentError, UnknownBackendError

if TYPE_CHECKING:
    from qiskit_job_manager.ports import Backend


@describes(
    OpenerInfo(
        "aer?method=statevector",
        network=False,
        package="qiskit_aer",
        install="qiskit-job-manager[aer]",
    )
)
def open_aer(argument: str | None) -> Backend:
    """Open `AerSimulator`, with options as in ``aer?method=statevector``.

    Raises:
        UnknownBackendError: Aer is not installed.
        InvalidArgumentError: Aer has no such option.
    """
    try:
        from qiskit_aer import AerSimulator
    except ImportError as error:
        raise UnknownBackendError(_missing("aer", "Aer", "aer")) from error
    query = (argument or "").removeprefix("?")
    uri = f"aer?{query}" if query else "aer"
    try:
        simulator = AerSimulator(**(scalars_in(query) if query else {}))
    except Exception as error:
        raise InvalidArgumentError(
            f"{uri!r} cannot be opened: {error}; options are those of AerSimulator, "
            "as in 'aer?method=statevector&max_parallel_threads=1'"
        ) from error
    return _adapted(simulator, uri)


@describes(OpenerInfo("basic", network=False))
def open_basic(argument: str | None) -> Backend:
    """Open Qiskit's `BasicSimulator`, slow and always there.

    Raises:
        InvalidArgumentError: Something follows ``basic``.
    """
    if argument is not None:
        raise InvalidArgumentError(f"'basic:{argument}' cannot be opened: 'basic' stands alone")
    from qiskit.providers.basic_provider import BasicSimulator

    return _adapted(BasicSimulator(), "basic")


@describes(
    OpenerInfo(
        "fake:torino",
        network=False,
        package="qiskit_ibm_runtime",
        install="qiskit-job-manager[ibm]",
        arguments=fake_devices,
    )
)
def open_fake(argument: str | None) -> Backend:
    """Open a snapshot of one of IBM's devices, simulated here with its noise, by its name.

    Raises:
        UnknownBackendError: There is no such snapshot, or qiskit-ibm-runtime is not installed.
    """
    name = (argument or "").strip().lower().removeprefix("fake_")
    known = _fakes()
    if name not in known:
        similar = get_close_matches(name, sorted(known), n=3)
        some = similar or sorted(known)
        hint = "close to it are" if similar else "known are"
        raise UnknownBackendError(
            f"there is no fake backend called {name!r}; {hint}: "
            + ", ".join(f"fake:{one}" for one in some)
        )
    return _adapted(known[name](), f"fake:{name}")


def _adapted(backend: Any, uri: str) -> Backend:
    from qiskit_job_manager.backends.qiskit_backend import QiskitBackend

    return QiskitBackend(backend, uri=uri)


def _fakes() -> dict[str, Any]:
    """Return the classes of IBM's fake backends by name, without opening any."""
    try:
        from qiskit_ibm_runtime import fake_provider
    except ImportError as error:
        raise UnknownBackendError(_missing("fake", "IBM's fake backends", "ibm")) from error
    classes = (getattr(fake_provider, name) for name in dir(fake_provider))
    names = ((cls, getattr(cls, "backend_name", None)) for cls in classes)
    return {name.removeprefix("fake_"): cls for cls, name in names if isinstance(name, str)}


def _missing(kind: str, what: str, extra: str) -> str:
    return (
        f'{kind!r} needs {what}, which is not installed: pip install "qiskit-job-manager[{extra}]"'
    )


# -- the name of an object -------------------------------------------------------------------------


def uri_of(backend: Any) -> str | None:
    """Return the name that opens an equal backend, or ``None`` if no name is sure to."""
    cls = type(backend)
    if cls.__module__.startswith("qiskit_ibm_runtime.fake_provider.backends."):
        # Once it has run, its options hold a noise model, which may be its own or another one.
        pristine = backend.options == cls._default_options()
        return f"fake:{backend.name.removeprefix('fake_')}" if pristine else None
    match f"{cls.__module__}.{cls.__name__}":
        case "qiskit_aer.backends.aer_simulator.AerSimulator":
            return _uri_of_aer(backend)
        case "qiskit.providers.basic_provider.basic_simulator.BasicSimulator":
            return "basic" if backend.options == cls._default_options() else None
    return None


def _uri_of_aer(backend: Any) -> str | None:
    plain = type(backend)()
    options = {
        name: value
        for name, value in dict(backend.options).items()
        if value != plain.options.get(name)
    }
    if not all(isinstance(value, Scalar) for value in options.values()):
        return None
    again = type(backend)(**options)
    if not _same_aer(backend, again):
        return None
    return f"aer?{query_of(options)}" if options else "aer"


def _same_aer(one: Any, other: Any) -> bool:
    """Say whether two simulators are set up alike, beyond their options."""
    alike = one.name == other.name and one.options == other.options
    return alike and _configuration(one) == _configuration(other)


def _configuration(simulator: Any) -> dict[str, Any]:
    # The name in the configuration is that of the first method; the simulator's own name is right.
    figures: dict[str, Any] = simulator.configuration().to_dict()
    return {name: value for name, value in figures.items() if name != "backend_name"}
