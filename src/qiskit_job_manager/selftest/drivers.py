"""Real drivers that are killed, taken over and starved of disk, against a cloud with a ledger."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from qiskit_job_manager.errors import JobManagerError
from qiskit_job_manager.manager import JobManager
from qiskit_job_manager.selftest.checks import Check, Verdict
from qiskit_job_manager.testing.cloud_service import CloudProcess, Deed, Faults
from qiskit_job_manager.testing.samples import expected_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from qiskit_job_manager.results import ManagedResults
    from qiskit_job_manager.selftest.ground import Ground

_JOBS, _BITS, _SHOTS = 12, 16, 20
_WITHIN_S = 100.0
_STARVED_FOR_S = 6.0
_ROOM_BYTES = 4096
_LAG_S = 0.2
_KILL_AFTER = (1, 3, 5)
"""Accepted jobs after which a driver is killed; the last one is killed beside a second driver."""
_LIMITED = (
    "import os, resource, sys; n = int(sys.argv[1]); "
    "resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)); os.execv(sys.executable, sys.argv[2:])"
)
_PAID_LIMIT = (
    "on a backend that can neither be searched nor sent a key, a job whose answer was lost waits "
    "for your decision; see docs/promises.md"
)


def driven(ground: Ground) -> Iterator[Check]:
    """Kill drivers at several places, let others go on, fill the disk, and read the ledger."""
    ledger = ground.folder / "ledger.jsonl"
    faults = Faults(service_time_s=0.3, jobs_at_once=2, listing_lag_s=_LAG_S)
    with CloudProcess(ledger, faults) as cloud:
        trial = _Trial(ground, cloud)
        yield from _killed(trial)
        yield from _starved(trial)
        yield _verdict(trial)


class _Trial:
    """One job set that all is done to.

    Args:
        ground: Where.
        cloud: What runs its jobs.
    """

    def __init__(self, ground: Ground, cloud: CloudProcess) -> None:
        self.ground = ground
        self.cloud = cloud
        self.kills = 0
        self.trouble: str | None = None
        circuits = ground.folder / "circuits"
        circuits.mkdir()
        for number in range(_JOBS):
            (circuits / f"{_name(number)}.qasm").write_text(_circuit(number), encoding="ascii")
        self._run = ["run", str(circuits), "--backend", self._backend, "--name", "selftest"]
        self._run += [
            "--shots",
            str(_SHOTS),
            "--max-experiments-per-job",
            "1",
            "--if-exists",
            "resume",
        ]

    @property
    def _backend(self) -> str:
        return f"cloud:http://{self.cloud.address}?listing_lag_s={_LAG_S}"

    @property
    def accepted(self) -> int:
        """Submissions that the cloud has accepted."""
        return len(self.cloud.control.books().of(Deed.ACCEPTED))

    def run(self, *, most_bytes: int | None = None) -> _Driver:
        """Start what the user would: the same command again."""
        return _Driver(self.ground, self._run, most_bytes)

    def wait(self) -> _Driver:
        """Start a second driver, which goes on when the first one dies."""
        return _Driver(self.ground, ["wait", "selftest"], None)


class _Driver:
    """A ``qjm`` in a process of its own, which is dead when the ``with`` block is over."""

    def __init__(self, ground: Ground, words: list[str], most_bytes: int | None) -> None:
        command = [sys.executable, "-m", "qiskit_job_manager", *words]
        if most_bytes is not None:
            command = [sys.executable, "-c", _LIMITED, str(most_bytes), *command]
        self._log = (ground.folder / "log").open("ab")
        self.process = subprocess.Popen(  # noqa: S603  # our own program, given no shell
            command, stdout=self._log, stderr=self._log, env=_environment(ground)
        )

    def __enter__(self) -> _Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself."""
        return self.process.poll() is not None


def _environment(ground: Ground) -> Mapping[str, str]:
    return os.environ | {
        # As an option, all users of the machine could read the password in it.
        "QISKIT_JOB_MANAGER_STORE": ground.store,
        "QISKIT_JOB_MANAGER_NOTIFY": "",
        "QISKIT_JOB_MANAGER_WORKERS": "0",
        # What stores keep in the user's data folder goes into ours.
        "XDG_DATA_HOME": str(ground.folder),
    }


