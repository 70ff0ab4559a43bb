"""What harnesses ran and found; tallies add up."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Tally:
    """What was run, and what was found.

    Attributes:
        cases: Job sets driven to their end.
        crashes: Processes that died on the way, in a simulation.
        turns: Turns of engines.
        calls: Boundaries crossed: two for each call of a port.
        driver_kills: Drivers killed while they lived.
        fetch_kills: Fetch processes killed while they lived.
        stops: Drivers stopped and resumed.
        outages: Times that the database was away.
        jobs: Jobs judged.
        losses: Results lost and reported: a crash while a result is read once may cost it.
        duplicates: Jobs paid for twice and reported, as a driver stood still past its lease.
        slowest_open_s: The longest time that a store took to open after a kill.
        violations: Broken promises, each with how to see it again.
        failed: The seeds that broke them, as `failed_seeds.noted` has it.
    """

    cases: int = 0
    crashes: int = 0
    turns: int = 0
    calls: int = 0
    driver_kills: int = 0
    fetch_kills: int = 0
    stops: int = 0
    outages: int = 0
    jobs: int = 0
    losses: int = 0
    duplicates: int = 0
    slowest_open_s: float = 0.0
    violations: list = field(default_factory=list)
    failed: list = field(default_factory=list)

    def __iadd__(self, other):
        slowest = max(self.slowest_open_s, other.slowest_open_s)
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        self.slowest_open_s = slowest
        return self
