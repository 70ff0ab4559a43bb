"""The services that carry notices to users: mail, chat, desktop and others, through Apprise.

An address of a service is a secret, as it has the tokens in it. It is never stored or logged: where
one must be named, its scheme stands for it.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from qiskit_job_manager.errors import InvalidArgumentError
from qiskit_job_manager.foreign_text import know_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

logger = logging.getLogger(__name__)

VARIABLE = "QISKIT_JOB_MANAGER_NOTIFY"
_EXTRA = 'pip install "qiskit-job-manager[notify]"'
_THREAD = "qjm-notify"
_PAUSES_S = (0.0, 1.0, 4.0)
"""Pauses before the tries."""
SENT_WITHIN_S = 20.0
"""How long one call of a service may take; one that takes longer is left to itself."""
_LAST_S = 8.0
"""How long it may take when the process is about to end."""
_STEP_S = 0.1


@dataclass(frozen=True, slots=True)
class Message:
    """What a service carries: plain texts, without secrets and control characters.

    Attributes:
        title: One line.
        body: A few lines.
        kind: ``"success"``, ``"failure"``, ``"warning"`` or ``"info"``.
    """

    title: str
    body: str
    kind: str


def chosen_addresses(notify: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the addresses that a user gave, or else those that the environment names.

    Those of the environment are not checked here: a command that only looks must not fail of them.

    Raises:
        InvalidArgumentError: As for `checked`.
    """
    if notify is None:
        return _addresses_in([os.environ.get(VARIABLE, "")])
    return checked(notify)


def checked(notify: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the addresses that a user gave, as one text with blanks between them, or a list.

    Raises:
        InvalidArgumentError: Apprise is missing, or does not understand one of them.
    """
    texts = [notify] if isinstance(notify, str) else list(notify or ())
    if not all(isinstance(each, str) for each in texts):
        msg = f"notify is of type {type(notify).__name__}; it is a URL, or a list of URLs"
        raise InvalidArgumentError(msg)
    addresses = _addresses_in(texts)
    for number, address in enumerate(addresses, 1):
        if _apprise().Apprise.instantiate(address) is None:
            msg = (
                f"address number {number} of notify, {shown(address)!r}, is none that Apprise "
                "understands: see https://appriseit.com/services/ for how each service is written"
            )
            raise InvalidArgumentError(msg)
    return addresses


def _addresses_in(texts: Iterable[str]) -> tuple[str, ...]:
    addresses = tuple(dict.fromkeys(part for text in texts for part in text.split()))
    for each in addresses:
        know_secret(each)
    return addresses


def shown(address: str) -> str:
    """Return what may be shown of an address: its scheme."""
    scheme, separator, _ = address.partition("://")
    return f"{scheme}://…" if separator and scheme.isalnum() else "…"


@cache
def _apprise() -> Any:
    # Its first use loads some hundred modules, of which some warn that they are old.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import apprise
        except ModuleNotFoundError as error:
            raise InvalidArgumentError(f"notify needs a package: {_EXTRA}") from error
        _hush()
        apprise.Apprise.instantiate("json://127.0.0.1")
    return apprise


class Service:
    """One service. One thread at a time may use it.

    Args:
        address: Its URL, as Apprise has it.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._call: _Call | None = None
        self._trouble: str | None = None

    def send(self, message: Message, hurry: threading.Event) -> None:
        """Send a message; what fails is logged once, until something is sent again.

        Args:
            message: The message.
            hurry: Set when the process is about to end.
        """
        trouble = self._sent(message, hurry)
        if trouble and trouble != self._trouble:
            words = "a notice could not be sent by %s: %s"
            logger.warning(words, shown(self._address), trouble, extra={"event": "not told"})
        self._trouble = trouble

    def _sent(self, message: Message, hurry: threading.Event) -> str | None:
        """Return what was in the way, or ``None``."""
        if self._call is not None and self._call.is_under_way:
            return "it still does not answer"
        trouble: str | None = None
        for pause_s in _PAUSES_S:
            if hurry.wait(pause_s) and trouble:
                break
            call = self._call = _Call(self._address, message)
            if not call.ended_within(SENT_WITHIN_S, hurry):
                return f"it did not answer within {SENT_WITHIN_S:g} s"
            trouble = call.trouble
            if trouble is None:
                break
        return trouble


class _Call:
    """A call of a service in a thread of its own, which may hang."""

    def __init__(self, address: str, message: Message) -> None:
        self.trouble: str | None = None
        self._over = threading.Event()
        run = threading.Thread(target=self._run, args=(address, message), name=_THREAD, daemon=True)
        run.start()

    @property
    def is_under_way(self) -> bool:
        return not self._over.is_set()

    def ended_within(self, seconds: float, hurry: threading.Event) -> bool:
        """Wait for its end, but not so long when the process is about to end."""
        left = round(seconds / _STEP_S)
        while left > 0 and not self._over.wait(_STEP_S):
            left = min(left, round(_LAST_S / _STEP_S)) if hurry.is_set() else left
            left -= 1
        return self._over.is_set()

    def _run(self, address: str, message: Message) -> None:
        try:
            service = _apprise().Apprise.instantiate(address)
            if service is None:
                self.trouble = "Apprise does not understand the address"
            elif not _notify(service, message):
                self.trouble = "it refused, or could not be reached"
        except Exception as error:  # noqa: BLE001  # code of others, and a thread of its own
            # The text of the error may have the address in it.
            self.trouble = f"it failed with {type(error).__name__}"
        finally:
            self._over.set()


def _notify(service: Any, message: Message) -> bool:
    """Send a message in this thread, as the service writes texts: as HTML, for instance.

    `Apprise.notify` would use threads of a pool, and the interpreter waits for these at its exit.
    """
    apprise = _apprise()
    converted = apprise.conversion.convert_between
    plain, taken = apprise.NotifyFormat.TEXT, service.notify_format
    formats = taken if isinstance(taken, tuple) else (taken,)  # before 2.0 it is one
    wanted = plain if plain in formats else formats[0]
    return bool(
        service.notify(
            title=converted(plain, wanted, message.title),
            body=converted(plain, wanted, message.body),
            notify_type=getattr(apprise.NotifyType, message.kind.upper()),
            body_format=wanted,
        )
    )


# -- what libraries log ---------------------------------------------------------------------------

_TALKATIVE = ("apprise", "urllib3.connectionpool")


class _NotOurs(logging.Filter):
    """Drops what our threads log, as it would have addresses with their tokens in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.threadName != _THREAD


def _hush() -> None:
    for name in _TALKATIVE:
        talkative = logging.getLogger(name)
        if not any(isinstance(each, _NotOurs) for each in talkative.filters):
            talkative.addFilter(_NotOurs())
