"""The pages in a real Chromium: live, by keyboard, dark, narrow, without script, and hostile.

One browser and one ``qjm dashboard`` a store serve all tests here. ``scripts/with-chromium`` names
the browser; without it they are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qiskit_job_manager import JobManager

AXE = os.environ.get("QJM_TEST_AXE")

playwright_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = playwright_api.expect


@pytest.fixture(scope="module")
def served(browser, swept, dashboard_of):
    """The address of the pages, and the cookies of a browser that was let in."""
    with dashboard_of(swept) as process:
        yield from logged_in(browser, process)


def logged_in(browser, process):
    address = json.loads(process.stdout.readline())["address"]
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.wait_for_url(address.partition("?")[0])
    assert "token" not in page.evaluate("location.href + document.cookie")
    yield address.partition("?")[0], context.storage_state()
    context.close()


@pytest.fixture
def visit(browser, served):
    """Open a page: ``visit("sets/…", java_script_enabled=False)``; nothing may be logged."""
    contexts, complaints = [], []

    def visit(path="", **options):
        context = browser.new_context(storage_state=served[1], **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.goto(served[0] + path)
        return page

    yield visit
    for context in contexts:
        context.close()
    # A set that was deleted is not there; the browser says so by itself.
    assert [words for words in complaints if "404 (Not Found)" not in words] == []


CONTRAST = ["color-contrast"]
SCREENS = ("", "jobs", "jobs/0", "results", "results/3", "sweep?x=theta", "log", "compare?i=1&i=2")


@pytest.fixture
def screens(set_id):
    """The paths of all screens."""
    one = set_id("sweep")
    plan = f"plan?action=tag&value=x&set={one}"
    return ["", "store", plan, *(f"sets/{one}/{tail}".rstrip("/") for tail in SCREENS)]


def test_filters_live_over_reload_and_back(visit, served):
    page = visit()
    page.get_by_role("textbox", name="Name").fill("SWEE")
    page.get_by_role("combobox", name="State").select_option("ended")
    page.get_by_role("textbox", name="Created before").fill("2999-01-01")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page.locator(".copy")).to_contain_text("--until 2999-01-01")
    page.reload()
    expect(page.get_by_role("textbox", name="Name")).to_have_value("SWEE")
    page.locator("#list").get_by_role("link", name="sweep").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("sweep")
    page.go_back()
    expect(page.get_by_role("combobox", name="State")).to_have_value("ended")
    expect(page.get_by_role("textbox", name="Created before")).to_have_value("2999-01-01")
    page.get_by_role("link", name="Clear").click()
    expect(page.locator("#list tbody tr")).to_have_count(2)
    assert page.url.startswith(served[0])


def test_a_running_set_is_followed_and_its_end_is_told(visit, swept, set_id, wait_until):
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, name="flip", metadata={"x": 1})
    circuit.x(0)
    circuit.measure_all()
    with JobManager(swept) as manager:
        job_set = manager.run([circuit] * 4, "basic", name="followed", shots=20, drive=False)
        path = f"sets/{job_set.job_set_id()}"
        page, plot = visit(path), visit(f"{path}/sweep")
        expect(page.locator("#head")).to_contain_text("nobody drives it")
        expect(page).to_have_title("(1) followed · qjm")
        expect(plot.locator("#plot")).to_contain_text("Nothing to plot yet")
        page.evaluate("window.stays = true")
        job_set.drive()
        assert job_set.wait(60)
        expect(page.locator("#head")).to_contain_text("4 of 4 circuits done", timeout=20_000)
        expect(page).to_have_title("followed · qjm")
        expect(plot.locator("#plot .point")).to_have_count(4, timeout=20_000)
        assert page.evaluate("window.stays")  # it was refreshed, not loaded again
        job_set.delete()
    expect(page.locator("#connection")).to_have_text("This job set was deleted.", timeout=20_000)
    page.context.close()
    plot.context.close()


def test_a_killed_driver_shows_and_the_next_one_too(visit, swept, fork_driver):
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, name="one")
    circuit.measure_all()
    with JobManager(swept) as manager:
        job_set = manager.run([circuit], "basic", name="killed", shots=5, drive=False)
        one = job_set.job_set_id()
        driver = fork_driver(one)
        page = visit(f"sets/{one}")
        expect(page.locator("#head")).to_contain_text("driven by")
        driver.kill()
        driver.wait()
        expect(page.locator("#head")).to_contain_text("nobody drives it", timeout=20_000)
        job_set.drive()
        assert job_set.wait(60)
        expect(page.locator("#head")).to_contain_text("1 of 1 circuits done", timeout=20_000)
        job_set.delete()
        page.context.close()


@pytest.fixture
def fork_driver(swept):
    """Start a process that holds the lease of a job set and does nothing with it."""
    code = (
        "import sys, time\n"
        "from qiskit_job_manager.stores import open_store\n"
        "store = open_store(sys.argv[1])\n"
        "assert store.claim(store.job_set(sys.argv[2]).key, 'slow driver')\n"
        "print('driving', flush=True)\n"
        "time.sleep(600)\n"
    )
    started = []

    def fork_driver(job_set_id):
        words = [sys.executable, "-c", code, str(swept), job_set_id]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "driving\n"
        return process

    yield fork_driver
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_request_is_made_by_keyboard_alone(visit, set_id, swept):
    page = visit(f"sets/{set_id('later')}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.get_by_label("Tag", exact=True).focus()
    page.keyboard.type("by hand")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Add a tag?")
    expect(page.get_by_role("button", name="Do it: 1 job set")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Done: tag")).to_be_visible()
    expect(page.locator("#head .tag")).to_have_text(["by hand"])
    with JobManager(swept) as manager:
        manager.find("later").update_tags(replacement_tags=[])


def test_a_note_is_written_and_stays_while_the_page_refreshes(visit, set_id, swept):
    text = "first \u202e line\n</textarea><img src=x onerror=alert(1)>"
    page = visit(f"sets/{set_id('later')}")
    page.get_by_label("A text of your own").fill(text)
    with JobManager(swept) as manager:
        manager.find("later").update_tags(["new"])  # the head is refreshed, the form is not
        page.reload()
        page.get_by_label("A text of your own").fill(text)
        page.get_by_role("button", name="Save note").click()
        expect(page.get_by_role("status").filter(has_text="Done: note")).to_be_visible()
        assert manager.find("later").note == text
        expect(page.locator("#head .note")).to_have_text(text.replace("\u202e", "\\u202e"))
        expect(page.get_by_label("A text of your own")).to_have_value(text)
        manager.find("later").update_note(None)
        manager.find("later").update_tags(replacement_tags=[])


def test_many_are_chosen_and_a_dry_run_names_each(visit):
    page = visit()
    page.get_by_label("all on this page").check()
    page.get_by_role("button", name="Cancel …").click()
    expect(page.locator(".plan li")).to_have_count(2)
    expect(page.locator(".plan")).to_contain_text("nothing: all its jobs have ended")
    expect(page.get_by_role("button", name="Do it: 1 job set")).to_be_visible()
    page.get_by_role("link", name="Leave it as it is").click()
    expect(page.locator("#totals")).to_contain_text("planned jobs")


def test_every_screen_works_without_script(visit, served, screens):
    page = visit(java_script_enabled=False)
    for path in screens:
        assert page.goto(served[0] + path).status == 200
        expect(page.locator("main")).to_be_visible()
        expect(page.locator("[data-copy]:visible")).to_have_count(0)


def test_no_screen_is_wider_than_a_telephone_in_the_dark(visit, served, screens):
    page = visit(viewport={"width": 400, "height": 800}, color_scheme="dark")
    for path in screens:
        page.goto(served[0] + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, path
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert back == "rgb(20, 23, 28)"


@pytest.mark.skipif(AXE is None, reason="QJM_TEST_AXE names no rules of axe-core")
@pytest.mark.parametrize(("scheme", "rules"), [("light", {}), ("dark", {"runOnly": CONTRAST})])
def test_axe_finds_nothing(visit, served, screens, scheme, rules):
    # The policy of the pages lets in no script of others, and axe is one.
    page = visit(bypass_csp=True, color_scheme=scheme)
    found = {}
    for path in screens:
        page.goto(served[0] + path)
        page.add_script_tag(content=Path(AXE).read_text(encoding="utf-8"))
        for each in page.evaluate(
            "(rules) => axe.run(rules).then((found) => found.violations)", rules
        ):
            found[each["id"], path] = [node["html"] for node in each["nodes"]][:2]
    assert found == {}


def test_hostile_texts_stay_texts(browser, hostile_store, dashboard_of):
    complaints = []
    with dashboard_of(hostile_store, "--read-only") as process:
        for base, cookies in logged_in(browser, process):
            context = browser.new_context(storage_state=cookies)
            page = context.new_page()
            page.on("console", lambda message: complaints.append(message.text))
            page.on("dialog", lambda dialog: complaints.append(dialog.message))
            page.goto(base)
            link = page.locator("#list tbody th a").first
            one = link.get_attribute("href").rpartition("/")[2]
            for tail in ("", "/jobs", "/jobs/1", "/results", "/results/2", "/log"):
                page.goto(f"{base}sets/{one}{tail}")
                assert page.title().endswith(" · qjm")
                assert page.locator("img, iframe, object").count() == 0
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), tail
            context.close()
    assert complaints == []


NOTIFICATIONS = """
window.told = [];
window.Notification = class {
  static permission = "default";
  static async requestPermission() { return (Notification.permission = "granted"); }
  constructor(title, options) { window.told.push([title, options.body, options.tag]); }
};
"""
HIDDEN = "Object.defineProperty(document, 'hidden', { get: () => true })"


def test_the_end_is_told_once_where_that_was_asked_for(visit, swept, wait_until):
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, name="one")
    circuit.measure_all()
    with JobManager(swept) as manager:
        job_set = manager.run([circuit], "basic", name="to tell", shots=5, drive=False)
        one = job_set.job_set_id()
        asked, quiet = (visit(f"sets/{one}") for _ in range(2))
        for page in (asked, quiet):
            page.add_init_script(NOTIFICATIONS)
            page.reload()
        asked.get_by_role("button", name="Notify me at the end").click()
        expect(asked.get_by_role("button", name="You are told at the end")).to_be_disabled()
        # On another page of the same set, and while nobody looks at it.
        asked.get_by_role("link", name="Jobs", exact=True).click()
        asked.evaluate("Notification.permission = 'granted'")
        asked.evaluate(HIDDEN)
        job_set.drive()
        assert job_set.wait(60)
        wait_until(lambda: asked.evaluate("told"))
        expect(quiet.locator("#head")).to_contain_text("1 of 1 circuits done", timeout=20_000)
        assert asked.evaluate("told") == [["A job set has ended", "Jobs of to tell · qjm", one]]
        asked.reload()
        assert asked.evaluate("told") == quiet.evaluate("told") == []
        job_set.delete()
    asked.context.close()
    quiet.context.close()
