"""Says whether the jobs of a Qiskit backend run in this process.

Jobs of a volatile backend are sent again without asking. If a backend were called volatile by
mistake, its user could pay twice. So a backend is local only if the class that defines its
``run()`` is known. A provider's backend that derives from a fake one, and sends its jobs elsewhere,
is not local.
"""

from __future__ import annotations

from typing import Any

from qiskit_job_manager.errors import InvalidArgumentError

_AER = "qiskit_aer"
_IBM_FAKE = "qiskit_ibm_runtime.fake_provider"
_OTHER_LOCAL = (
    "qiskit.providers.basic_provider",
    "qiskit.providers.fake_provider",
    _IBM_FAKE,
)
_IBM = "qiskit_ibm_runtime.ibm_backend"


def is_local(backend: Any) -> bool:
    """Say whether the backend is known to run its jobs in this process."""
    return within(run_author(backend), (_AER, *_OTHER_LOCAL))


def is_aer(backend: Any) -> bool:
    """Say whether Aer itself runs the backend's circuits."""
    return within(run_author(backend), (_AER,))


def is_fake(backend: Any) -> bool:
    """Say whether the backend is one of IBM's fake backends, which Aer simulates with noise."""
    return within(run_author(backend), (_IBM_FAKE,))


def is_reentrant(backend: Any) -> bool:
    """Say whether ``run()`` is known to bear being called from several threads at once.

    Aer's does. `BasicSimulator` keeps the state vector on itself, and fake backends make their
    simulator at the first call. Of other providers nothing is known.
    """
    return is_aer(backend)


def refuse_runless(backend: Any) -> None:
    """Refuse a backend whose ``run()`` is known to do nothing but raise.

    Raises:
        InvalidArgumentError: It is IBM's; the message says what to do.
    """
    if within(run_author(backend), (_IBM,)):
        raise InvalidArgumentError(
            f"backend {backend.name!r} cannot run circuits: IBM removed backend.run() in favour of "
            "primitives. To simulate it here, hand over AerSimulator.from_backend(backend)"
        )


def run_author(backend: Any) -> str:
    """Return the module of the class that defines the ``run()`` of a backend or a primitive."""
    for cls in type(backend).__mro__:
        if "run" in vars(cls):
            return str(cls.__module__)
    return ""


def within(module: str, packages: tuple[str, ...]) -> bool:
    """Say whether a module is, or is in, one of some packages."""
    return any(module == package or module.startswith(package + ".") for package in packages)
