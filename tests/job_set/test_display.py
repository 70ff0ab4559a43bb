"""What a job set shows of itself: one line, and texts in which nothing is obeyed by a terminal."""

from __future__ import annotations

import pytest

from qiskit_job_manager import JobManagerUnknownJobSet, ManagedResultDataNotAvailable
from qiskit_job_manager.model import RemoteState
from qiskit_job_manager.testing import JobStory

NASTY = "cold\x1b[31m red\u202egnp\nand more"


def test_its_repr_says_how_far_it_is(manager, backend, circuits):
    job_set = manager.run(circuits(5), backend, name="rb", max_experiments_per_job=2)
    assert job_set.wait(60)
    assert repr(job_set) == "<ManagedJobSet 'rb': 5 experiments in 3 jobs, 3 done>"
    stored = manager.run(circuits(1), backend, name="stored", drive=False)
    assert repr(stored) == "<ManagedJobSet 'stored': 1 experiment in 1 job, 1 planned>"
    assert repr(job_set.managed_jobs()[0]) == "<ManagedJob 0: experiments 0-1, done>"


def test_its_repr_never_raises(manager, backend, circuits):
    job_set = manager.run(circuits(1), backend, name="rb")
    assert job_set.wait(10)
    name = f"<ManagedJobSet 'rb' ({job_set.job_set_id()})>"
    job_set.delete()
    with pytest.raises(JobManagerUnknownJobSet):
        job_set.name()
    assert "rb" in repr(job_set)
    manager.close()
    assert repr(job_set) == name


def test_texts_for_people_hold_nothing_that_a_terminal_obeys(manager, backend, circuits):
    backend.tell(JobStory.ending(RemoteState.ERROR, NASTY))
    job_set = manager.run(circuits(1), backend, name=NASTY, job_tags=["\x1b[2Jtag"])
    assert job_set.wait(60)
    (job,) = job_set.managed_jobs()
    with pytest.raises(ManagedResultDataNotAvailable) as read:
        job_set.results(timeout=10).get_counts(0)
    with pytest.raises(ManagedResultDataNotAvailable) as asked:
        job.result(timeout=10)
    texts = [job_set.report(), job_set.error_messages(), job.detail, repr(job), repr(job_set)]
    for text in [*texts, str(read.value), str(asked.value), manager.report()]:
        assert text.replace("\n", "").isprintable()
    assert "cold\\x1b[31m red\\u202egnp" in job_set.error_messages()
