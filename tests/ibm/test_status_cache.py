"""How often the service is asked: by how much has passed, and by nothing else."""

from __future__ import annotations

import pytest

from qiskit_job_manager.backends.ibm.status import IDLE_S, LONGEST_S, SHORTEST_S, StatusCache
from qiskit_job_manager.model import RemoteState, RemoteStatus

QUEUED = RemoteStatus(RemoteState.QUEUED)
PER_MINUTE = 5


class Service:
    """Jobs that are asked about each half second, as the engine does, and when it was asked."""

    def __init__(self):
        self.now_s = 0.0
        self.asked_s = []
        self._cache = StatusCache(lambda: self.now_s)
        self._active = set()

    def submit(self, remote_id):
        self._active.add(remote_id)
        self._cache.note(remote_id, QUEUED)

    def end(self, remote_id):
        self._active.discard(remote_id)
        self._cache.drop(remote_id)

    def wait(self, seconds):
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s += 0.5
            if self._active and self._cache.fresh(self._active) is None:
                self.asked_s.append(self.now_s)
                for each in self._active:
                    self._cache.note(each, QUEUED)


@pytest.fixture
def service(monkeypatch):
    from qiskit_job_manager.backends.ibm import status

    monkeypatch.setattr(status, "SHORTEST_S", SHORTEST_S)
    monkeypatch.setattr(status, "LONGEST_S", LONGEST_S)
    return Service()


def test_at_first_it_is_asked_soon_and_then_less_and_less_often(service):
    service.submit("a")
    service.wait(60.0)
    pauses = [
        later - earlier
        for earlier, later in zip([0.0, *service.asked_s[:-1]], service.asked_s, strict=True)
    ]
    assert pauses[0] == SHORTEST_S
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_S


def test_new_jobs_do_not_have_it_asked_more_often(service):
    """Were it not so, each job that is sent would cost as many requests as it takes by itself."""
    jobs = 100
    for number in range(jobs):
        service.submit(f"job {number}")
        if number >= 3:
            service.end(f"job {number - 3}")
        service.wait(60.0 / PER_MINUTE)
    assert len(service.asked_s) <= jobs + 3


def test_who_comes_after_a_while_is_answered_soon(service):
    service.submit("a")
    service.wait(120.0)
    service.end("a")
    service.wait(IDLE_S)
    service.submit("b")
    at_s = service.now_s
    service.wait(10.0)
    assert service.asked_s[-1] > at_s
    assert next(each for each in service.asked_s if each > at_s) == at_s + SHORTEST_S
