"""A schema of its own on the user's server, so that the user's store there is not touched."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONNECT_WITHIN_S = 10


@contextmanager
def own_schema(location: str) -> Iterator[tuple[str, str]]:
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
