"""The databases that the contract is proved on."""

from __future__ import annotations

import os
import signal
import traceback
import uuid
import warnings

import pytest
from sqlalchemy import create_engine, text

pytest.register_assert_rewrite(
    "qiskit_job_manager.testing.store_cloud_contract",
    "qiskit_job_manager.testing.store_contract",
    "qiskit_job_manager.testing.store_driving_contract",
    "qiskit_job_manager.testing.store_moving_contract",
)


@pytest.fixture
def store_path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def execute():
    """Runs SQL on a server, past the store."""

    def execute(url, *statements):
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    return execute


@pytest.fixture
def url(execute):
    """A schema of its own on the server, dropped at the end; its connections can be told apart."""
    server = os.environ.get("QJM_TEST_POSTGRES_URL")
    if server is None:
        pytest.skip("QJM_TEST_POSTGRES_URL names no database")
    name = f"qjm_{uuid.uuid4().hex}"
    execute(server, f"CREATE SCHEMA {name}")
    yield f"{server}?options=-csearch_path%3D{name}%20-capplication_name%3D{name}"
    execute(server, f"DROP SCHEMA {name} CASCADE")


class Child:
    """A forked process that may be told to die, and can say one word."""

    def __init__(self, work):
        self._read, write = os.pipe()
        with warnings.catch_warnings():
            # Python warns of forks beside threads; what runs in the child takes no lock of theirs.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            self._work(work, write)
        os.close(write)
        self._status = None

    @staticmethod
    def _work(work, write):
        try:
            work(lambda word: os.write(write, word.encode()))
        except BaseException:  # noqa: BLE001  # the child ends here, whatever happened
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def word(self):
        """Wait for what the child says; empty when it died without a word."""
        return os.read(self._read, 1000).decode()

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self):
        """Return the exit code; negative: the signal that ended it."""
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self._read)
        return self._status


@pytest.fixture
def fork():
    """Start ``work(say)`` in a forked process, killed at the end at the latest."""
    children = []

    def start(work):
        children.append(Child(work))
        return children[-1]

    yield start
    for child in children:
        if child._status is None:
            child.kill()
