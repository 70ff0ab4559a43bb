"""What tests of several folders need: stores, managers, a database server, patience.

Properties are tried on the same examples in every run, so that what passed passes again.
``HYPOTHESIS_PROFILE=new make test`` tries others. ``HYPOTHESIS_PROFILE=few`` is for many short runs
in a row: it tries few examples, and does not look for the simplest one that fails.
"""

from __future__ import annotations

import os
import signal
import time
import uuid

import pytest
from hypothesis import Phase, settings

settings.register_profile("same", derandomize=True)
settings.register_profile("new")
settings.register_profile(
    "few", derandomize=True, max_examples=20, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# A shell without job control makes what it starts in the background ignore Ctrl-C, and with it
# all processes that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest.register_assert_rewrite(
    "qiskit_job_manager.testing.backend_contract",
    "qiskit_job_manager.testing.store_contract",
    "qiskit_job_manager.testing.store_driving_contract",
    "qiskit_job_manager.testing.store_moving_contract",
)


@pytest.fixture
def store_path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def manager(store_path):
    """A manager on a store of its own."""
    from qiskit_job_manager import JobManager

    with JobManager(store_path) as manager:
        yield manager


@pytest.fixture(scope="session")
def wait_until():
    """Ask until the answer is true, and return it."""

    def wait_until(condition, within_s=60.0):
        until_s = time.monotonic() + within_s
        while not (found := condition()):
            assert time.monotonic() < until_s, "the condition did not come true"
            time.sleep(0.005)
        return found

    return wait_until


@pytest.fixture
def short_polls(monkeypatch):
    """Ask about remote jobs at once: half a second is for services that are far away."""
    from qiskit_job_manager.lifecycle import decisions

    monkeypatch.setattr(decisions, "_REMOTE_POLL_S", (0.01, 0.1))


@pytest.fixture
def execute():
    """Run SQL on a server, past the store."""
    from sqlalchemy import create_engine, text

    def execute(url, *statements):
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    return execute


@pytest.fixture
def postgresql_url(execute):
    """A schema of its own on the server, dropped at the end; its connections can be told apart."""
    server = os.environ.get("QJM_TEST_POSTGRES_URL")
    if server is None:
        pytest.skip("QJM_TEST_POSTGRES_URL names no database")
    name = f"qjm_{uuid.uuid4().hex}"
    execute(server, f"CREATE SCHEMA {name}")
    yield f"{server}?options=-csearch_path%3D{name}%20-capplication_name%3D{name}"
    execute(server, f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(scope="session", autouse=True)
def data_home(tmp_path_factory):
    """What stores keep in the user's data folder goes into a folder of the tests."""
    before = os.environ.get("XDG_DATA_HOME")
    os.environ["XDG_DATA_HOME"] = str(tmp_path_factory.mktemp("data"))
    yield
    if before is None:
        del os.environ["XDG_DATA_HOME"]
    else:
        os.environ["XDG_DATA_HOME"] = before
