"""Measures how long job sets take on a simulated cloud, beside what users would do otherwise.

    python benchmarks/makespan.py            # all rows that take up to a minute each time
    python benchmarks/makespan.py --quick    # those that take seconds
    python benchmarks/makespan.py --all      # those of minutes, too; a night

Every measurement is made in a fresh process, and the clients take turns; see `clients` for who they
are, `simulated` for the cloud, and `ideal` for the bounds and their formulas; "with QPY" is the
ideal client that encodes one job after the other in the time that the plain loop took. Shown are
medians; the ratio to a peer is the median of the ratios of each round. All rounds are kept in
`makespan.json` beside this file: a row that is measured again replaces what is there of it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ideal
from rows import CLIENT_NAMES, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HERE = Path(__file__).parent
KEPT = HERE / "makespan.json"
ROUNDS = 5
LONG_S = 100.0
PEERS = ("loop", "threads", "sampler")
# These take as many times as long as the ideal client as jobs run at once, or more.
ONE_BY_ONE = ("loop", "sampler")
# What only the row of latency alone is compared with.
ONLY_ALONE = ("threads_2", "qpy")

Rounds = dict[str, list[dict[str, Any]]]


def per_job(jobs: int) -> int:
    """Return how many circuits a job has, so that nobody has to make more than 10,000."""
    return 10 if jobs >= 1_000 else 100


LATENCY_ALONE = Row(jobs=100, per_job=100, latency_s=0.05, service_s=0.0, pending=100)
IN_FLIGHT = Row(jobs=1_000, per_job=10, latency_s=0.05, service_s=0.1, pending=1_000)
GRID = [
    Row(jobs, per_job(jobs), latency_s, service_s, pending)
    for jobs, latency_s, service_s, pending in product(
        (10, 100, 1_000), (0.05, 0.2), (0.1, 1.0), (5, 100)
    )
]


@dataclass(frozen=True, slots=True)
class Measured:
    """A row with all that was measured of it.

    Attributes:
        row: The workload.
        rounds: What each client took in each round.
    """

    row: Row
    rounds: Rounds

    @property
    def ideal_s(self) -> float:
        """The ideal client's seconds."""
        return ideal.ideal_s(*self._cloud(), at_once=self.row.at_once, pending=self.row.pending)

    @property
    def bound_s(self) -> float:
        """The seconds that nobody can be quicker than."""
        return ideal.hard_bound_s(
            *self._cloud(), at_once=self.row.at_once, pending=self.row.pending
        )

    @property
    def encoded_s(self) -> float | None:
        """The seconds of a client that is ideal but for encoding, by one peer's figures."""
        if not self.has("loop"):
            return None
        each_s = statistics.median(run["encoding_cpu_s"] for run in self.rounds["loop"])
        return ideal.ideal_s(
            *self._cloud(),
            at_once=self.row.at_once,
            pending=self.row.pending,
            encoding_s=each_s / self.row.jobs,
        )

    def _cloud(self) -> tuple[int, float, float]:
        return self.row.jobs, self.row.latency_s, self.row.service_s

    def has(self, client: str) -> bool:
        """Say whether a client was measured, and ended well."""
        runs = self.rounds.get(client, ())
        return bool(runs) and not any(run["died"] for run in runs)

    def makespan_s(self, client: str) -> float:
        """Return the median of the seconds that a client took."""
        return statistics.median(run["makespan_s"] for run in self.rounds[client])

    def over(self, peer: str, client: str) -> float:
        """Return how many times as long as a client a peer took, the median of the rounds.

        A peer that was measured less often is compared by the medians.
        """
        theirs, ours = self.rounds[peer], self.rounds[client]
        if len(theirs) != len(ours):
            return self.makespan_s(peer) / self.makespan_s(client)
        pairs = zip(theirs, ours, strict=True)
        return statistics.median(his["makespan_s"] / own["makespan_s"] for his, own in pairs)

    def calls_a_job(self, client: str) -> float:
        """Return the median of the calls to the cloud for each job."""
        calls = (sum(run["calls"].values()) for run in self.rounds[client])
        return statistics.median(calls) / self.row.jobs

    def own_cpu_us(self, client: str) -> float:
        """Return the median of microseconds of CPU a circuit, without what `run()` encodes."""
        own = (run["cpu_s"] - run["encoding_cpu_s"] for run in self.rounds[client])
        return statistics.median(own) / (self.row.jobs * self.row.per_job) * 1e6

    def over_encoding(self, client: str) -> float:
        """Return a client's own CPU time over that of encoding alone, the median of the rounds."""
        pairs = zip(self.rounds[client], self.rounds["qpy"], strict=True)
        return statistics.median(
            (run["cpu_s"] - run["encoding_cpu_s"]) / alone["cpu_s"] for run, alone in pairs
        )


def chosen_rows(*, quick: bool = False, everything: bool = False) -> list[Row]:
    """Return the rows to measure: the one of latency alone, and those of the grid that fit."""
    if everything:
        return [LATENCY_ALONE, *GRID]
    most_s = 10.0 if quick else LONG_S
    fitting = [
        row for row in GRID if Measured(row, {}).ideal_s < most_s and (not quick or row.jobs < 1000)
    ]
    return [LATENCY_ALONE, *fitting]


def clients_of(row: Row) -> tuple[str, ...]:
    """Return who runs a row."""
    if row == IN_FLIGHT:
        return ("ours",)
    return tuple(name for name in CLIENT_NAMES if name not in ONLY_ALONE or row == LATENCY_ALONE)


