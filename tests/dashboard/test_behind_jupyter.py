"""The pages behind a real Jupyter server with jupyter-server-proxy, in a real browser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from urllib.request import urlopen

import pytest

playwright_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytest.importorskip("jupyter_server_proxy", reason="jupyter-server-proxy is not installed")
expect = playwright_api.expect

TOKEN = "of-the-notebook"
BASE = "/user/ann/"


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory, wait_until):
    """The address of a Jupyter server at a path of its own, as a hub starts it."""
    folder = tmp_path_factory.mktemp("jupyter")
    words = [sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root"]
    words += ["--ServerApp.port=0", f"--ServerApp.base_url={BASE}"]
    words += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    kinds = ("CONFIG", "DATA", "RUNTIME")
    environment = os.environ | {f"JUPYTER_{kind}_DIR": str(folder) for kind in kinds}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(words, env=environment, stdout=log, stderr=log)

        def address():
            assert process.poll() is None, (folder / "log").read_text()
            for note in folder.glob("jpserver-*.json"):
                with suppress(OSError, ValueError):  # it is being written, or nobody listens yet
                    found = f"http://127.0.0.1:{json.loads(note.read_text())['port']}{BASE}"
                    with urlopen(f"{found}api", timeout=10):
                        return found
            return None

        try:
            yield wait_until(address)
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def page(browser, jupyter):
    """A page of a browser that the Jupyter server let in."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{jupyter}api/status?token={TOKEN}")
    yield page
    context.close()


@pytest.fixture
def later(manager):
    """A job set that nobody drives yet."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, name="one")
    circuit.measure_all()
    return manager.run([circuit] * 3, "basic", name="later", shots=5, drive=False)


def test_pages_their_refresh_and_a_change_work_behind_the_proxy(
    jupyter, page, later, store_path, dashboard_of
):
    with dashboard_of(store_path) as process:
        address = json.loads(process.stdout.readline())
        _, _, token = address["address"].partition("?token=")
        base = f"{jupyter}proxy/{address['port']}/"
        page.goto(f"{base}?token={token}")
        page.wait_for_url(base)
        page.locator("#list").get_by_role("link", name="later").click()
        expect(page.locator("#head")).to_contain_text("nobody drives it")
        page.evaluate("window.stays = true")
        later.drive()
        assert later.wait(60)
        expect(page.locator("#head")).to_contain_text("3 of 3 circuits done", timeout=20_000)
        assert page.evaluate("window.stays")  # it was refreshed, not loaded again
        page.get_by_label("Tag", exact=True).fill("through the proxy")
        page.get_by_role("button", name="Add …").click()
        page.get_by_role("button", name="Do it: 1 job set").click()
        expect(page.locator("#head .tag")).to_have_text(["through the proxy"])
        assert page.url.startswith(f"{base}sets/")
    assert later.tags() == ["through the proxy"]


def test_the_frame_of_a_notebook_works_on_a_hub(jupyter, page, later, manager, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", BASE)
    shown = manager.dashboard()
    assert shown.address.startswith(f"{BASE}proxy/")
    page.goto(f"{jupyter}nothing")  # any page of the server that may hold a frame
    page.evaluate("(html) => { document.body.innerHTML = html }", shown._repr_html_())
    frame = page.frame_locator("iframe")
    frame.locator("#list").get_by_role("link", name="later").click()
    expect(frame.locator("#head")).to_contain_text("nobody drives it")
    frame.get_by_label("Tag", exact=True).fill("in a frame")
    frame.get_by_role("button", name="Add …").click()
    frame.get_by_role("button", name="Do it: 1 job set").click()
    expect(frame.locator("#head .tag")).to_have_text(["in a frame"])
    assert later.tags() == ["in a frame"]


def test_who_is_not_let_in_by_jupyter_sees_nothing(
    browser, jupyter, later, store_path, dashboard_of
):
    with dashboard_of(store_path) as process:
        address = json.loads(process.stdout.readline())
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{jupyter}proxy/{address['port']}/")
        assert "later" not in page.content()
        assert "login" in page.url
        context.close()
