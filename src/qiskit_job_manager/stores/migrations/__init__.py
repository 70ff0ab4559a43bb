"""Numbered steps from one version of the schema to the next, run by Alembic."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Alembic keeps what it works on in global variables, so that two threads would migrate one store.
_one_at_a_time = threading.Lock()


def migrate(connection: Connection) -> None:
    """Bring the tables up to date, in the transaction that the connection is in."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    # The configuration file's syntax gives the per cent sign a meaning of its own.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    with _one_at_a_time:
        command.upgrade(config, "head")