def measure(row: Row, rounds: int, clients: Sequence[str]) -> Measured:
    """Run a row, all clients taking turns."""
    figures: Rounds = {client: [] for client in clients}
    for number in range(rounds):
        for client, runs in figures.items():
            if number == 0 or not (client in ONE_BY_ONE and _is_slow(row)):
                runs.append(_run(client, row))
    return Measured(row, figures)


def _is_slow(row: Row) -> bool:
    return row.jobs * (row.latency_s + row.service_s) > LONG_S


def _run(client: str, row: Row) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        workload = json.dumps(asdict(row))
        command = [sys.executable, str(HERE / "clients.py"), client, workload, folder]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


# -- keeping and showing ---------------------------------------------------------------------------


def keep(measured: Measured, path: Path = KEPT) -> None:
    """Write a row's rounds into the file, in place of what is there of the row."""
    kept = json.loads(path.read_text()) if path.exists() else []
    mine = kept_of(measured)
    others = [each for each in kept if each["row"] != mine["row"]]
    path.write_text(json.dumps([*others, mine], indent=1) + "\n")


def kept_of(measured: Measured) -> dict[str, Any]:
    """Return what is kept of a row: the workload, its bounds, and all rounds."""
    return {
        "row": asdict(measured.row),
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "bound_s": measured.bound_s,
        "ideal_s": measured.ideal_s,
        "rounds": measured.rounds,
    }


HEAD = (
    "| J x M | L ms | S ms | P | bound s | ideal s | with QPY s "
    "| ours s | / ideal | V2 s | / ideal | loop / ours | 8 threads / ours | sampler / ours |\n"
    + "| --- " * 14
    + "|"
)
COSTS_HEAD = (
    "| J x M | L ms | S ms | P | calls a job: ours | V2 | loop | 8 threads | sampler "
    "| own CPU µs a circuit: ours | V2 | loop | 8 threads | sampler |\n" + "| --- " * 14 + "|"
)


def line(measured: Measured) -> str:
    """Return the row of the table of makespans."""
    cells = [*_workload(measured.row), f"{measured.bound_s:.2f}", f"{measured.ideal_s:.2f}"]
    cells += _cells([measured.encoded_s])
    for client in ("ours", "ours_v2"):
        took_s = measured.makespan_s(client) if measured.has(client) else None
        cells += _cells((took_s, took_s and took_s / measured.ideal_s))
    cells += [_peer(measured, peer) for peer in PEERS]
    return f"| {' | '.join(cells)} |"


def costs_line(measured: Measured) -> str:
    """Return the row of the table of calls and CPU time."""
    cells = _workload(measured.row)
    for figure in (measured.calls_a_job, measured.own_cpu_us):
        known = [c if measured.has(c) else None for c in ("ours", "ours_v2", *PEERS)]
        cells += _cells(None if client is None else figure(client) for client in known)
    return f"| {' | '.join(cells)} |"


def _workload(row: Row) -> list[str]:
    latency, service = f"{row.latency_s * 1e3:.0f}", f"{row.service_s * 1e3:.0f}"
    return [f"{row.jobs:,} x {row.per_job}", latency, service, str(row.pending)]


def _cells(figures: Iterable[float | None]) -> list[str]:
    return ["-" if figure is None else f"{figure:.2f}" for figure in figures]


def _peer(measured: Measured, peer: str) -> str:
    if peer not in measured.rounds or not measured.has("ours"):
        return "-"
    if not measured.has(peer):
        return "refused, died"
    return f"{measured.over(peer, 'ours'):.2f} ({measured.makespan_s(peer):.1f} s)"


def goals(measured: Measured) -> list[tuple[str, str, str]]:
    """Return what there are goals for, of the rows that stand for one: what, figure, goal."""
    if not measured.has("ours"):
        return []
    if measured.row == IN_FLIGHT:
        calls = f"{measured.calls_a_job('ours'):.2f}"
        return [("calls to the cloud a job, 1,000 in flight", calls, "at most 2.2")]
    if measured.row != LATENCY_ALONE:
        what = "makespan over the ideal client's, J x M, L ms, S ms, P = "
        ratio = measured.makespan_s("ours") / measured.ideal_s
        return [(what + ", ".join(_workload(measured.row)), f"{ratio:.2f}", "at most 1.15")]
    found = []
    for peer, words in (("threads", "one call"), ("threads_2", "two calls")):
        if measured.has(peer):
            what = f"S = 0, P = 100: 8 threads, whose result() is {words}, over ours"
            found += [(what, f"{measured.over(peer, 'ours'):.2f}", "at least 2")]
    for client in ("ours", "ours_v2"):
        if measured.has(client) and measured.has("qpy"):
            what = f"own CPU over QPY encoding alone, {client}"
            found += [(what, f"{measured.over_encoding(client):.2f}", "at most 1.5")]
    return found


def main() -> None:
    """Measure what was asked for, a row at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only rows that take seconds")
    parser.add_argument("--all", action="store_true", help="also rows that take minutes")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--clients", nargs="+", choices=CLIENT_NAMES, default=CLIENT_NAMES)
    said = parser.parse_args()
    done = []
    print(HEAD)
    for row in [*chosen_rows(quick=said.quick, everything=said.all), IN_FLIGHT]:
        clients = [client for client in clients_of(row) if client in said.clients]
        measured = measure(row, said.rounds, clients)
        keep(measured)
        done.append(measured)
        print(line(measured), flush=True)
    print("", COSTS_HEAD, *map(costs_line, done), sep="\n")
    print("\n| what | measured | goal |\n| --- | --- | --- |")
    for goal in (goal for measured in done for goal in goals(measured)):
        print("|", " | ".join(goal), "|")


if __name__ == "__main__":
    main()
