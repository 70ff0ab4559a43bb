"""A refused request in the form of IBM's errors."""

from __future__ import annotations

from typing import Any

from qiskit_job_manager.testing.emulator import refusals


class RefusedError(refusals.RefusedError):
    """A request that is answered with IBM's code and message; it had no effect."""

    def as_json(self) -> dict[str, Any]:
        """Return the body of the reply."""
        error = {"code": self.code, "message": self.message, "solution": "", "more_info": ""}
        return {"errors": [error], "trace": "emulated"}
