"""Which of the user's accounts a service belongs to, without telling who the user is.

Accounts are those that the user saved with the client, or put into its environment variables. No
token leaves this module.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN_VARIABLE = "QISKIT_IBM_TOKEN"  # noqa: S105  # the name of a variable, not a token


def account_label(account: Mapping[str, Any] | None) -> str:
    """Return what stands for an account where limits are counted: the same for the same token.

    Args:
        account: As the client gives it, or ``None`` where there is none.
    """
    token = str((account or {}).get("token") or "")
    if not token:
        return "ibm"
    digest = hashlib.sha256(b"qiskit-job-manager account:" + token.encode()).hexdigest()
    return f"ibm {digest[:12]}"


def saved_account(name: str | None, channel: str | None) -> Mapping[str, Any] | None:
    """Return the account that the client would open, read from its file; ``None``: none is there.

    Args:
        name: Its name, or ``None`` for the default one.
        channel: Its channel, if the user said one.
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
    """Return how another process opens the same account, as fields of a `IBMUri`.

    Args:
        service: The client's service object.

    Returns:
        The fields, or ``None`` where the account is not saved, or not all of it: an address that a
        function makes cannot be.
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
    except Exception:  # noqa: BLE001  # whatever is wrong with the file, opening it will say
        return {}
    return found
