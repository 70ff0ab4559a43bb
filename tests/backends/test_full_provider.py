"""A provider that refuses because too many jobs are pending is waited for."""

from __future__ import annotations

import pytest
from qiskit.providers import JobError

from qiskit_job_manager.backends.provider_errors import submission_error
from qiskit_job_manager.errors import SubmissionDeferredError, SubmissionInDoubtError


def raised(error, behind=None):
    try:
        raise error from behind
    except Exception as caught:  # noqa: BLE001  # with its traceback, as a provider's is
        return caught


@pytest.mark.parametrize(
    "text",
    [
        "too many jobs pending",
        "Too many queued tasks for this account",
        "the limit of 5 concurrent jobs is reached",
        "Maximum number of pending jobs reached: 3",
        "pending jobs exceed the limit",
    ],
)
def test_a_limit_on_pending_jobs_is_a_no_for_now(text):
    error = submission_error(raised(JobError(text)), "plain", volatile=False)
    assert isinstance(error, SubmissionDeferredError)


@pytest.mark.parametrize(
    ("error", "behind"),
    [
        (JobError("too many jobs pending"), ConnectionResetError("reset")),
        (JobError("too many jobs pending; the connection was lost"), None),
        (JobError("timed out with too many jobs pending"), None),
        (JobError("the job was not understood"), None),
        (RuntimeError("limit"), None),
        (ConnectionError("too many pending jobs"), None),
    ],
)
def test_anything_else_leaves_the_job_in_doubt(error, behind):
    found = submission_error(raised(error, behind), "plain", volatile=False)
    assert isinstance(found, SubmissionInDoubtError)
