"""Cases in which one script is started several times, or again, or stands still for long."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from pathlib import Path

from rig.driver import LEASE_S
from rig.processes import WITHIN_S, Case, is_handed_over


class Crowd:
    """The drivers of one case, each of which has to end well.

    Args:
        case: The case; what goes wrong is noted in its tally.
    """

    def __init__(self, case):
        self._case = case
        self._started = []

    def start(self, do, **said):
        number = len(self._started)
        finished, words = (self._case.folder / f"{what}-{number}" for what in ("finished", "words"))
        driver = self._case.start(do, finished=str(finished), words=str(words), **said)
        self._started.append((driver, finished, words))
        return driver

    def says_something(self, driver):
        """Say whether a driver has printed or logged anything."""
        (words,) = (words for each, _, words in self._started if each is driver)
        return words.exists() and words.stat().st_size > 0

    def must_end_well(self):
        """Wait for all, and note which did not end, or ended with an error."""
        for number, (driver, finished, words) in enumerate(self._started):
            if driver.lives(WITHIN_S):
                self._note(f"driver {number} did not end within {WITHIN_S:g} s")
                driver.kill()
            elif not finished.exists():
                self._note(f"driver {number} failed: {words.read_text()[-2000:]}")

    def _note(self, words):
        self._case.tally.violations.append(f"{self._case.name}: {words}")


def same_script(site, name, seed, processes=3):
    """Start one script in several processes at almost the same moment."""
    chance = random.Random(f"{seed} same script")
    case = Case(site, name, as_list=bool(seed % 2))
    crowd = Crowd(case)
    for _ in range(processes):
        crowd.start("run")
        time.sleep(chance.choice((0.0, 0.0, chance.uniform(0.0, 0.3))))
    crowd.must_end_well()
    return case.judge()


def same_script_in_threads(site, name, seed, threads=8):
    """Run one script in several threads of one process: on one manager, or on one each."""
    case = Case(site, name, as_list=bool(seed // 2 % 2))
    crowd = Crowd(case)
    crowd.start("threads", threads=threads, own_managers=bool(seed % 2))
    crowd.must_end_well()
    return case.judge()


def resumed_in_one_process(site, name, seed):
    """Let the generator fail three times, and run the script again in the same process.

    It does so with the same manager, or with another one while the first one still drives.
    """
    case = Case(site, name, jobs=8, per_job=2)
    crowd = Crowd(case)
    crowd.start("again", seed=seed, second=bool(seed % 2))
    crowd.must_end_well()
    return case.judge()


def stopped_at_boundary(site, name, boundary):
    """Stop a driver at one boundary of the port calls, until others have gone on in its place."""
    case = Case(site, name, may_double=True, as_list=bool(boundary % 2))
    crowd = Crowd(case)
    driver = crowd.start("run", signal_at=[boundary, signal.SIGSTOP])
    if _stands_still(driver):
        case.tally.stops += 1
        rival = crowd.start("run")
        rival.lives(within_s=1.5 * LEASE_S)
        driver.send(signal.SIGCONT)
    crowd.must_end_well()
    return case.judge()


def stopped_at_random(site, name, seed):
    """Stop a driver at any instant, until others have gone on in its place."""
    chance = random.Random(f"{seed} stopped")
    case = Case(site, name, jobs=8, may_double=True, as_list=bool(seed % 2))
    crowd = Crowd(case)
    driver = crowd.start("run")
    driver.lives(within_s=chance.uniform(0.0, 1.0))
    do = "attach" if is_handed_over(case) else "run"
    if driver.send(signal.SIGSTOP):
        case.tally.stops += 1
        rival = crowd.start(do)
        rival.lives(within_s=LEASE_S + chance.uniform(0.1, 1.0))
        driver.send(signal.SIGCONT)
    crowd.must_end_well()
    return case.judge()


def _stands_still(driver):
    """Wait until a process has stopped itself; return whether it has, and not ended before."""
    until_s = time.monotonic() + WITHIN_S
    while driver.lives(within_s=0.01) and time.monotonic() < until_s:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{driver.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                return True
    return False
