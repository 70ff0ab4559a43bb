"""Where all is tried: a folder beside the store, and on a server a schema of its own.

So the user's store is not touched. Both are removed at the end.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from qiskit_job_manager import stores
from qiskit_job_manager.errors import StoreNotWritableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRATCH = ".qjm-selftest-"
_CONNECT_WITHIN_S = 10


@dataclass(frozen=True, slots=True)
class Ground:
    """Where all is tried.

    Attributes:
        folder: A folder of its own, on the file system of the store.
        store: The place of a store of its own.
        is_server: Whether that is a server.
    """

    folder: Path
    store: str
    is_server: bool


@contextmanager
def scratch(location: str | None) -> Iterator[tuple[Ground | None, str]]:
    """Give a folder beside the store, and on a server a schema, while the block lasts."""
    named = stores.default_location() if location is None else location
    try:
        path = stores.sqlite_path(named)
        parent = Path(tempfile.gettempdir()) if path is None else _made(path.parent)
        folder = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=parent))
    except (OSError, StoreNotWritableError) as error:
        yield None, f"no folder can be made where the store is: {error}"
        return
    try:
        if path is not None:
            yield Ground(folder, str(folder / "store.db"), is_server=False), ""
            return
        with _own_schema(named) as (url, trouble):
            yield (Ground(folder, url, is_server=True) if url else None), trouble
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@contextmanager
def _own_schema(location: str) -> Iterator[tuple[str, str]]:
    """Give the URL of a store in a new schema, which is dropped at the end; or what was in the way.

    Args:
        location: URL of the user's store.
    """
    name = f"qjm_selftest_{uuid.uuid4().hex}"
    url = make_url(location).set(drivername="postgresql+psycopg")
    engine = create_engine(url, connect_args={"connect_timeout": _CONNECT_WITHIN_S})
    try:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
    except SQLAlchemyError as error:
        engine.dispose()
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        yield "", f"no schema can be made on the server, so nothing was tried there: {reason}"
        return
    try:
        options = {"options": f"-csearch_path={name}"}
        yield url.update_query_dict(options).render_as_string(hide_password=False), ""
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
        engine.dispose()
