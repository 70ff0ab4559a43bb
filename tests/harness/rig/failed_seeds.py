"""The harnesses by name, so that a seed that once broke a promise can be run again.

`failed_seeds.toml` lists such seeds. A soak gives the entry for each new one.
"""

from __future__ import annotations

import json
import tomllib
from functools import partial
from pathlib import Path

from rig.harnesses import crash_sweep, io_errors, simulation, store_faults
from rig.ibm import ibm_weather
from rig.meetings import stopped_at_random
from rig.pairs import pair
from rig.processes import (
    Site,
    killed_at_boundary,
    killed_at_random,
    rivals,
)

LIST = Path(__file__).parents[1] / "failed_seeds.toml"

IN_ONE_PROCESS = {
    "crash sweep": lambda folder, seed: crash_sweep(folder, [seed]),
    "simulation": simulation,
    "store calls that fail": lambda folder, seed: store_faults(folder, [seed]),
    "statements that fail": lambda folder, seed: io_errors(folder, [seed]),
    "IBM's client": ibm_weather,
    "two at once": pair,
}
"""Each takes a folder and a seed, and returns a tally; `pair` takes a server, too."""

ON_A_SITE = {
    "killed at a boundary": lambda site, seed: killed_at_boundary(site, f"boundary-{seed}", seed),
    "killed at random": lambda site, seed: killed_at_random(site, f"random-{seed}", seed),
    "two rivals": lambda site, seed: rivals(site, f"rivals-{seed}", seed, 2),
    "four rivals": lambda site, seed: rivals(site, f"rivals-{seed}", seed, 4),
    "stopped past the lease": lambda site, seed: stopped_at_random(site, f"stop-{seed}", seed),
}
"""Each takes a site of processes and a seed, and returns a tally."""

READ_ONCE = {
    f"read once, {victims} killed": partial(
        lambda site, seed, victims: killed_at_random(site, f"{victims}-{seed}", seed, victims),
        victims=victims,
    )
    for victims in ("driver", "fetcher", "both")
}
"""The same, with results that can be read once."""


def read(path=LIST):
    """Return the entries of the list."""
    return tomllib.loads(path.read_text(encoding="utf-8")).get("failed", [])


def run_again(folder, entry, server=None):
    """Run the seed of an entry, and return the tally."""
    name, seed = entry["harness"], entry["seed"]
    used = server if entry["server"] else None
    if name in IN_ONE_PROCESS:
        more = {"server": used} if used else {}
        return IN_ONE_PROCESS[name](folder, seed, **more)
    reads_once = name in READ_ONCE
    with Site(folder, reads_once=reads_once, server=used) as site:
        return (READ_ONCE if reads_once else ON_A_SITE)[name](site, seed)


def noted(harness, seed, tally, *, server=False):
    """Keep in a tally which seed of which harness it is of, if that broke a promise."""
    if tally.violations:
        what = tally.violations[0]
        tally.failed.append({"harness": harness, "seed": seed, "server": server, "what": what})
    return tally


def entry_text(failed):
    """Return the entry for the list, as text, without what will have mended it."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in failed.items()]
    return "\n".join(["[[failed]]", *lines, 'mended = ""'])
