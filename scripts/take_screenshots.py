#!/usr/bin/env python3
"""Takes the pictures of docs/dashboard.md again, of a store that it makes up.

scripts/with-chromium .venv/bin/python scripts/take_screenshots.py
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright
from qiskit import QuantumCircuit

from qiskit_job_manager import JobManager
from qiskit_job_manager.codec.circuits import encode_circuit, pack
from qiskit_job_manager.model import (
    Advance,
    Block,
    EncodedBlock,
    JobSetDraft,
    JobState,
    Limits,
    PlannedJob,
    RawResult,
    RemoteFigures,
    RemoteState,
    RemoteStatus,
)
from qiskit_job_manager.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qiskit_job_manager.model import JobRecord, Token
    from qiskit_job_manager.ports import SearchableStore

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
NOW = datetime.now(UTC).replace(microsecond=0)
_TOO_DEEP = "Circuit does not fit: 1,204 layers exceed the limit of 1,000 on ibm_fez"


def sweep(path: Path) -> None:
    """Run a sweep, so that there are results."""
    circuits = []
    for number in range(60):
        theta = round(number * math.pi / 30, 4)
        circuit = QuantumCircuit(3, name=f"vqe_{number}", metadata={"theta": theta})
        circuit.ry(theta, 0)
        circuit.cx(0, 1)
        circuit.cx(1, 2)
        circuit.rz(0.3, 2)
        circuit.measure_all()
        circuits.append(circuit)
    with JobManager(path) as manager:
        tags = ["paper", "h2"]
        manager.run(
            circuits, "basic", name="vqe h2 angles", shots=2000, max_experiments_per_job=6,
            job_tags=tags, seed_simulator=11,
        ).wait(300)  # fmt: skip


class Story:
    """A job set whose jobs are moved by hand, as a driver would.

    Args:
        store: The store.
        name: Its name.
        jobs: How many jobs it has.
        draft: What else was asked for.
    """

    def __init__(self, store: SearchableStore, name: str, jobs: int, **draft: Any) -> None:
        asked = JobSetDraft(
            job_set_id=os.urandom(16).hex(), name=name, backend_uri=None, volatile=False,
            **{"created_at": NOW - timedelta(hours=2), "backend_name": "ibm_fez", **draft},
        )  # fmt: skip
        self.record, self.token = store.create_job_set(asked, "lab-pc:4711")
        self.store = store
        experiments = tuple(encode_circuit(QuantumCircuit(2, 2, name=f"rb_{n}")) for n in range(3))
        blob = pack(experiments)
        for number in range(jobs):
            start, stop = 3 * number, 3 * number + 3
            planned = (PlannedJob(number, start, stop, 4096, 0, 1),)
            block = EncodedBlock(Block(start, stop, planned), experiments, blob)
            store.add_blocks(self.token, [block], are_last=number == jobs - 1)
        self.record = store.job_set(asked.job_set_id)

    def job(self, index: int) -> JobRecord:
        """Return a job."""
        return self.store.jobs(self.record.key, after=index - 1, limit=1)[0]

    def move(self, index: int, after: JobState, minutes_ago: float, **facts: Any) -> None:
        """Move a job to its next state."""
        job, at = self.job(index), NOW - timedelta(minutes=minutes_ago)
        step = Advance(
            job_key=job.key, expected=job.state, after=after,
            at=at, **{"event": f"{after}", **facts},
        )  # fmt: skip
        if self.store.advance(self.token, [step]) != [True]:
            raise RuntimeError(f"job {index} did not become {after}")

    def send(self, index: int, minutes_ago: float) -> None:
        """Send a job, which the backend accepts."""
        self.move(index, JobState.SUBMITTING, minutes_ago, new_tag=f"{self.record.name}-{index}")
        queued = RemoteStatus(RemoteState.QUEUED, 3 + index)
        remote_id = f"d4h{index:03}q7s8t9"
        self.move(index, JobState.ACTIVE, minutes_ago - 0.2, remote_id=remote_id, status=queued)

    def run(self, index: int, from_min: float, to_min: float) -> None:
        """Let a job run on the backend."""
        began, ended = (NOW - timedelta(minutes=each) for each in (from_min, to_min))
        figures = RemoteFigures(22.4 + index % 5, began, began, ended, "session-1")
        self.store.store_usage(self.token, {f"{self.record.name}-{index}": figures})

    def finish(self, index: int, minutes_ago: float) -> None:
        """Let a job end well."""
        result = RawResult("raw/1", b"")
        self.move(index, JobState.COLLECTING, minutes_ago + 0.3, result=result)
        self.move(index, JobState.DONE, minutes_ago, ends_attempt=True)


def running(store: SearchableStore) -> Token:
    """Make a job set that is under way on a device, with its driver alive."""
    story = Story(
        store, "rb depth scan", 40, tags=("calibration",), max_usage_s=900.0,
        limits=Limits(experiments_per_job=300, submissions_per_minute=5),
    )  # fmt: skip
    for index in range(26):
        sent = 115 - 4.2 * index
        story.send(index, sent)
        if index < 20:
            story.run(index, sent - 3, sent - 6.5)
            if index in (4, 11):
                facts = {"error": _TOO_DEEP, "cause": _TOO_DEEP, "ends_attempt": True}
                story.move(index, JobState.COLLECTING, sent - 6.6)
                story.move(index, JobState.FAILED, sent - 6.8, **facts)
            else:
                story.finish(index, sent - 7)
    for index in (20, 21):
        status = RemoteStatus(RemoteState.RUNNING)
        story.move(index, JobState.ACTIVE, 1, status=status, event="status")
    return story.token


def in_doubt(store: SearchableStore) -> None:
    """Make a job set with jobs in doubt that only the user can decide about."""
    story = Story(store, "qaoa depth 5", 6, backend_name="forte-1", blind=True, tags=("maxcut",))
    for index in range(4):
        story.send(index, 90 - index)
        story.finish(index, 60 - index)
    for index in (4, 5):
        story.move(index, JobState.SUBMITTING, 50, new_tag=f"q{index}")
        words = "the answer was lost: connection reset by peer"
        story.move(index, JobState.IN_DOUBT, 49, error=words, cause=words)
    store.release(story.token)


def waiting(store: SearchableStore) -> None:
    """Make a job set that nobody drives."""
    story = Story(store, "tomography", 12, created_at=NOW - timedelta(hours=20))
    store.release(story.token)


def screens(ids: dict[str, str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the name of each picture, the path of its page, and how the browser is set."""
    narrow = {"viewport": {"width": 400, "height": 800}, "color_scheme": "dark"}
    yield "job-sets", "", {}
    yield "job-set", f"sets/{ids['rb depth scan']}", {}
    yield "jobs", f"sets/{ids['rb depth scan']}/jobs?state=failed", {}
    yield "result", f"sets/{ids['vqe h2 angles']}/results/14", {}
    yield "sweep", f"sets/{ids['vqe h2 angles']}/sweep?x=theta&outcome=000", {}
    yield "plan", f"plan?action=resubmit&set={ids['qaoa depth 5']}", {}
    yield "store", "store", {}
    yield "narrow-dark", "", narrow


def main(folder: Path) -> None:
    """Make the store, serve it and take the pictures."""
    from qiskit_job_manager.dashboard.server import NotebookDashboard

    path = folder / "store.db"
    sweep(path)
    store = open_store(path)
    waiting(store)
    in_doubt(store)
    running(store)
    with JobManager(path) as manager, sync_playwright() as playwright:
        ids = {each.name(): each.job_set_id() for each in manager.job_sets()}
        shown = NotebookDashboard(store, 0, is_read_only=False, notebook="")
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("QJM_TEST_CHROMIUM"), args=["--no-sandbox"]
        )
        PICTURES.mkdir(exist_ok=True)
        for name, tail, options in screens(ids):
            page = browser.new_page(**{"viewport": {"width": 1200, "height": 760}, **options})
            page.goto(shown.address + tail)
            page.screenshot(path=PICTURES / f"dashboard-{name}.png")
            page.close()
        browser.close()
        shown.close()
    store.close()


if __name__ == "__main__":
    folder = Path(tempfile.gettempdir()) / "lab"  # the pages show where the store is
    folder.mkdir()
    try:
        main(folder)
    finally:
        shutil.rmtree(folder)
