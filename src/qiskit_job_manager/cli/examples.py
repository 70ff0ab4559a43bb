"""The examples at the end of a command's help."""

from __future__ import annotations

from qiskit_job_manager.cli import exit_codes

_AS_IT_STANDS = "\b"
"""At the head of a paragraph it keeps the lines from being filled."""


def epilog(*examples: str) -> str:
    """Return what stands below a command's options: how it is used."""
    heading = "Examples:" if len(examples) > 1 else "Example:"
    return "\n".join([_AS_IT_STANDS, heading, *(f"  {each}" for each in examples)])


def epilog_of_all(*examples: str) -> str:
    """Return what stands below the list of commands: how they are used, and how they end."""
    return f"{epilog(*examples)}\n\n{exit_codes.EXPLAINED}"