def _killed(trial: _Trial) -> Iterator[Check]:
    for after in _KILL_AFTER[:-1]:
        with trial.run() as driver:
            _wait_for(lambda: trial.accepted >= after or driver.has_ended)  # noqa: B023  # called here
            trial.kills += not driver.has_ended
    with trial.run() as driver, trial.wait() as other:
        _wait_for(lambda: trial.accepted >= _KILL_AFTER[-1] or driver.has_ended)
        trial.kills += not driver.has_ended
        driver.process.kill()
        driver.process.wait()
        before, began = trial.accepted, time.monotonic()
        goes_on = _wait_for(lambda: trial.accepted > before + 2 or other.has_ended)
        took_s = time.monotonic() - began
    limit = (
        "the lease of a dead driver ends after about a minute"
        if trial.ground.is_server
        else "a driver that stands still is not replaced on a file until it goes on or is killed"
    )
    if goes_on:
        words = f"a second driver went on {took_s:.1f} s after the first one was killed"
        yield Check("take-over", Verdict.HOLDS, words, limit)
    else:
        words = f"no second driver went on within {_WITHIN_S:g} s after the first one was killed"
        yield Check("take-over", Verdict.BROKEN, words, limit)


def _starved(trial: _Trial) -> Iterator[Check]:
    """Let a driver meet a disk without room: a limit on the size of its files stands for it."""
    if trial.ground.is_server:
        yield Check("full disk", Verdict.NOT_TRIED, "the disk of the server is not ours to fill")
        return
    store = Path(trial.ground.store)
    most = store.stat().st_size + _ROOM_BYTES
    with trial.run(most_bytes=most) as driver:
        _wait_for(lambda: driver.has_ended, _STARVED_FOR_S)
        gave_up = driver.has_ended
    was_met = store.stat().st_size >= most - _ROOM_BYTES or gave_up
    limit = "a limit on the size of files stood for the full disk; while it is full, nothing moves"
    if not was_met:  # pragma: no cover  # the store has always grown by then
        yield Check("full disk", Verdict.NOT_TRIED, "the limit was not reached", limit)
        return
    with trial.run() as driver:
        has_ended = _wait_for(lambda: driver.has_ended)
        code = driver.process.poll()
    words = "a driver without room stopped cleanly, and the next one with room went on to the end"
    if has_ended and code == 0:
        yield Check("full disk", Verdict.HOLDS, words, limit)
    else:
        words = f"after a full disk the job set did not come to its end (exit code {code})"
        yield Check("full disk", Verdict.BROKEN, words, limit)


def _verdict(trial: _Trial) -> Check:
    """Bring the job set to its end if it is not there, and compare it with the ledger."""
    with trial.run() as driver:
        _wait_for(lambda: driver.has_ended)
    with _opened(trial.ground) as manager:
        results = manager.find("selftest").results_so_far()
        wrong = [n for n in range(_JOBS) if not _is_right(results, n)]
    books = trial.cloud.control.books()
    twice = sum(count > 1 for count in books.submissions_by_payload().values())
    found = f"{trial.kills} kills of a driver, {_JOBS} jobs, {trial.accepted} submissions"
    if twice or wrong:
        words = (
            f"{found}; {twice} jobs were paid for twice, {len(wrong)} results are missing or wrong"
        )
        return Check("kills", Verdict.BROKEN, words, _PAID_LIMIT)
    words = f"{found}: nothing was paid for twice, and each result is there and right"
    return Check("kills", Verdict.HOLDS, words, _PAID_LIMIT)


@contextmanager
def _opened(ground: Ground) -> Iterator[JobManager]:
    with JobManager(ground.store, workers=0, notify=()) as manager:
        yield manager


def _is_right(results: ManagedResults, number: int) -> bool:
    counts = expected_counts(_name(number), _BITS, _SHOTS)
    try:
        found = results.get_counts(number)
    except JobManagerError:
        return False
    return bool(found == {format(int(key, 16), f"0{_BITS}b"): n for key, n in counts.items()})


def _name(number: int) -> str:
    return f"c_{number:02}"


def _circuit(number: int) -> str:
    """Return a circuit; the cloud makes its counts from its name, so no two have the same."""
    head = f'OPENQASM 2.0; include "qelib1.inc"; qreg q[{_BITS}]; creg c[{_BITS}]; '
    flips = "".join(f"x q[{bit}]; " for bit in range(4) if number >> bit & 1)
    return f"{head}{flips}measure q -> c;\n"


def _wait_for(condition: Callable[[], bool], within_s: float = _WITHIN_S) -> bool:
    until = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
