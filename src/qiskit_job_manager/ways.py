"""What a message tells the user to do, in Python and as a command: both spellings in one place.

Messages are written with the Python spelling, as `f"{ways.RESUBMIT} sends it again"`. The command
line shows the command in its place: `as_commands`. A message that quotes a call of ours without one
of these would tell somebody who has no script to call Python; a test looks for such messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

_FILLED = "(.{0,300}?)"


@dataclass(frozen=True, slots=True)
class Way:
    """One thing that users can do.

    Attributes:
        python: How it is done in Python; ``{}`` stands for what the message fills in.
        command: How it is done on the command line, or said there.
    """

    python: str
    command: str

    def __str__(self) -> str:
        return self.python

    def of(self, value: object) -> str:
        """Return the Python spelling with a value in it, as Python writes it."""
        return self.python.format(repr(value))


RESUME = Way("run(..., if_exists='resume')", "`qjm run ... --if-exists resume`")
EXTEND = Way("if_exists='extend'", "`--if-exists extend`")
AGAIN = Way(
    "run the same script again with if_exists='resume'",
    "run the same command again with `--if-exists resume` (a script: with if_exists='resume')",
)
WITH_BACKEND = Way(
    "retrieve_job_set({}, backend=...)", "a script with retrieve_job_set({}, backend=...)"
)
RETRY = Way("retry()", "`qjm retry`")
RETRY_CANCELLED = Way("retry(cancelled=True)", "`qjm retry --cancelled`")
RETRY_DRIFTED = Way("retry(where='drifted')", "`qjm retry --where drifted`")
RESUBMIT = Way("resubmit()", "`qjm resubmit`")
ABANDON = Way("abandon()", "`qjm abandon`")
CANCEL_DUPLICATES = Way("cancel_duplicates()", "`qjm cancel --duplicates`")
ALLOW_USAGE = Way("allow_usage()", "`qjm resume SET --max-usage SECONDS`")
ALLOW_COST = Way("allow_cost()", "`qjm resume SET --max-cost AMOUNT`")
MAX_USAGE = Way("max_usage_s=", "`--max-usage`")
MAX_COST = Way("max_cost=", "`--max-cost`")
FIND_GROUP = Way("find_group({})", "a script with find_group({})")
JOB_SETS = Way("job_sets()", "`qjm list`")
INDICES = Way("job_set.indices({})", "`qjm results SET {}`")
DELETE = Way("delete_job_set()", "`qjm delete`")
ADOPT = Way("JobManager.adopt_store()", "`qjm adopt`")
OVERWRITE = Way("overwrite=True", "`--overwrite`")
SMALLER_JOBS = Way("a smaller max_experiments_per_job", "a smaller `--max-experiments-per-job`")
ONE_A_JOB = Way("max_experiments_per_job=1", "`--max-experiments-per-job 1`")
MEMORY = Way("memory=True", "`--memory`")
PARTIAL = Way("results(partial=True)", "`qjm results`")

ALL = tuple(each for each in list(globals().values()) if isinstance(each, Way))


def _pattern(way: Way) -> re.Pattern[str]:
    python = re.escape(way.python).replace(r"\{\}", _FILLED)
    return re.compile(rf"(?<![\w.]){python}")


# A long spelling may hold a shorter one.
_BY_LENGTH = sorted(ALL, key=lambda way: len(way.python), reverse=True)
_FORMS = [(_pattern(way), way.command) for way in _BY_LENGTH]


def as_commands(text: str) -> str:
    """Return a message as the command line shows it."""
    for pattern, command in _FORMS:
        text = pattern.sub(partial(_filled, command), text)
    return text


def _filled(command: str, found: re.Match[str]) -> str:
    return command.format(*found.groups())
