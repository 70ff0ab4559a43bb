"""The border for texts of others: exceptions and messages of providers, ids, rows of archives.

Such a text may carry the token of an account (in a header, a URL, an account as JSON), and
characters that a database cannot keep or that a terminal obeys. `clean` redacts secrets and escapes
these characters. It is called where the text enters: by the errors of this package, and by the
nouns that bring a provider's words to the store. A cleaned text stays the same when it is cleaned
again.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
import unicodedata
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

REDACTED = "***"

_SHORTEST_SECRET = 8
_LOOK_AGAIN_S = 1.0
_LONGEST_KEPT = 2000
_ACCOUNTS = Path("~/.qiskit/qiskit-ibm.json")
_LARGEST_ACCOUNTS_BYTES = 1 << 20

_SECRET_NAME = re.compile(
    r"token|secret|passw(or)?d|passphrase|api_?key|access_?key|private_?key|credential|auth",
    re.IGNORECASE,
)

# What a value is called that must not be shown, in JSON, keyword arguments, headers and queries.
_NAMES = (
    r"(?:token|secret|passw(?:or)?d|passphrase|api[_-]?key|access[_-]?key|private[_-]?key|"
    r"signature|credentials?|pwd|x-auth)"
)
_PATTERNS = [
    # Headers go first, as their values have several words. A scheme stays, its value goes.
    (
        (
            r"(authorization[\"']?\s*[:=]\s*(?:b?[\"'])?)((?:bearer|basic|digest|apikey|token|negotiate"
            r"|aws4-hmac-sha256)\s+)?[^\"'\r\n,;})]+"
        ),
        rf"\1\2{REDACTED}",
    ),
    (r"((?:set-)?cookie[\"']?\s*[:=]\s*(?:b?[\"'])?)[^\"'\r\n})]+", rf"\1{REDACTED}"),
    (r"\b(bearer|basic|apikey)\s+[a-z0-9_.~+/=-]{8,}", rf"\1 {REDACTED}"),
    # https://user:password@host, and a token in place of the user.
    (r"(://[^\s/:@\"']*:)[^\s/@\"']+@", rf"\1{REDACTED}@"),
    (r"://(?=[^\s/:@\"']*\d)[^\s/:@\"']{16,}@", rf"://{REDACTED}@"),
    # "token": "…", token='…', X-API-Key: …, ?access_token=…&
    (rf"({_NAMES}\\*[\"']?\s*[:=]\s*(?:b?\\*[\"']))(?:(?!\\*[\"']).)+", rf"\1{REDACTED}"),
    (rf"({_NAMES}\s*[:=]\s*)[^\s&\"'<>,;(){{}}\[\]]+", rf"\1{REDACTED}"),
    (r"([?&](?:key|sig|code|auth)=)[^\s&\"'<>]+", rf"\1{REDACTED}"),
    # "invalid token k9Qz77secret…": a long word with digits after what names it.
    (
        (
            r"((?:token|api[ _-]?key|secret|password)\s+(?:is\s+|was\s+)?[\"'(<]?)"
            r"(?=[a-z0-9_.+/=-]*\d)[a-z0-9_.+/=-]{12,}"
        ),
        rf"\1{REDACTED}",
    ),
    # Tokens that are known by their form: JWT, those of well-known services, IBM's former ones.
    (r"\beyJ[a-z0-9_-]{5,}\.[a-z0-9_-]{5,}\.[a-z0-9_-]*", REDACTED),
    (
        r"\b(?:gh[pousr]_|github_pat_|glpat-|hf_|xox[abprs]-|sk-|AKIA|AIza)[a-z0-9_-]{12,}",
        REDACTED,
    ),
    (r"\b[0-9a-f]{128}\b", REDACTED),
    (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", REDACTED),
]
_SHAPES = [(re.compile(p, re.IGNORECASE | re.DOTALL), new) for p, new in _PATTERNS]
# Without one of these no pattern can match, so that most texts are looked at once.
_HINT = re.compile(
    r"token|secret|passw|passphrase|key|pwd|signature|credential|auth|cookie|bearer|basic|@|eyJ|gh._|"
    r"github_pat|glpat|hf_|xox|sk-|AKIA|AIza|[0-9a-f]{128}|[?&](?:sig|code)=",
    re.IGNORECASE,
)


def clean(text: str) -> str:
    r"""Return a text of others without secrets and without characters that do harm.

    Example:
        >>> clean("401 for https://api.example.org/v1?access_token=k9Qz77&x=1")
        '401 for https://api.example.org/v1?access_token=***&x=1'
        >>> clean("no answer: \x1b[2J")
        'no answer: \\x1b[2J'
    """
    if len(text) > _LONGEST_KEPT:
        return _clean.__wrapped__(text, _known.values())
    return _clean(text, _known.values())


def storable(text: str) -> str:
    r"""Return a text that every database keeps; all others, such as ids, stay as they are.

    A zero byte and half a surrogate pair are escaped, as ``\x00`` and ``\ud800``.
    """
    if "\0" not in text and text.isascii():
        return text
    return "".join(_escaped(c) if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def know_secret(value: str) -> None:
    """Redact this value from now on; for adapters that hold a token of which nothing else knows."""
    _known.add(value)


@lru_cache(maxsize=1024)
def _clean(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, REDACTED)
    if _HINT.search(text):
        for shape, new in _SHAPES:
            text = shape.sub(new, text)
    if text.isprintable():
        return text
    return "".join(c if _is_harmless(c) else _escaped(c) for c in text.replace("\r\n", "\n"))


def _is_harmless(character: str) -> bool:
    is_space = character in "\n\t" or unicodedata.category(character) == "Zs"
    return is_space or character.isprintable()


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


class _KnownSecrets:
    """The values of secrets that this process may have: its environment's, of saved accounts."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._values: tuple[str, ...] = ()
        self._looked_s = float("-inf")

    def add(self, value: str) -> None:
        """Know one more."""
        self._given.add(value)
        self._looked_s = float("-inf")

    def values(self) -> tuple[str, ...]:
        """Return all of them and the forms that they have in URLs and headers, longest first."""
        now_s = time.monotonic()
        if now_s - self._looked_s > _LOOK_AGAIN_S:
            self._looked_s = now_s
            plain = {*self._given, *_in_environment(), *_in_accounts()}
            forms = {form for value in plain for form in _forms(value.strip())}
            self._values = tuple(sorted(forms, key=lambda form: (-len(form), form)))
        return self._values


_known = _KnownSecrets()


def _in_environment() -> list[str]:
    # A path, as of a file of credentials, is no secret.
    return [
        value
        for name, value in os.environ.items()
        if _SECRET_NAME.search(name) and os.sep not in value[:1] and not value.isdigit()
    ]


def _in_accounts() -> list[str]:
    path = _ACCOUNTS.expanduser()
    try:
        if path.stat().st_size > _LARGEST_ACCOUNTS_BYTES:
            return []
        accounts = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    each = accounts.values() if isinstance(accounts, dict) else ()
    tokens = [account.get("token") for account in each if isinstance(account, dict)]
    return [token for token in tokens if isinstance(token, str)]


def _forms(value: str) -> set[str]:
    if len(value) < _SHORTEST_SECRET:
        return set()
    encoded = base64.b64encode(value.encode("utf-8", "replace")).decode()
    return {value, quote(value, safe=""), json.dumps(value)[1:-1], encoded, encoded.rstrip("=")}
