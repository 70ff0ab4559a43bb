# ruff: noqa: INP001, T201  # a script, which prints
"""The harnesses of ``tests/harness`` at length; prints what was run and what was found.

python soak/run.py --crash-seeds 200 --kills 10000 --processes 2000 --simulated-steps 1000000

Each kind of harness gets its part of ``--minutes`` and stops at its number or at its time,
whichever comes first; what was really run is what is reported, also in ``soak/results.json``.
Where ``QJM_TEST_POSTGRES_URL`` names a server, half of the time is for stores on it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import shutil
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "harness"))

from rig.failed_seeds import (  # noqa: E402
    IN_ONE_PROCESS,
    ON_A_SITE,
    READ_ONCE,
    entry_text,
    noted,
)
from rig.harnesses import VARIANTS, crash_sweep  # noqa: E402
from rig.processes import Site  # noqa: E402
from rig.server import URL  # noqa: E402
from rig.tally import Tally  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CASES_PER_CLOUD = 25
_BOUNDARIES = 120
_PARTS = {
    "crash sweep": 0.2,
    "simulation": 0.2,
    "store faults": 0.1,
    "killed at boundaries": 0.1,
    "killed at random": 0.15,
    "read once, driver killed": 0.05,
    "read once, fetcher killed": 0.05,
    "read once, both killed": 0.05,
    "rivals": 0.05,
    "through IBM's client": 0.03,
    "two at once": 0.02,
}
_SERVER_PARTS = {
    "on a server, killed at boundaries": 0.3,
    "on a server, killed at random": 0.3,
    "on a server, rivals": 0.2,
    "on a server, stopped past the lease": 0.15,
    "on a server, two at once": 0.05,
}


def main() -> int:
    """Run all, and return 1 if a promise was broken."""
    said = _parser().parse_args()
    logging.disable(logging.CRITICAL)
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(dir=said.folder) as folder:
        harnesses, parts = _harnesses(said), _PARTS
        if URL is not None:
            harnesses |= _server_harnesses(said)
            parts = {name: share / 2 for name, share in (_PARTS | _SERVER_PARTS).items()}
        for name, harness in harnesses.items():
            room = Path(folder) / name.replace(" ", "-").replace("'", "").replace(",", "")
            room.mkdir()
            results[name] = _run(*harness, room, 60 * said.minutes * parts[name])
            shutil.rmtree(room)
            _show(name, results[name])
            _keep(said, results)
    return int(any(found["violations"] for found in results.values()))


def _run(whole: Any, steps: Any, reached: Any, room: Path, seconds: float) -> dict[str, Any]:
    begun_s = time.monotonic()
    with closing(steps(room)) as cases:
        for one in cases:
            whole += one
            if reached(whole) or time.monotonic() > begun_s + seconds:
                break
    return {**vars(whole), "seconds": round(time.monotonic() - begun_s, 1)}


def _harnesses(said: argparse.Namespace) -> dict[str, tuple[Any, Any, Any]]:
    """Return, by name: an empty tally, what yields tallies to add, and when it is enough."""
    first, kills = said.first_seed, said.kills
    failing = ("store calls that fail", "statements that fail")
    faults = lambda room: _emptied(room, _alternately(room, first, *failing))  # noqa: E731
    return {
        "crash sweep": (
            Tally(),
            lambda room: _emptied(room, _sweeps(room, first, said.crash_seeds)),
            _never,
        ),
        "simulation": (
            Tally(),
            lambda room: _emptied(room, _alternately(room, first, "simulation")),
            lambda tally: tally.turns >= said.simulated_steps,
        ),
        "store faults": (Tally(), faults, lambda tally: tally.cases >= said.crash_seeds * 200),
        "killed at boundaries": (
            Tally(),
            lambda room: _with_clouds(room, _at_boundary),
            lambda tally: tally.driver_kills >= kills // 4,
        ),
        "killed at random": (
            Tally(),
            lambda room: _with_clouds(room, _on_site("killed at random", first)),
            lambda tally: tally.driver_kills >= kills // 2,
        ),
        **{f"read once, {who} killed": _read_once(who, first, kills // 8) for who in _VICTIMS},
        "rivals": (
            Tally(),
            lambda room: _with_clouds(room, _on_site("rivals", first)),
            lambda tally: tally.cases >= said.processes,
        ),
        "through IBM's client": (
            Tally(),
            lambda room: _emptied(room, _alternately(room, first, "IBM's client")),
            lambda tally: tally.cases >= said.processes,
        ),
        "two at once": (
            Tally(),
            lambda room: _emptied(room, _alternately(room, first, "two at once")),
            _never,
        ),
    }


def _server_harnesses(said: argparse.Namespace) -> dict[str, tuple[Any, Any, Any]]:
    """Return the harnesses with processes, on PostgreSQL."""
    first = said.first_seed
    cases: list[Callable[[Site, int], Tally]] = [
        partial(_at_boundary, server=True),
        _on_site("killed at random", first, server=True),
        _on_site("rivals", first, server=True),
        _on_site("stopped past the lease", first, server=True),
    ]
    names = [name for name in _SERVER_PARTS if name != "on a server, two at once"]
    found = {
        name: (Tally(), partial(_with_clouds, case=case, server=URL), _never)
        for name, case in zip(names, cases, strict=True)
    }
    pairs = partial(_pairs_on_server, first=first)
    return {**found, "on a server, two at once": (Tally(), pairs, _never)}


def _pairs_on_server(room: Path, first: int) -> Iterator[Tally]:
    run = IN_ONE_PROCESS["two at once"]
    cases = (
        noted("two at once", seed, run(room, seed, server=URL), server=True)
        for seed in itertools.count(first)
    )
    return _emptied(room, cases)


_RIVALS = ("two rivals", "four rivals")
_VICTIMS = ("driver", "fetcher", "both")


def _read_once(victims: str, first: int, kills: int) -> tuple[Any, Any, Any]:
    def steps(room: Path) -> Iterator[Tally]:
        name = f"read once, {victims} killed"
        return _with_clouds(room, _on_site(name, first), reads_once=True)

    return Tally(), steps, lambda tally: tally.driver_kills + tally.fetch_kills >= kills


def _never(_tally: Any) -> bool:
    return False


def _sweeps(room: Path, first: int, count: int) -> Iterator[Tally]:
    for seed in range(first, first + count):
        for variant in VARIANTS:
            yield noted("crash sweep", seed, crash_sweep(room, [seed], variants=[variant]))


def _alternately(room: Path, first: int, *names: str) -> Iterator[Tally]:
    for seed in itertools.count(first):
        for name in names:
            yield noted(name, seed, IN_ONE_PROCESS[name](room, seed))


def _on_site(name: str, first: int, *, server: bool = False) -> Callable[[Site, int], Tally]:
    """Return what runs one case of a harness with processes, after its number."""

    def run(site: Site, number: int) -> Tally:
        chosen = _RIVALS[number % 2] if name == "rivals" else name
        seed = first + number
        return noted(chosen, seed, (ON_A_SITE | READ_ONCE)[chosen](site, seed), server=server)

    return run


def _emptied(room: Path, tallies: Iterator[Tally]) -> Iterator[Tally]:
    """Yield case after case, and remove its stores: there are thousands."""
    for tally in tallies:
        yield tally
        for folder in room.iterdir():
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()


def _at_boundary(site: Site, number: int, *, server: bool = False) -> Tally:
    boundary = 1 + number % _BOUNDARIES
    name = "killed at a boundary"
    return noted(name, boundary, ON_A_SITE[name](site, boundary), server=server)


def _with_clouds(
    room: Path,
    case: Callable[[Site, int], Tally],
    *,
    reads_once: bool = False,
    server: str | None = None,
) -> Iterator[Tally]:
    """Yield case after case, with a new cloud every so often, as its ledger grows."""
    numbers = itertools.count()
    for cloud in itertools.count():
        with Site(room / f"cloud-{cloud}", reads_once=reads_once, server=server) as site:
            for number in itertools.islice(numbers, _CASES_PER_CLOUD):
                yield case(site, number)
        shutil.rmtree(room / f"cloud-{cloud}", ignore_errors=True)


def _show(name: str, found: dict[str, Any]) -> None:
    texts = ("violations", "failed")
    figures = ", ".join(f"{k} {v:,}" for k, v in found.items() if k not in texts and v)
    print(f"{name:36} {len(found['violations'])} broken   {figures}", flush=True)
    for words in found["violations"][:10]:
        print("   ", words)
    if found["failed"]:
        print("for tests/harness/failed_seeds.toml, when it is mended:")
        print(*map(entry_text, found["failed"][:10]), sep="\n\n")


def _keep(said: argparse.Namespace, results: dict[str, dict[str, Any]]) -> None:
    whole = {"at": datetime.now(UTC).isoformat(), "asked": vars(said), "found": results}
    (HERE / "results.json").write_text(json.dumps(whole, indent=1, default=str) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        "--crash-seeds", type=int, default=200, help="seeds of the crash sweep, all boundaries each"
    )
    add("--kills", type=int, default=10_000, help="processes to kill, in all")
    add("--processes", type=int, default=2_000, help="cases of two and four processes on one store")
    add("--simulated-steps", type=int, default=1_000_000, help="turns of simulated engines")
    add("--minutes", type=float, default=60.0, help="time for all")
    add("--first-seed", type=int, default=1_000, help="the first seed; others follow")
    add("--folder", default=None, help="where stores are; a fast disk tells more in less time")
    return parser


if __name__ == "__main__":
    sys.exit(main())
