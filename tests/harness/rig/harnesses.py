"""The harnesses without processes; each returns a `Tally`."""

from __future__ import annotations

import random
import sqlite3
from contextlib import contextmanager

from rig.gate import STORE_CALLS, Crash, crash_at
from rig.ours import Ours
from rig.storm import Weather
from rig.tally import Tally
from rig.world import World

from qiskit_job_manager.errors import StoreBusyError, StoreError, StoreFullError
from qiskit_job_manager.model import Limits
from qiskit_job_manager.ports import Capabilities

VARIANTS = {
    "findable": Capabilities(findable=True, listing_lag_s=2.0, bulk_status=True),
    "awaits": Capabilities(findable=True, listing_lag_s=2.0, bulk_status=True, awaits=True),
    "idempotent": Capabilities(idempotent=True),
    "blind": Capabilities(bulk_status=True),
    "read once": Capabilities(findable=True, listing_lag_s=30.0, reads_once=True),
}
FATES = {"fails": 0.08, "fails in part": 0.08, "vanishes": 0.04, "is cancelled": 0.04}
_MOST_CRASHES = 6


def crash_sweep(folder, seeds, subject=Ours, variants=tuple(VARIANTS), every=1):
    """Crash once at each boundary of each story, or at each ``every``-th one."""
    tally = Tally()
    for variant in variants:
        weather = Weather(can=VARIANTS[variant], rate=0.15, fates=FATES)
        for seed in seeds:
            whole = _case(folder, seed, weather, subject)
            tally += whole
            for point in range(1, whole.calls + 1, every):
                name = f"{variant}, crash at boundary {point}"
                tally += _case(folder, seed, weather, subject, crash_at(point), name)
    return tally


def _case(folder, seed, weather, subject, happen=None, name="no crash"):
    return World(folder, seed, weather, subject, happen, name).begin(jobs=3, max_attempts=2).run()


def simulation(folder, seed, subject=Ours):
    """One long story: much trouble, outages, expired logins, and crashes at random boundaries."""
    draw = random.Random(f"simulation {seed}")
    start_s = draw.uniform(0, 60)
    weather = Weather(
        can=VARIANTS[draw.choice(list(VARIANTS))],
        rate=draw.choice([0.0, 0.1, 0.2, 0.4]),
        outages=((start_s, start_s + 30),) if draw.random() < 0.5 else (),
        logins=((start_s + 60, start_s + 90),) if draw.random() < 0.2 else (),
        fates=FATES if draw.random() < 0.7 else {},
        service_s=draw.choice([0.0, 5.0, 120.0]),
        loses_results=draw.random() < 0.3,
    )
    left = [draw.randrange(_MOST_CRASHES)]

    def happen(count, name):
        if left[0] and draw.random() < 0.02:
            left[0] -= 1
            raise Crash(name)

    limits = Limits(
        pending_jobs=draw.choice([None, 2, 5]), submissions_per_minute=draw.choice([None, 6])
    )
    world = World(folder, seed, weather, subject, happen, "simulation")
    world.begin(draw.randrange(1, 13), draw.randrange(1, 4), max_attempts=2, limits=limits)
    return world.run()


# -- a store that fails --------------------------------------------------------------------------


class OnFailingStore(Ours):
    """Has a boundary at every call of the store, not only at those that write."""

    store_calls = STORE_CALLS


STORE_FAULTS = {
    "busy": StoreBusyError("locked for too long"),
    "full": StoreFullError("no space left"),
    "unknown": StoreError("nobody knows whether it was written"),
}


def store_faults(folder, seeds, every=1, in_a_row=3):
    """Make some calls of the store in a row fail, from each place of each story on.

    A call that fails afterwards has its effect in the store, although it raised.
    """
    tally = Tally()
    weather = Weather(can=VARIANTS["findable"], rate=0.1)
    for seed in seeds:
        whole = World(folder, seed, weather, OnFailingStore).begin(jobs=2).run()
        tally += whole
        for kind, error in STORE_FAULTS.items():
            for point in range(1, whole.calls + 1, every):
                world = World(folder, seed, weather, OnFailingStore, None, f"{kind} at {point}")
                world.gate.happen = _fail_from(point, error, in_a_row, world.gate)
                tally += world.begin(jobs=2).run()
    return tally


def _fail_from(point, error, in_a_row, gate):
    left = [in_a_row]
    side = "after" if isinstance(error, StoreError) and type(error) is StoreError else "before"
    names = {f"{side} {call}" for call in STORE_CALLS}

    def happen(count, name):
        if count >= point and left[0] and name in names:
            left[0] -= 1
            raise error

    return happen


def io_errors(folder, seeds, every=1, in_a_row=2):
    """Make SQLite itself fail at each statement and each commit of each story."""
    tally = Tally()
    weather = Weather(can=VARIANTS["findable"], rate=0.1)
    for seed in seeds:
        for code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY):
            point = 0
            while True:
                point += every
                world = World(folder, seed, weather, Ours, None, f"SQLite error {code} at {point}")
                world.begin(jobs=2)
                hit = []
                tally += world.run(failing_statements(point, in_a_row, code, hit))
                if not hit:
                    break
    return tally


@contextmanager
def failing_statements(point, in_a_row, code, hit):
    """Make SQLite fail at some statements, from one on; record the failed ones."""
    from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite as Dialect

    count = [0]
    originals = {name: getattr(Dialect, name) for name in ("do_execute", "do_commit")}

    def failing(name):
        def call(self, *args, **kwargs):
            count[0] += 1
            if count[0] >= point and len(hit) < in_a_row:
                hit.append(name)
                error = sqlite3.OperationalError("injected")
                error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_INJECTED"
                raise error
            return originals[name](self, *args, **kwargs)

        return call

    try:
        for name in originals:
            setattr(Dialect, name, failing(name))
        yield
    finally:
        for name, original in originals.items():
            setattr(Dialect, name, original)


# -- how long it takes ---------------------------------------------------------------------------


def makespan_s(folder, seed, weather, jobs=60):
    """Return the simulated seconds that a job set takes under a backend that runs 4 jobs at once.

    Calls fail as the weather says; nothing crashes.
    """
    limits = Limits(pending_jobs=4)
    world = World(folder, seed, weather, Ours, None, "makespan")
    tally = world.begin(jobs=jobs, limits=limits).run()
    return world.clock.monotonic(), tally
