"""Configures the unmodified client for an emulator, by its own settings alone."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from qiskit_job_manager.testing.ibm_service.request_handler import CRN

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "emulated-api-key"  # noqa: S105  # lets nobody in anywhere


def environment(address: str) -> dict[str, str]:
    """Return the environment variables that lead the client to loopback."""
    base = f"http://{address}"
    return {"IAM_URL": base, "GLOBAL_SEARCH_URL": base, "GLOBAL_CATALOG_URL": base}


def account_environment(address: str) -> dict[str, str]:
    """Return the environment variables of an account too, for programs that pass no arguments."""
    account = {
        "QISKIT_IBM_URL": f"http://{address}/experimental/api/v1",
        "QISKIT_IBM_TOKEN": TOKEN,
        "QISKIT_IBM_INSTANCE": CRN,
        "QISKIT_IBM_CHANNEL": "ibm_quantum_platform",
    }
    return environment(address) | account


def service_arguments(address: str) -> dict[str, Any]:
    """Return arguments for ``QiskitRuntimeService``; `environment` must be set as well."""

    def resolve(*_: object, **__: object) -> str:
        return f"http://{address}/api/v1"

    return {
        "channel": "ibm_quantum_platform",
        "token": TOKEN,
        "instance": CRN,
        "url": f"http://{address}",
        "url_resolver": resolve,
    }


@contextmanager
def pointed(address: str, home: Path) -> Iterator[dict[str, Any]]:
    """Configure the client for an emulator, with an empty home and working directory.

    Args:
        address: Host and port of the emulator.
        home: An empty folder.

    Yields:
        Arguments for ``QiskitRuntimeService``.
    """
    before = Path.cwd()
    with mock.patch.dict(os.environ, environment(address) | {"HOME": str(home)}):
        os.chdir(home)
        try:
            yield service_arguments(address)
        finally:
            os.chdir(before)
