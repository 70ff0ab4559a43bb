"""A bad manager, which every harness must catch, or it proves nothing.

It submits without storing its intent, submits again when in doubt, and keeps results in memory
until its next save.
"""

from __future__ import annotations

import json

from rig.gate import BACKEND_CALLS, Gated, gated
from rig.storm import SHOTS, payload_of

from qiskit_job_manager.codec.results import open_result
from qiskit_job_manager.errors import RemoteJobFailedError, ResultGoneError
from qiskit_job_manager.model import RemoteState

_SAVE_EVERY = 3


class Naive:
    """The loop that people write by hand; it has the methods of `rig.ours.Ours`."""

    waits_for_the_user = False

    def __init__(self, world, folder):
        self.world = world
        self.path = folder / f"{world.id}.json"
        self.jobs = []
        self.turns = 0

    def begin(self, names_by_job, *, max_attempts=1, limits=None):
        self.jobs = [{"names": n, "id": None, "state": "new", "counts": None} for n in names_by_job]
        self._save()

    def open(self):
        self.jobs = json.loads(self.path.read_text())
        self.backend = Gated(self.world.storm, BACKEND_CALLS, self.world.gate)
        self.save = gated(self._save, "save", self.world.gate)

    def turn(self):
        self.turns += 1
        for job in self.jobs:
            if job["state"] in ("done", "failed"):
                continue
            try:
                self._move(job)
            except (RemoteJobFailedError, ResultGoneError):
                job["state"] = "failed"
            except Exception:  # noqa: BLE001  # naive
                pass
        if self.is_finished or self.turns % _SAVE_EVERY == 0:
            self.save()
        return 1.0

    def _move(self, job):
        if job["id"] is None:
            options = {"shots": SHOTS}
            tag = f"{self.world.id}-{self.jobs.index(job)}-{self.turns}"
            job["id"] = self.backend.submit(payload_of(job["names"]), options, tag)
        status = self.backend.statuses([job["id"]])[job["id"]]
        if status.state not in (RemoteState.QUEUED, RemoteState.RUNNING):
            reader = open_result(self.backend.fetch(job["id"]))
            job["counts"] = [reader.counts(offset) for offset in range(reader.n_experiments)]
            job["state"] = "done"

    def _save(self):
        self.path.write_text(json.dumps(self.jobs))

    def crash(self):
        self.jobs = []

    @property
    def is_finished(self):
        return all(job["state"] in ("done", "failed") for job in self.jobs)

    def defect(self):
        return None

    def ends(self):
        jobs = json.loads(self.path.read_text())
        return [(job["state"], None, job["counts"]) for job in jobs]
