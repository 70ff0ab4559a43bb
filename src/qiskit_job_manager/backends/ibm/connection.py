"""Opens one of IBM's backends when it is first needed, and again when its token has expired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.backends.ibm.errors import (
    failed_request_behind,
    is_login_missing,
    read_error,
)
from qiskit_job_manager.backends.provider_errors import message_of
from qiskit_job_manager.errors import (
    BackendError,
    CredentialsError,
    JobManagerError,
    TransientBackendError,
    UnknownBackendError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from qiskit_job_manager.backends.ibm.uri import IBMUri

_SAVE = (
    "save one with QiskitRuntimeService.save_account(token=..., instance=..., "
    "set_as_default=True), or hand over a backend object"
)
_ACCOUNT_ERRORS = ("AccountNotFoundError", "InvalidAccountError", "IBMNotAuthorizedError")


@dataclass(frozen=True, slots=True)
class OpenBackend:
    """A service and a backend that were opened together; both hold connections.

    Attributes:
        service: The client's service.
        backend: The client's backend, or ``None`` if only its jobs can be read.
    """

    service: Any
    backend: Any

    @property
    def client(self) -> Any:
        """The object by which the client itself talks to the service.

        The public `service.jobs` hides the states of jobs, copies the description of the backend
        for each job, and its paging may never end. So this object is used for lists.
        """
        instance = None if self.backend is None else self.backend._instance
        return self.service._get_api_client(instance)


class Connection:
    """Opens a backend, and keeps it open. Safe to use from any thread.

    Two threads may both open it at first; one of the two is then kept. No thread waits for another,
    because a call that hangs is abandoned and never ends.

    Args:
        uri: How to open it, or ``None`` if it cannot be opened by name.
        held: What the user handed over, or ``None``.
    """

    def __init__(self, uri: IBMUri | None, held: OpenBackend | None = None) -> None:
        self._uri_fields = uri
        self._name = str("" if held is None else held.backend.name) if uri is None else uri.backend
        self._opened = held
        self._service: OpenBackend | None = None

    @property
    def name(self) -> str:
        """Name of the backend."""
        return self._name

    @property
    def known(self) -> OpenBackend | None:
        """The open backend, or ``None`` if it was not opened yet; this never uses the network."""
        return self._opened

    @property
    def opened(self) -> OpenBackend:
        """The service and the backend, opened if need be.

        Raises:
            UnknownBackendError: There is no such backend, or the client is not installed.
            CredentialsError: There is no account, or it has no access to the instance.
            TransientBackendError: The service could not be asked.
        """
        found = self._opened
        if found is None:
            found = self._opened = self._open()
        return found

    @property
    def for_reading(self) -> OpenBackend:
        """The same; if the backend is retired, the service alone, which can still read its jobs.

        Raises:
            CredentialsError: As `opened`.
            TransientBackendError: As `opened`.
        """
        if self._opened is None and self._service is not None:
            return self._service
        try:
            return self.opened
        except UnknownBackendError:
            if self._uri_fields is None:  # pragma: no cover  # what was handed over is open
                raise
            self._service = OpenBackend(_service_of(self._uri_fields), None)
            return self._service

    def renew(self, stale: OpenBackend) -> None:
        """Forget an open backend whose token has expired, so that it is opened again.

        The client never gets another token by itself.

        Args:
            stale: The open backend; another thread may have replaced it already.

        Raises:
            CredentialsError: It cannot be opened by name.
        """
        if self._uri_fields is None:
            raise CredentialsError("the account's token is not accepted any more")
        if self._opened is stale:
            self._opened = None
        if self._service is stale:
            self._service = None

    def _open(self) -> OpenBackend:
        if self._uri_fields is None:  # pragma: no cover  # what was handed over is never closed
            raise CredentialsError("it cannot be opened by name")
        return open_uri(self._uri_fields)


def open_uri(uri: IBMUri) -> OpenBackend:
    """Open a service with the user's saved account, and the backend on it.

    Raises:
        As `Connection.opened`.
    """
    service = _service_of(uri)
    return OpenBackend(service, _call(uri, lambda: _backend(uri, service)))


def _service_of(uri: IBMUri) -> Any:
    return _call(uri, lambda: _service(uri))


def _service(uri: IBMUri) -> Any:
    from qiskit_ibm_runtime import QiskitRuntimeService

    said = {"name": uri.account, "channel": uri.channel, "instance": uri.instance}
    return QiskitRuntimeService(**{key: value for key, value in said.items() if value is not None})


def _backend(uri: IBMUri, service: Any) -> Any:
    try:
        return service.backend(uri.backend, use_fractional_gates=uri.fractional_gates)
    except Exception as error:
        # The client raises this too if it could not ask the service. Asking for the description
        # of the backend shows which is true.
        if type(error).__name__ == "QiskitBackendNotFoundError":
            service._get_api_client().backend_configuration(uri.backend, refresh=True)
        raise


def _call(uri: IBMUri, ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except ImportError as error:
        raise UnknownBackendError(
            f"{uri.text!r} needs IBM's client, which is not installed: "
            'pip install "qiskit-job-manager[ibm]"'
        ) from error
    except JobManagerError:
        raise
    except Exception as error:
        raise _opening_failed(uri, error) from error


def _opening_failed(uri: IBMUri, error: Exception) -> BackendError | UnknownBackendError:
    """Sort what was raised by opening."""
    kind, text = type(error).__name__, f"{uri.text!r} cannot be opened: {message_of(error)}"
    trouble = failed_request_behind(error)
    if is_login_missing(error):
        return CredentialsError(f"{text}; {_SAVE}")
    if trouble is not None and trouble.status == 404:
        return UnknownBackendError(
            f"{uri.text!r} cannot be opened: {trouble.message}. It may be retired, or the instance "
            "may have no access to it: service.backends() lists those that there are"
        )
    if trouble is not None:
        return read_error(error, f"the description of {uri.text!r}")
    if kind in _ACCOUNT_ERRORS or "instance" in text.lower():
        return CredentialsError(f"{text}; {_SAVE}")
    return TransientBackendError(text)
