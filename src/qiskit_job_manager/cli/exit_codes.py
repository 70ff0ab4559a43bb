"""What the exit codes of the command mean."""

from __future__ import annotations

ALL_DONE = 0
ERROR = 1
SOME_WITHOUT_RESULT = 3
TIMED_OUT = 4
INTERRUPTED = 130
OUTPUT_CLOSED = 141

EXPLAINED = """
Exit codes: 0 all done; 1 an error, told on standard error; 2 wrong usage; 3 it ended, but some
experiments failed, were cancelled or were lost, or some that were asked for have no result yet;
4 the time-out passed, nothing is lost; 130 interrupted, nothing is lost.
"""
