"""Who may come in: a token that works once, and the sessions that it opens."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def _random() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that was let in.

    Attributes:
        key: What the browser shows with each request.
        form_key: What every form of the session carries, so that no other page can send one.
        is_framed: Whether a notebook shows it in a frame. Then the key stands in the path, as
            browsers keep cookies from frames.
    """

    key: str = field(default_factory=_random, repr=False)
    form_key: str = field(default_factory=_random, repr=False)
    is_framed: bool = False

    def has_form_key(self, given: str) -> bool:
        """Return whether a form is one of this session."""
        return hmac.compare_digest(given.encode(), self.form_key.encode())


class Sessions:
    """The sessions of one server. Any thread may use it.

    Attributes:
        script_key: What scripts show to read JSON and metrics; it changes nothing.
        on_new_token: Called with each new token after the first, as the one before was used.
    """

    def __init__(self) -> None:
        self.script_key = _random()
        self.on_new_token: Callable[[str], object] = lambda _: None
        self._token = _random()
        self._by_digest: dict[bytes, Session] = {}
        self._lock = threading.Lock()

    @property
    def token(self) -> str:
        """The token that opens the next session, once."""
        return self._token

    def redeem(self, token: str) -> Session | None:
        """Open a session for a token, or return ``None`` for a wrong or used one."""
        with self._lock:
            if not hmac.compare_digest(token.encode(), self._token.encode()):
                return None
            self._token = _random()
        self.on_new_token(self._token)
        return self.open()

    def open(self, *, is_framed: bool = False) -> Session:
        """Open a session without a token."""
        session = Session(is_framed=is_framed)
        self._by_digest[_digest(session.key)] = session
        return session

    def find(self, key: str) -> Session | None:
        """Return the session with a key, or ``None``."""
        # Looked up by a digest: how long that takes says nothing of the keys.
        return self._by_digest.get(_digest(key))

    def is_script_key(self, given: str) -> bool:
        """Return whether a script showed the right key."""
        return hmac.compare_digest(given.encode(), self.script_key.encode())


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
