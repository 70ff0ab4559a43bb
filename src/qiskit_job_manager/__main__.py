"""``python -m qiskit_job_manager`` is ``qjm``."""

from __future__ import annotations

from qiskit_job_manager.cli import main

if __name__ == "__main__":
    main()
