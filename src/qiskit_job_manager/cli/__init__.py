"""The command ``qjm``: parses, calls the public API, and prints.

Importing this package marks the process as a command line, which `qiskit_job_manager.errors` looks
at; that is why nothing is imported here before `main` runs.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process and exit."""
    from qiskit_job_manager.cli.app import app

    app(prog_name="qjm")
