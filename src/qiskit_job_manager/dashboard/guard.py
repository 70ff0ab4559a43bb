"""The guard before all pages: the Host, the session, the Origin, and the headers of answers.

A token that works once opens a session.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
import threading
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_FORM_BYTES = 64 * 1024
_LONGEST_URL = 8 * 1024
_FRAME = "/s/"
_OPEN_TO_ALL = ("/static/",)
_FOR_SCRIPTS = ("/api/", "/metrics")
_FRAMING_NOTEBOOKS = (
    "http://localhost:* http://127.0.0.1:* https://localhost:* https://127.0.0.1:* vscode-webview:"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the server is reached.

    Attributes:
        host: The address that it listens on.
        port: The port.
        prefix: The path before all pages, where a proxy leaves it there: ``""`` or ``"/a/b"``.
        public: The host with its port as the browser names it behind a proxy, or ``None``.
        notebook: The origin of the notebook that may frame pages, or ``None``: any of this machine.
    """

    host: str
    port: int
    prefix: str = ""
    public: str | None = None
    notebook: str | None = None

    @property
    def cookie(self) -> str:
        """Name of the cookie: browsers give cookies of one port to all others."""
        return f"qjm-{self.port}"


class Guard:
    """Lets in only requests to the right host, of a session, that no other page has sent.

    Args:
        app: The pages.
        sessions: The sessions.
        place: Where the server is reached.
        ask_to_log_in: Makes the page for those who are not let in; it takes the status.
        welcome: Makes the page after the token was right.
        is_read_only: Whether every POST is refused.
    """

    def __init__(  # what stands between the network and the pages
        self,
        app: ASGIApp,
        *,
        sessions: Sessions,
        place: Place,
        ask_to_log_in: Callable[[int], Response],
        welcome: Callable[[], Response],
        is_read_only: bool,
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._place = place
        self._ask_to_log_in = ask_to_log_in
        self._welcome = welcome
        self._is_read_only = is_read_only
        self._names = _names_of(place)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on to the pages."""
        if scope["type"] != "http":
            return  # no page uses web sockets: the server closes them
        headers = Headers(scope=scope)
        session = self._enter(scope, headers)
        answer = self._refusal(scope, headers, session) or self._app
        await answer(scope, receive, _with_headers(send, session, self._place))

    def _enter(self, scope: Scope, headers: Headers) -> Session | None:
        """Return the session of a request, and leave the path of the page in the scope."""
        path = scope["path"]
        prefix = self._place.prefix
        if prefix and (path == prefix or path.startswith(f"{prefix}/")):
            path = path[len(prefix) :] or "/"
        session = self._sessions.find(_cookie(headers, self._place.cookie))
        if path.startswith(_FRAME):
            key, slash, rest = path[len(_FRAME) :].partition("/")
            session = self._sessions.find(key)
            path = f"/{rest}" if slash else path
        scope["path"], scope["raw_path"] = path, path.encode()
        scope["session"] = session
        return session

    def _refusal(self, scope: Scope, headers: Headers, session: Session | None) -> Response | None:
        """Return the answer to a request that no page may see, or ``None``."""
        path, method = scope["path"], scope["method"]
        if not (_has_path_key(session) or self._is_our_host(headers.get("host", ""))):
            return _refused(421, "This host name is not that of the dashboard.")
        if len(scope["query_string"]) > _LONGEST_URL or len(path) > _LONGEST_URL:
            return _refused(414, "The address is too long.")
        if method == "GET" and path == "/" and (token := _token_in(scope)):
            return self._welcome() if session else self._log_in(token)
        if path.startswith(_OPEN_TO_ALL):
            return None
        if session is None:
            return self._for_script(path, method, headers)
        return self._check_post(headers, session) if method == "POST" else None

    def _log_in(self, token: str) -> Response:
        session = self._sessions.redeem(token)
        if session is None:
            return self._ask_to_log_in(403)
        # Not a redirect: its request would be one that another page began, without the cookie.
        page = self._welcome()
        where = self._place.prefix or "/"
        page.set_cookie(
            self._place.cookie, session.key, path=where, httponly=True, samesite="strict"
        )
        return page

    def _for_script(self, path: str, method: str, headers: Headers) -> Response | None:
        if not path.startswith(_FOR_SCRIPTS):
            return self._ask_to_log_in(401)
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if method == "GET" and scheme.lower() == "bearer" and self._sessions.is_script_key(key):
            return None
        return _refused(401, "Show the key for scripts: Authorization: Bearer KEY.")

    def _check_post(self, headers: Headers, session: Session) -> Response | None:
        if self._is_read_only:
            return _refused(403, "This dashboard is read-only.")
        if not (_has_path_key(session) or self._is_our_origin(headers)):
            return _refused(403, "This request came from another page.")
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length) > LARGEST_FORM_BYTES:
            return _refused(413, "The form is too large.")
        return None

    def _is_our_origin(self, headers: Headers) -> bool:
        origin = urlsplit(headers.get("origin", ""))
        ours = {headers.get("host", ""), self._place.public or ""} - {""}
        return origin.scheme in ("http", "https") and origin.netloc in ours

    def _is_our_host(self, host: str) -> bool:
        if host == self._place.public:
            return True
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self._names or _is_address(name)


def _has_path_key(session: Session | None) -> bool:
    """Return whether the path itself proves who asks: no other page knows it.

    Such a request may come through the proxy of a notebook, which changes the host.
    """
    return session is not None and session.is_framed


def _names_of(place: Place) -> frozenset[str]:
    own = {place.host, "localhost"}
    if place.host not in ("127.0.0.1", "::1", "localhost"):
        own |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    return frozenset(own)


def _is_address(name: str) -> bool:
    # A page that made its own name point to this machine has a name, not an address.
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _cookie(headers: Headers, name: str) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _token_in(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return parse_qs(query).get("token", [""])[0] if "token=" in query else ""


def _refused(status: int, why: str) -> Response:
    return PlainTextResponse(f"{why}\n", status_code=status)


def _with_headers(send: Send, session: Session | None, place: Place) -> Send:
    framed = _has_path_key(session)
    ancestors = f"'self' {place.notebook or _FRAMING_NOTEBOOKS}" if framed else "'none'"
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    )

    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = policy
            for name, value in _HEADERS.items():
                headers[name] = value
            if not framed:
                headers["X-Frame-Options"] = "DENY"
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sender


# -- sessions --------------------------------------------------------------------------------------


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
