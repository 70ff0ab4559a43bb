"""A PostgreSQL server, on which each case has a schema of its own."""

from __future__ import annotations

import os
import uuid

from sqlalchemy import NullPool, create_engine, make_url, text

URL = os.environ.get("QJM_TEST_POSTGRES_URL")


class Server:
    """Makes schemas, and drops them at the end.

    Args:
        url: Where it is.
    """

    def __init__(self, url):
        self._url = url
        self._names = []
        plain = make_url(url).set(drivername="postgresql+psycopg")
        # Each time another connection, as one that is kept may be dead, and wait for ever.
        self._engine = create_engine(plain, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def new_schema(self):
        """Return the URL of a new schema."""
        name = f"qjm_{uuid.uuid4().hex}"
        self._run(f"CREATE SCHEMA {name}")
        self._names.append(name)
        return f"{self._url}?options=-csearch_path%3D{name}"

    def close(self):
        for name in self._names:
            self._run(f"DROP SCHEMA {name} CASCADE")
        self._engine.dispose()

    def _run(self, statement):
        with self._engine.connect() as connection:
            connection.execute(text(statement))
