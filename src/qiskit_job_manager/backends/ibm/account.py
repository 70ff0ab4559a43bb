"""Finds the account that a service belongs to, without revealing who the user is.

The client keeps accounts in its file and in environment variables. No token leaves this module.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN_VARIABLE = "QISKIT_IBM_TOKEN"  # noqa: S105  # the name of a variable, not a token


def account_label(account: Mapping[str, Any] | None) -> str:
    """Return a label under which an account's limits are counted: equal tokens, equal labels.

    Args:
        account: The account as the client returns it, or ``None``.
    """
    token = str((account or {}).get("token") or "")
    if not token:
        return "ibm"
    digest = hashlib.sha256(b"qiskit-job-manager account:" + token.encode()).hexdigest()
    return f"ibm {digest[:12]}"


def saved_account(name: str | None, channel: str | None) -> Mapping[str, Any] | None:
    """Return the account that the client would open, as saved in its file, or ``None``.

    Args:
        name: Its name, or ``None`` for the default one.
        channel: Its channel, or ``None`` for any.
    """
    if name is None and os.environ.get(_TOKEN_VARIABLE):
        return {"token": os.environ[_TOKEN_VARIABLE]}
    saved = _saved()
    if name is not None:
        return saved.get(name)
    fitting = [each for each in saved.values() if channel in (None, each.get("channel"))]
    default = [each for each in fitting if each.get("is_default_account")]
    return next(iter(default or fitting), None)


def how_saved(service: Any) -> dict[str, str] | None:
    """Return the fields of an `IBMUri` by which another process opens the same account.

    Args:
        service: The client's service object.

    Returns:
        The fields, or ``None`` if the account is not saved completely: an address that a function
        computes cannot be saved.
    """
    if getattr(service, "_url_resolver", None) is not None:
        return None
    own = service.active_account() or {}
    if os.environ.get(_TOKEN_VARIABLE):
        return {} if os.environ[_TOKEN_VARIABLE] == own.get("token") else None
    for name, account in _saved().items():
        if account.get("token") == own.get("token") and account.get("url") == own.get("url"):
            return {"account": name}
    return None


def _saved() -> dict[str, dict[str, Any]]:
    from qiskit_ibm_runtime import QiskitRuntimeService

    try:
        found: dict[str, dict[str, Any]] = QiskitRuntimeService.saved_accounts()
    except Exception:  # noqa: BLE001  # opening the account reports what is wrong with the file
        return {}
    return found
