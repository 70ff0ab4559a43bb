"""What the pages show, what their buttons leave in the store, and what they say of bad input."""

from __future__ import annotations

import csv
import io
import json
import re
import socket
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from urllib.error import HTTPError, URLError
from urllib.request import HTTPCookieProcessor, build_opener, urlopen

import pytest

from qiskit_job_manager import JobManager
from qiskit_job_manager.dashboard import rendering
from qiskit_job_manager.stores import open_store


def words_of(page):
    """The text of a page, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def test_the_list_shows_every_set_and_who_needs_the_user(client):
    page = client.get("/")
    text = words_of(page)
    assert "sweep" in text
    assert "Needs you (1)" in text
    assert "nobody drives it" in text
    assert "<title>(1) Job sets" in page.text
    assert "12 of 12" in text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("state=ended", {"sweep"}),
        ("state=unfinished", {"later"}),
        ("state=planned", {"later"}),
        ("tag=paper", {"sweep"}),
        ("tag=pap", set()),
        ("name=LAT", {"later"}),
        ("name=s*p", {"sweep"}),
        ("backend=basic*", {"sweep", "later"}),
        ("since=1h", {"sweep", "later"}),
        ("since=2999-01-01", set()),
        ("until=2999-01-01", {"sweep", "later"}),
        ("until=1h", set()),
        ("since=1h&until=2999-01-01&name=lat", {"later"}),
    ],
)
def test_filters_are_in_the_address(client, query, shown):
    found = client.get(f"/api/sets.json?{query}").json()
    assert {each["name"] for each in found} == shown
    assert client.get(f"/?{query}").status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/?state=fialed", 400, "Did you mean &#39;failed&#39;?"),
        ("/?since=yesterdayish", 400, "since: &#39;yesterdayish&#39; is neither an ISO date"),
        ("/?until=2026-13-01", 400, "until: &#39;2026-13-01&#39; is neither an ISO date"),
        ("/?since=1h&until=2h", 400, "since must be the earlier one"),
        ("/?sort=colour", 400, "it is one of &#39;newest&#39;, &#39;oldest&#39;"),
        ("/?page=0", 400, "a number from 1"),
        ("/?page=٣", 400, "a number from 1"),
        ("/?page=99", 200, "no rows on this page"),
        ("/?name=" + "x" * 1200, 400, "too long"),
        ("/plan?action=explode&set=a", 400, "it is one of &#39;cancel&#39;"),
        ("/plan?action=cancel", 400, "choose 1 to 200"),
        ("/sets/nothing", 404, "has no job set"),
        ("/sets/{sweep}/jobs/99", 404, "its jobs are 0 to 5"),
        ("/sets/{sweep}/jobs?state=odd", 400, "it is one of &#39;planned&#39;"),
        ("/sets/{sweep}/results/12", 404, "0 to 11"),
        ("/sets/{sweep}/results?page=50", 200, "no rows on this page"),
        ("/sets/{sweep}/results/1?top=-1", 400, "a number from 1 to 500"),
        ("/sets/{sweep}/compare", 400, "choose 2 to 6"),
        ("/sets/{sweep}/export?format=exe", 400, "it is one of"),
        ("/sets/{sweep}/export?format=qpy", 400, "qjm export --format qpy"),
        ("/sets/{sweep}/sweep?x=phi", 200, "Nothing to plot"),
        ("/sets/{sweep}/log?job=x", 400, "a number from 0"),
        ("/nothing", 404, "no such page"),
    ],
)
def test_bad_input_is_told_and_nothing_breaks(client, set_id, path, status, words):
    page = client.get(path.replace("{sweep}", set_id("sweep")))
    assert page.status_code == status
    assert words in words_of(page)
    assert "Traceback" not in page.text


def test_one_set_shows_figures_that_agree(client, set_id):
    text = words_of(client.get(f"/sets/{set_id('sweep')}"))
    assert "6 done" in text
    assert "12 of 12 circuits done" in text
    assert "6 of 6 jobs ended" in text
    assert "qjm show" in text


def test_one_set_says_what_it_ran_in(client, set_id):
    from importlib.metadata import version

    text = words_of(client.get(f"/sets/{set_id('sweep')}"))
    assert f"qiskit {version('qiskit')}" in text
    assert "versions python 3." in text


def test_the_log_has_the_words_of_the_command_line(client, set_id):
    log = f"/sets/{set_id('sweep')}/log"
    assert "result read done" in words_of(client.get(log))
    assert words_of(client.get(f"{log}?event=result+read")).count("result read") == 6
    assert "6 of the newest" in words_of(client.get(f"{log}?event=understood"))


def test_results_show_counts_circuit_and_metadata(client, set_id):
    page = client.get(f"/sets/{set_id('sweep')}/results/0")
    text = words_of(page)
    assert "100 (100.0 %)" in text
    assert "Rx" in text
    assert '{"theta": 0.0}' in text.replace("&#34;", '"')
    assert "rb_1" in words_of(client.get(f"/sets/{set_id('sweep')}/results?q=rb_1"))
    assert "No experiment" in words_of(client.get(f"/sets/{set_id('sweep')}/results?q=zz"))


def test_a_sweep_is_plotted_over_its_metadata(client, set_id):
    page = client.get(f"/sets/{set_id('sweep')}/sweep?x=theta&outcome=00")
    assert page.text.count('class="point"') == 12
    assert "Nothing to plot" in client.get(f"/sets/{set_id('later')}/sweep").text


@pytest.mark.parametrize("form", ["csv", "json", "archive"])
def test_exports_are_downloads(client, set_id, form):
    by = "&by=experiment" * (form == "csv")
    answer = client.get(f"/sets/{set_id('sweep')}/export?format={form}{by}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    if form == "csv":
        assert len(list(csv.DictReader(io.StringIO(answer.text)))) == 12


def test_chosen_sets_are_exported_one_by_one(client, set_id):
    ids = [set_id("sweep"), set_id("later")]
    page = client.get("/exports", params={"set": ids})
    links = re.findall(r'href="\./(sets/[^"]+/export[^"]+)"', page.text)
    assert len(links) == 10
    assert client.get("/" + unescape(links[0])).status_code == 200


def test_json_is_that_of_the_command_line(client, set_id, swept):
    from typer.testing import CliRunner

    from qiskit_job_manager.cli.app import app

    def printed(*words):
        outcome = CliRunner().invoke(app, ["--store", str(swept), *words, "--json"])
        return json.loads(outcome.stdout)

    one = set_id("sweep")
    assert client.get("/api/sets.json").json() == printed("list")
    assert client.get(f"/api/sets/{one}.json").json() == printed("show", one)
    assert client.get(f"/api/sets/{one}/log.json").json() == printed("log", one)
    assert client.get(f"/api/sets/{one}/results.json").json() == printed("results", one)
    watched = client.get(f"/api/sets/{one}/watch.json").json()
    assert watched.keys() == printed("watch", one).keys()
    assert watched["ended"]


def test_metrics_are_those_of_the_service(client):
    pytest.importorskip("prometheus_client")
    assert "qjm_unfinished_job_sets 1.0" in client.get("/metrics").text


# -- acts -----------------------------------------------------------------------------------------


@pytest.fixture
def circuit():
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, name="one")
    circuit.measure_all()
    return circuit


@pytest.fixture
def later(tmp_path, circuit):
    """A store with one job set that nobody drives, and its id."""
    path = tmp_path / "store.db"
    with JobManager(path) as manager:
        made = manager.run([circuit] * 4, "basic", name="later", shots=5, drive=False)
        return path, made.job_set_id()


def test_a_plan_says_what_would_happen_and_changes_nothing(opened, later):
    path, one = later
    client = opened(path)
    text = words_of(client.get(f"/plan?action=cancel&set={one}"))
    assert "1 job cancelled, here and on the backend: 1 planned" in text
    assert "nothing: no job failed" in words_of(client.get(f"/plan?action=retry&set={one}"))
    assert "It has not ended" in words_of(client.get(f"/plan?action=delete&set={one}")).replace(
        "it has", "It has"
    )
    with JobManager(path) as manager:
        assert manager.find(one).progress().n_ended == 0


def test_a_request_waits_for_a_driver_and_nothing_is_driven_here(opened, act, later):
    path, one = later
    answer = act(opened(path), "cancel", one)
    assert answer.status_code == 303
    store = open_store(path)
    record = store.job_set(one)
    assert [str(each.kind) for each in store.requests(record.key)] == ["cancel"]
    assert store.driver(record.key) is None
    store.close()
    with JobManager(path) as manager:
        [resumed] = manager.resume()
        assert resumed.wait(60)
        assert {str(state) for state in resumed.progress().jobs} == {"cancelled"}


def test_tags_names_and_limits_are_changed(opened, act, later):
    path, one = later
    client = opened(path)
    act(client, "tag", one, value="<b>note</b>")
    act(client, "rename", one, value="new name")
    act(client, "allow-usage", one, value="12.5")
    store = open_store(path)
    record = store.job_set(one)
    store.close()
    assert (record.tags, record.name, record.max_usage_s) == (("<b>note</b>",), "new name", 12.5)


def test_an_ended_set_is_deleted_and_its_page_says_so(opened, act, later):
    path, one = later
    with JobManager(path) as manager:
        assert manager.retrieve_job_set(one).wait(60)
    client = opened(path)
    assert client.get(f"/sets/{one}").status_code == 200
    assert act(client, "delete", one).status_code == 303
    gone = client.get(f"/sets/{one}")
    assert gone.status_code == 404
    assert "was deleted" in words_of(gone)


def test_pages_and_acts_work_on_postgresql(opened, act, postgresql_url, circuit):
    with JobManager(postgresql_url) as manager:
        done = manager.run([circuit] * 3, "basic", name="done", shots=5, job_tags=["a"])
        assert done.wait(60)
        later = manager.run([circuit], "basic", name="later", shots=5, drive=False)
        ids = [done.job_set_id(), later.job_set_id()]
    client = opened(postgresql_url)
    tails = ("", "/jobs", "/jobs/0", "/jobs?error=x", "/results", "/results/0", "/results?q=on")
    paths = [f"/sets/{each}{tail}" for each in ids for tail in (*tails, "/sweep", "/log")]
    for path in ("/", "/?tag=a&name=D*&state=ended", "/store", "/mark.json", *paths):
        page = client.get(path)
        assert page.status_code == 200, (path, page.text)
    assert act(client, "tag", ids[1], value="b").status_code == 303
    assert act(client, "delete", ids[0]).status_code == 303
    assert [each["name"] for each in client.get("/api/sets.json?tag=b").json()] == ["later"]


# -- where it is shown ----------------------------------------------------------------------------


def test_a_notebook_shows_the_pages_until_its_manager_is_closed(later):
    path, one = later
    with JobManager(path) as manager:
        shown = manager.dashboard()
        [address] = re.findall(r'<iframe src="([^"]+)"', shown._repr_html_())
        with urlopen(f"{address}sets/{one}", timeout=30) as page:
            assert "later" in page.read().decode()
        with pytest.raises(HTTPError, match="401"):
            urlopen(re.sub(r"/s/[^/]+/", "/", address), timeout=30)
    with pytest.raises(URLError, match="refused"):
        urlopen(address, timeout=30)


def test_results_that_many_ask_for_at_once_come(swept, set_id):
    words = [sys.executable, "-m", "qiskit_job_manager", "--store", str(swept), "dashboard"]
    words += ["--no-browser", "--port", "0", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        address = json.loads(process.stdout.readline())["address"]
        browser = build_opener(HTTPCookieProcessor())
        browser.open(address, timeout=60).close()
        base = f"{address.partition('?')[0]}sets/{set_id('sweep')}"

        def status(tail):
            try:
                with browser.open(base + tail, timeout=60) as page:
                    return page.status
            except OSError as error:  # an answer that is no page, or no answer at all
                return getattr(error, "code", str(error))

        # The first of them import Qiskit, which nothing has done there before.
        tails = ["/results"] * 5 + ["/results/3", "/export?format=csv", "/sweep"] * 5
        try:
            with ThreadPoolExecutor(5) as threads:
                found = list(threads.map(status, tails))
        finally:
            process.terminate()
    assert set(found) <= {200, 409}  # 409: one export at a time
    assert found.count(200) > 15


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--port", "{used}"), "Choose another port"),
        (("--host", "203.0.113.7", "--port", "0"), "cannot listen on 203.0.113.7"),
        (("--root-path", "ftp://elsewhere", "--port", "0"), "the root path is"),
        (("--root-path", "relative", "--port", "0"), "the root path is"),
    ],
)
def test_a_command_that_cannot_listen_says_why(swept, options, words):
    from typer.testing import CliRunner

    from qiskit_job_manager.cli.app import app

    with socket.create_server(("127.0.0.1", 0)) as used:
        port = str(used.getsockname()[1])
        given = [each.replace("{used}", port) for each in options]
        outcome = CliRunner().invoke(
            app, ["--store", str(swept), "dashboard", "--no-browser", *given]
        )
    assert outcome.exit_code == 1
    assert words in " ".join(outcome.stderr.split())


# -- stores in trouble ----------------------------------------------------------------------------


def test_a_store_that_is_newer_is_told_in_our_words(opened, later):
    path, _ = later
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    page = opened(path).get("/")
    assert page.status_code == 503
    assert "newer" in words_of(page)


def test_a_store_that_is_gone_is_told_and_not_made_again(opened, later):
    path, _ = later
    client = opened(path)
    assert client.get("/").status_code == 200
    path.unlink()
    pages = [client.get("/") for _ in range(2)]
    assert [page.status_code for page in pages] == [503, 503]
    assert not path.exists()


def test_a_store_that_another_process_holds_is_told_soon(opened, later, monkeypatch):
    from qiskit_job_manager.dashboard import app

    path, _ = later
    with sqlite3.connect(path) as before:  # in this mode a reader waits for a writer
        before.execute("PRAGMA journal_mode = DELETE")
    before.close()
    client = opened(path)
    assert client.get("/").status_code == 200
    monkeypatch.setattr(app, "_PATIENCE_S", 0.1)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    page = client.get("/")
    holder.execute("ROLLBACK")
    holder.close()
    assert page.status_code == 503
    assert "another process" in words_of(page) or "locked" in words_of(page)
    assert client.get("/").status_code == 200


def test_a_store_that_is_no_store_is_told(opened, tmp_path):
    path = tmp_path / "text.db"
    path.write_text("this is no database, and it is long enough to be looked at as one" * 40)
    page = opened(path).get("/")
    assert page.status_code == 503
    assert "Traceback" not in page.text


# -- the first page -------------------------------------------------------------------------------


def test_what_the_first_pages_wait_for_is_done_before(opened, later, monkeypatch):
    path, one = later
    client = opened(path)
    client.dashboard.warm_up()
    monkeypatch.setattr(client.dashboard.store, "_open", lambda: pytest.fail("it is open already"))
    loader = type(rendering._environment().loader)
    monkeypatch.setattr(loader, "get_source", lambda *_: pytest.fail("it is compiled already"))
    for each in ("/", "/store", f"/sets/{one}", f"/sets/{one}/jobs", f"/sets/{one}/results/0"):
        assert client.get(each).status_code == 200


def test_a_store_in_trouble_is_left_to_the_pages(opened, later):
    path, _ = later
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    client = opened(path)
    client.dashboard.warm_up()
    assert client.get("/").status_code == 503
