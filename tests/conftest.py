"""What tests of several folders need: stores, managers, a database server, patience.

Properties are tried on the same examples in every run, so that what passed passes again.
``HYPOTHESIS_PROFILE=new make test`` tries others. ``HYPOTHESIS_PROFILE=few`` is for many short runs
in a row: it tries few examples, and does not look for the simplest one that fails.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from hypothesis import HealthCheck, Phase, settings

# Worker processes take seconds to start. Tests of them ask for them.
os.environ["QISKIT_JOB_MANAGER_WORKERS"] = "0"

# A busy machine may take long to make an example, and to try it, which is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", patient, derandomize=True)
settings.register_profile("new", patient)
settings.register_profile(
    "few", patient, derandomize=True, max_examples=20, phases=(Phase.explicit, Phase.generate)
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
    "qiskit_job_manager.testing.store_extending_contract",
    "qiskit_job_manager.testing.store_moving_contract",
    "qiskit_job_manager.testing.store_observing_contract",
    "qiskit_job_manager.testing.store_search_contract",
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


@pytest.fixture
def die_in_hand_over(store_path, monkeypatch):
    """Let a manager die while it hands over, with what came before in the store, block by block."""
    from qiskit_job_manager import JobManager
    from qiskit_job_manager.manager import pacing
    from qiskit_job_manager.stores.sql_store import SqlStore

    class Death(BaseException):
        pass

    def dying(experiments):
        yield from experiments
        raise Death

    def die(experiments, backend, **options):
        monkeypatch.setattr(pacing, "_BLOCKS_AT_ONCE", 1)
        with JobManager(store_path) as manager, monkeypatch.context() as patched:
            # The process is dead, and cleans up nothing.
            patched.setattr(SqlStore, "delete_job_set", lambda store, token: None)
            with pytest.raises(Death):
                manager.run(dying(experiments), backend, **options)

    return die


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


class Proxy:
    """Forwards to a server, until it stops to forward, or cuts all connections.

    Args:
        url: The server, as SQLAlchemy has it.
    """

    def __init__(self, url):
        self._target = url
        self._forwards = threading.Event()
        self._forwards.set()
        self._sockets = []
        self._listen()

    def _listen(self, port=0):
        self._server = socket.create_server(("127.0.0.1", port))
        self._port = self._server.getsockname()[1]
        Thread(target=self._accept, args=(self._server,), daemon=True).start()

    @property
    def url(self):
        target = self._target.set(host="127.0.0.1", port=self._port)
        return target.render_as_string(hide_password=False)

    def _accept(self, server):
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                there = socket.create_connection((self._target.host, self._target.port))
                self._sockets += [client, there]
                for pair in ((client, there), (there, client)):
                    Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._forwards.wait()
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def swallow(self):
        """Take all bytes, and pass none on: no packet arrives, no connection is closed."""
        self._forwards.clear()

    def forward(self):
        self._forwards.set()

    def refuse(self):
        """Cut all connections, and refuse new ones."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def accept(self):
        self._listen(self._port)


@pytest.fixture
def proxy_to():
    """Put a proxy on loopback before a server; it forwards again at the end of the test."""
    from sqlalchemy import make_url

    made = []

    def proxy_to(url):
        made.append(Proxy(make_url(url)))
        return made[-1]

    yield proxy_to
    for proxy in made:
        proxy.forward()


def _calibration(errors):
    """Errors of a gate by qubit; all else stays as it is."""

    def value(name, number):
        return {"name": name, "value": number, "unit": "s", "date": None}

    steady = [value("T1", 1e-4), value("T2", 1e-4), value("readout_error", 0.02)]
    gates = [
        {"gate": "sx", "qubits": [q], "parameters": [value("gate_error", error)]}
        for q, error in enumerate(errors)
    ]
    return {"qubits": [steady for _ in errors], "gates": gates}


@pytest.fixture
def recalibrate(store_path):
    """Record that a device was calibrated while it ran a job set that has ended.

    Of its qubits, 0 stays as it is, 1 moves by far, 2 a little, and nothing is known of others.
    """
    from qiskit_job_manager.codec.snapshots import encode_snapshot
    from qiskit_job_manager.model import Observation, ObservationKind
    from qiskit_job_manager.stores import open_store

    def recalibrate(name, after=(1e-3, 3e-3, 1.3e-3)):
        with contextlib.closing(open_store(store_path)) as store:
            record = store.job_set_named(name)
            looks = (
                ((1e-3,) * 3, record.created_at - timedelta(seconds=1)),
                (after, datetime.now(UTC)),
            )
            for errors, at in looks:
                snapshot = encode_snapshot(_calibration(errors))
                seen = Observation(ObservationKind.CALIBRATION, at, at, snapshot.sha256)
                store.observe(record.key, seen, snapshot)

    return recalibrate


@pytest.fixture(scope="session")
def on():
    """A circuit on one qubit of five."""
    from qiskit import QuantumCircuit

    def on(qubit, name=None, **metadata):
        made = QuantumCircuit(5, 1, name=name or f"on {qubit}", metadata=metadata)
        made.sx(qubit)
        made.measure(qubit, 0)
        return made

    return on
