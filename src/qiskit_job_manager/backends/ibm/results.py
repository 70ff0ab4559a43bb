"""From the text that the service sent to what is stored, or to why nothing is."""

from __future__ import annotations

import json
from typing import Any


def is_page(text: str) -> bool:
    """Say whether it is a web page, of a gateway, that came in place of a result."""
    return text.lstrip()[:1] == "<"


def read_whole(text: str) -> Any | None:
    """Return what it says if it is JSON from its beginning to its end, as a result is.

    Returns:
        Plain values, or ``None`` where it is no JSON, or cut.
    """
    try:
        return json.loads(text)
    except ValueError:
        return None


def is_result(text: str) -> bool:
    """Say whether it looks like the result of a primitive, rather than words on a failure."""
    return text.lstrip()[:1] == "{" and ('"__type__"' in text or '"schema_version"' in text)
