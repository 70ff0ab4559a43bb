"""Tries on the user's own ground what `docs/promises.md` promises: ``qjm selftest``.

It works in a folder of its own beside the store, against a cloud of ours in a process of its own,
whose ledger says what was paid for. The user's store is neither opened nor changed.
"""

from qiskit_job_manager.selftest.checks import Check, Verdict, checks
from qiskit_job_manager.selftest.ground import Ground

__all__ = ["Check", "Ground", "Verdict", "checks"]
