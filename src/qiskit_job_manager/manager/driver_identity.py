"""The name by which the store knows a driver."""

from __future__ import annotations

import os
import platform
import uuid
from typing import TYPE_CHECKING

from qiskit_job_manager.foreign_text import clean

if TYPE_CHECKING:
    from datetime import datetime


def new_owner(now: datetime) -> str:
    """Return a unique name for a driver, which says who it is: see `views.phrases.driver`."""
    machine = "-".join(clean(platform.node()).split()) or "this machine"
    return f"{uuid.uuid4().hex} {os.getpid()} {machine} {now:%Y-%m-%dT%H:%M:%SZ}"
