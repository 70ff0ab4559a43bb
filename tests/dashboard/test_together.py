"""Dashboards, notebooks and drivers on one store: none holds up another, and a kill disturbs none.

All are processes. What is measured are conditions: everybody goes on, and nobody meets an error.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack, contextmanager
from html import unescape
from itertools import cycle
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest

from qiskit_job_manager import JobManager

NOTEBOOK = """
import json, sys
from qiskit import QuantumCircuit
from qiskit_job_manager import JobManager

store, name, circuits = sys.argv[1], sys.argv[2], int(sys.argv[3])
with JobManager(store) as manager:
    circuit = QuantumCircuit(1, name="flip")
    circuit.x(0)
    circuit.measure_all()
    options = {"shots": 10, "max_experiments_per_job": 1}
    mine = manager.run([circuit] * circuits, "basic", name=name, **options)
    print(json.dumps({"id": mine.job_set_id()}), flush=True)
    looks = 0
    while not mine.wait(timeout=0.2):
        others = manager.job_sets()
        manager.report()
        ended = mine.progress().n_ended
        mine.results_so_far().data
        looks += 1
        print(json.dumps({"ended": ended, "others": len(others)}), flush=True)
    counts = [mine.results().get_counts(i) for i in range(circuits)]
    print(json.dumps({"done": counts.count({"1": 10}), "looks": looks}), flush=True)
"""
CIRCUITS = 15


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    """A store on each kind of database."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    return str(tmp_path / "store.db")


@contextmanager
def notebook_of(store, name):
    """Run what a notebook would, in a process that is killed at the end."""
    words = [sys.executable, "-c", NOTEBOOK, store, name, str(CIRCUITS)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


class Reader:
    """Somebody who looks at the pages of a dashboard without pause, in a thread of its own."""

    def __init__(self, process, paths):
        address = json.loads(process.stdout.readline())["address"]
        self.base = address.partition("?")[0]
        self._browser = build_opener(HTTPCookieProcessor())
        self._browser.open(address, timeout=60).close()
        self._paths = cycle(paths)
        self.seen = Counter()
        self.complaints = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def open(self, path, data=None):
        headers = {"Origin": self.base.rstrip("/")} if data else {}
        request = Request(self.base + path, data, headers)
        with self._browser.open(request, timeout=60) as page:
            return page.read().decode()

    def _read(self):
        while not self._stop.is_set():
            path = next(self._paths)
            try:
                self.open(path)
            except OSError as error:
                self.complaints.append(f"{path}: {error}")
                if isinstance(error, URLError) and "refused" in str(error):
                    return
            else:
                self.seen[path] += 1

    def ask(self, action, one, value=""):
        """Ask for something by the page that says what it would do."""
        page = self.open("plan?" + urlencode({"action": action, "set": one, "value": value}))
        fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
        self.open("do", urlencode([(name, unescape(text)) for name, text in fields]).encode())

    def stop(self):
        self._stop.set()
        self._thread.join(60)


def pages_of(ids):
    tails = ("", "/jobs", "/results", "/log", "/sweep", "/export?format=csv&by=outcome")
    sets = [f"sets/{each}{tail}" for each in ids for tail in tails]
    return ["", "mark.json", "store", "api/sets.json", *sets]


def said(process):
    return json.loads(process.stdout.readline())


def ends_of(process):
    """Return the last words of a notebook, and how far it had come at each look."""
    spoken = [json.loads(line) for line in process.stdout]
    return spoken[-1], [each["ended"] for each in spoken[:-1]]


def test_two_dashboards_and_three_notebooks_hold_up_nobody(store, dashboard_of):
    with ExitStack() as stack:
        notebooks = [stack.enter_context(notebook_of(store, f"set {n}")) for n in range(3)]
        ids = [said(each)["id"] for each in notebooks]
        dashboards = [stack.enter_context(dashboard_of(store)) for _ in range(2)]
        readers = [Reader(each, pages_of(ids)) for each in dashboards]
        for reader, one in zip(readers, ids, strict=False):
            reader.ask("tag", one, "asked for while all run")
        found = [ends_of(each) for each in notebooks]
        for reader in readers:
            reader.stop()
        assert [each.wait(60) for each in notebooks] == [0, 0, 0]
    for last, ended in found:
        assert last["done"] == CIRCUITS
        assert ended == sorted(ended)
    for reader in readers:
        assert reader.complaints == []
        assert reader.seen[""] > 0
    with JobManager(store) as manager:
        tags = [manager.retrieve_job_set(each).tags() for each in ids]
        assert tags == [["asked for while all run"]] * 2 + [[]]


def test_a_dashboard_that_is_killed_beside_a_driver_disturbs_nothing(store, dashboard_of):
    with notebook_of(store, "driven") as notebook:
        one = said(notebook)["id"]
        with dashboard_of(store) as dashboard:
            reader = Reader(dashboard, pages_of([one]))
            # One thread reads and this one writes: the kill may strike both.
            asked = {"tag 1", "tag 2"}
            for tag in sorted(asked):
                reader.ask("tag", one, tag)
            dashboard.kill()
            reader.stop()
        last, ended = ends_of(notebook)
        assert notebook.wait(60) == 0
    assert last["done"] == CIRCUITS
    assert ended == sorted(ended)
    with JobManager(store) as manager:
        job_set = manager.retrieve_job_set(one)
        assert set(job_set.tags()) == asked
        assert [len(job.attempts()) for job in job_set.managed_jobs()] == [1] * CIRCUITS
        job_set.delete()
