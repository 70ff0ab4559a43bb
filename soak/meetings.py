# ruff: noqa: INP001, T201  # a script, which prints
"""Runs harnesses at length, those of two at once and of outages, and prints what was found.

python soak/meetings.py --only "same script" --only resumed --rounds 300 --minutes 14

The time is shared by the harnesses; each stops at its number of rounds or at the end of its share.
Where ``QJM_TEST_POSTGRES_URL`` names a server, stores are on it as well.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "harness"))

from rig.meetings import (
    resumed_in_one_process,
    same_script,
    same_script_in_threads,
    stopped_at_boundary,
    stopped_at_random,
)
from rig.outages import black_holes, programs, restarts
from rig.pairs import crossing
from rig.processes import Site
from rig.server import URL
from rig.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CASES_PER_CLOUD = 24
_AT_ONCE = 4  # cases that mostly wait
_BOUNDARIES = 60

_SITE_CASES: dict[str, Callable[[Site, int], Tally]] = {
    "same script, processes": lambda site, i: same_script(site, f"same-{i}", i),
    "same script, threads": lambda site, i: same_script_in_threads(site, f"threads-{i}", i),
    "crossings": lambda site, i: crossing(site, f"crossing-{i}", i),
    "resumed in one process": lambda site, i: resumed_in_one_process(site, f"again-{i}", i),
}
_STOPS: dict[str, Callable[[Site, int], Tally]] = {
    "stopped at boundaries": lambda site, i: stopped_at_boundary(
        site, f"at-{i}", 1 + i % _BOUNDARIES
    ),
    "stopped at random": lambda site, i: stopped_at_random(site, f"random-{i}", i),
}
_OUTAGES: dict[str, Callable[[Path, int], Tally]] = {
    "restarts": restarts,
    "black holes": black_holes,
}


def main() -> int:
    """Run all, and return 1 if a promise was broken."""
    said = _parser().parse_args()
    logging.disable(logging.CRITICAL)
    chosen = {
        name: steps
        for name, steps in _harnesses(said.first_seed).items()
        if not said.only or any(part in name for part in said.only)
    }
    broken = 0
    with tempfile.TemporaryDirectory(dir=said.folder) as folder:
        for number, (name, steps) in enumerate(chosen.items()):
            room = Path(folder) / str(number)
            room.mkdir()
            tally = _run(steps, room, said.rounds, 60 * said.minutes / len(chosen), name)
            broken += len(tally.violations)
            shutil.rmtree(room, ignore_errors=True)
    return int(broken > 0)


def _harnesses(first: int) -> dict[str, Callable[[Path], Iterator[Tally]]]:
    """Return, by name, what yields the tallies of one case after the other."""
    found: dict[str, Callable[[Path], Iterator[Tally]]] = {
        name: partial(_on_sites, case=case, first=first, server=None)
        for name, case in _SITE_CASES.items()
    }
    if URL is not None:
        for name, case in (_SITE_CASES | _STOPS).items():
            steps = partial(_on_sites, case=case, first=first, server=URL)
            found[f"on a server, {name}"] = steps
    if programs() is not None:
        for name, outage in _OUTAGES.items():
            found[name] = partial(_one_by_one, outage=outage, first=first)
    return found


def _on_sites(
    room: Path, *, case: Callable[[Site, int], Tally], first: int, server: str | None
) -> Iterator[Tally]:
    """Yield case after case, with a new cloud every so often, as its ledger grows."""
    numbers = itertools.count(first)
    for cloud in itertools.count():
        with (
            Site(room / f"cloud-{cloud}", server=server) as site,
            ThreadPoolExecutor(_AT_ONCE) as pool,
        ):
            for _ in range(_CASES_PER_CLOUD // _AT_ONCE):
                some = list(itertools.islice(numbers, _AT_ONCE))
                yield from pool.map(partial(case, site), some)
        shutil.rmtree(room / f"cloud-{cloud}", ignore_errors=True)


def _one_by_one(room: Path, *, outage: Callable[[Path, int], Tally], first: int) -> Iterator[Tally]:
    for seed in itertools.count(first):
        yield outage(room / str(seed), seed)


def _run(steps: Callable[[Path], Any], room: Path, rounds: int, seconds: float, name: str) -> Tally:
    whole, begun_s = Tally(), time.monotonic()
    with closing(steps(room)) as cases:
        for tally in cases:
            whole += tally
            if max(whole.cases, whole.outages) >= rounds or time.monotonic() > begun_s + seconds:
                break
    figures = ", ".join(f"{k} {v:,}" for k, v in vars(whole).items() if k != "violations" and v)
    took_s = time.monotonic() - begun_s
    print(f"{name:36} {len(whole.violations)} broken   {figures}, {took_s:.0f} s", flush=True)
    for words in whole.violations[:10]:
        print("   ", words)
    return whole


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--only", action="append", default=[], help="only harnesses with this in their name")
    add("--rounds", type=int, default=300, help="rounds of each; an outage is a round, too")
    add("--minutes", type=float, default=60.0, help="time for all")
    add("--first-seed", type=int, default=1_000, help="the first seed; others follow")
    add("--folder", default=None, help="where stores are; a fast disk tells more in less time")
    return parser


if __name__ == "__main__":
    sys.exit(main())
