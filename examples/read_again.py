"""Reads stored results in a process of its own: python examples/read_again.py JOB_SET CIRCUIT..."""

from __future__ import annotations

import sys

from qiskit_job_manager import JobManager


def main(job_set_name: str, *circuits: str) -> None:
    """Print the most frequent outcomes of some circuits of a job set."""
    job_set = JobManager().retrieve_job_set(job_set_name)
    results = job_set.results(timeout=0)
    print(
        f"Read again by another process, of {len(job_set)} experiments on {results.backend_name}:"
    )
    for circuit in circuits:
        counts = results.get_counts(circuit)
        frequent = sorted(counts.items(), key=lambda item: -item[1])[:4]
        print(f"  {circuit}:", ", ".join(f"{bits} {count}" for bits, count in frequent))


if __name__ == "__main__":
    main(*sys.argv[1:])
