"""A clock and a backend that a test controls, for authors of adapters and for our own tests.

The contract suites are in `store_contract` and `backend_contract`. They need pytest; this package
does not.
"""

from qiskit_job_manager.testing.clock import FakeClock
from qiskit_job_manager.testing.ledger import Ledger, Submission
from qiskit_job_manager.testing.scripted_backend import ScriptedBackend
from qiskit_job_manager.testing.scripts import (
    Call,
    Hang,
    JobStory,
    LoseAnswer,
    Proceed,
    Raise,
    Repeat,
)

__all__ = [
    "Call",
    "FakeClock",
    "Hang",
    "JobStory",
    "Ledger",
    "LoseAnswer",
    "Proceed",
    "Raise",
    "Repeat",
    "ScriptedBackend",
    "Submission",
]
