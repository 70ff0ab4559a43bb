"""For authors of adapters, and for our own tests: a clock and a backend that do as they are told.

The contract suites that every store and every backend passes are in `store_contract` and
`backend_contract` beside this; they need pytest, which what is here does not.
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
