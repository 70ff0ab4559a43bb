"""A store with all that a dashboard can show, and a client that was let in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from html import unescape

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.model import JobState
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.store_samples import (
    complete,
    draft,
    hand_over,
    must_claim,
    step,
    submission,
    the_set,
)

pytest.importorskip("starlette", reason="the dashboard's packages are not installed")
pytest.importorskip("httpx2", reason="Starlette's client needs it")

HOSTILE = [
    "<script>document.title = 'owned'</script>",
    '"><img src=x onerror="document.title = 1">',
    "javascript:document.title='owned'",
    "\u202egnp.exe\u202c right to left",
    "{{ 7 * 7 }} {% raw %}",
    "line\nbreak \x1b[31m red \x00 zero",
    "long " + "x" * 10_000,
]
"""What others may name: none of it may act, and all of it must be shown."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="module")
def swept(folder):
    """A store with a finished sweep and one that waits; its path."""
    from qiskit import QuantumCircuit

    circuits = []
    for number in range(12):
        circuit = QuantumCircuit(2, name=f"rb_{number}", metadata={"theta": number / 10})
        circuit.rx(number / 10, 0)
        circuit.cx(0, 1)
        circuit.measure_all()
        circuits.append(circuit)
    path = folder / "store.db"
    with JobManager(path) as manager:
        options = {"shots": 100, "max_experiments_per_job": 2, "seed_simulator": 7}
        done = manager.run(circuits, "basic", name="sweep", job_tags=["paper"], **options)
        assert done.wait(120)
        manager.run(circuits, "basic", name="later", drive=False, **options)
    return path


@pytest.fixture
def hostile_store(tmp_path):
    """A store in which everything has a hostile name: tags, errors, circuits, ids."""
    path = tmp_path / "hostile.db"
    store = open_store(path)
    asked = draft("sweep", tags=tuple(HOSTILE), backend_name=HOSTILE[0], blind=True)
    _, lease = store.create_job_set(asked, "hand-over")
    store.release(lease)
    hand_over(store, [[text] for text in HOSTILE])
    complete(store)
    token = must_claim(store)
    for number, text in enumerate(HOSTILE):
        tag = f"tag {number}"
        store.advance(token, [submission(store, number, tag)])
        facts = {"error": text, "cause": text, "ends_attempt": True}
        refused = step(store, number, JobState.SUBMITTING, JobState.FAILED, **facts)
        assert store.advance(token, [refused]) == [True]
    store.release(token)
    store.set_note(the_set(store).key, "\n".join(HOSTILE).replace("\0", "")[:4000])
    store.rename(the_set(store).key, HOSTILE[1])
    store.close()
    return path


@pytest.fixture
def opened(swept):
    """Open pages of a store in a test client: ``opened(path, read_only=True)``."""
    from starlette.testclient import TestClient

    from qiskit_job_manager.dashboard.app import Dashboard
    from qiskit_job_manager.dashboard.guard import Place, Sessions
    from qiskit_job_manager.dashboard.opened_store import OpenedStore
    from qiskit_job_manager.stores import store_exists

    stores = []

    def opened(path=swept, *, read_only=False, place=None, log_in=True):
        store = OpenedStore(lambda: open_store(path), lambda: store_exists(path), str(path))
        stores.append(store)
        sessions = Sessions()
        place = place or Place(host="127.0.0.1", port=8642)
        dashboard = Dashboard(store=store, sessions=sessions, place=place, is_read_only=read_only)
        host = place.public or f"127.0.0.1:{place.port}"
        client = TestClient(dashboard.asgi(), base_url=f"http://{host}", follow_redirects=False)
        client.dashboard = dashboard
        if log_in:
            assert client.get(f"/?token={sessions.token}").status_code == 200
        return client

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def client(opened):
    """A client that was let in, on the store with the sweep."""
    return opened()


@pytest.fixture
def set_id(swept):
    """Return the id of a job set by its name."""

    def set_id(name, path=swept):
        with JobManager(path) as manager:
            return manager.find(name).job_set_id()

    return set_id


@pytest.fixture
def act():
    """Plan an action and do it, as the pages do: ``act(client, "cancel", id)``."""

    def act(client, action, *ids, value=""):
        plan = client.get("/plan", params={"action": action, "set": ids, "value": value})
        assert plan.status_code == 200, plan.text
        form = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', plan.text)
        fields = {}
        for name, text in form:
            fields.setdefault(name, []).append(unescape(text))
        headers = {"Origin": str(client.base_url).rstrip("/")}
        return client.post("/do", data=fields, headers=headers)

    return act


@pytest.fixture(scope="session")
def hostile():
    return HOSTILE


@pytest.fixture(scope="session")
def dashboard_of():
    """Serve a store by the command: ``dashboard_of(path, "--read-only")`` gives its process.

    The process prints each of its addresses as a line of JSON.
    """

    @contextmanager
    def dashboard_of(path, *options):
        words = [sys.executable, "-m", "qiskit_job_manager", "--store", str(path), "dashboard"]
        words += ["--no-browser", "--port", "0", "--json", *options]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.terminate()

    return dashboard_of


@pytest.fixture(scope="module")
def browser():
    """A Chromium, which `scripts/with-chromium` names."""
    playwright_api = pytest.importorskip("playwright.sync_api", reason="it drives the browser")
    chromium = os.environ.get("QJM_TEST_CHROMIUM")
    if chromium is None:
        pytest.skip("QJM_TEST_CHROMIUM names no browser")
    with playwright_api.sync_playwright() as playwright:
        # A sandbox needs rights that containers lack; the pages are our own.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()
