"""The exit codes of ``qjm``."""

from __future__ import annotations

ALL_DONE = 0
ERROR = 1
SOME_WITHOUT_RESULT = 3
TIMED_OUT = 4
NEEDS_USER = 5
INTERRUPTED = 130
OUTPUT_CLOSED = 141

MEANINGS = {
    ALL_DONE: "all done",
    ERROR: "an error; standard error says which",
    2: "wrong usage",
    SOME_WITHOUT_RESULT: "it ended, but some experiments failed, were cancelled or were lost, or "
    "some of those that you named have no result yet",
    TIMED_OUT: "the time is over; nothing is lost",
    NEEDS_USER: "qjm doctor found something that needs you",
    INTERRUPTED: "interrupted; nothing is lost",
    OUTPUT_CLOSED: "the reader of the output closed it",
}

EXPLAINED = "Exit codes: " + ". ".join(f"{code} {text}" for code, text in MEANINGS.items()) + "."
