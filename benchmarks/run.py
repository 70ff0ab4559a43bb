"""Measures what this package costs, prints a table and writes `results.json` beside this file.

    python benchmarks/run.py            # all; some minutes
    python benchmarks/run.py overhead   # only the overhead over Aer and the size on disk
    python benchmarks/run.py large      # only looking up and reopening at 100,000 experiments
    python benchmarks/run.py growth     # only adding 100 circuits to 10,000
    python benchmarks/run.py wide       # only the bytes of results beside Arrow
    python benchmarks/run.py snapshots  # only what is recorded of devices and processes
    python benchmarks/run.py million    # 1,000,000 experiments against 1,000; not part of all
    python benchmarks/run.py makespan   # against loops on a simulated cloud; not part of all

Every measurement is made in a fresh process. What is compared takes turns, and medians are shown.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import large
import makespan
import overhead

HERE = Path(__file__).parent
ROUNDS = 7
REOPENINGS = 9
LOOKS = 5
GROWTHS = 3

Row = tuple[str, str, str]  # what, figure, goal


def step(script: str, *arguments: str) -> dict[str, Any]:
    """Run one measurement in a process of its own and return what it says."""
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def measure_overhead() -> tuple[dict[str, Any], list[Row]]:
    """Compare with Aer alone, round by round."""
    rounds: dict[str, list[dict[str, Any]]] = {
        which: [] for which in ("direct", "managed", "alone", "qpy")
    }
    for _ in range(ROUNDS):
        for which, figures in rounds.items():
            with tempfile.TemporaryDirectory() as folder:
                figures.append(step("overhead.py", which, folder))
    ratio, ratio_alone = (
        statistics.median(
            ours["wall_s"] / direct["wall_s"] for ours, direct in zip(*both, strict=True)
        )
        for both in ((rounds[which], rounds["direct"]) for which in ("managed", "alone"))
    )
    extra_ms, extra_alone_ms = (
        statistics.median(
            (ours["cpu_s"] - direct["cpu_s"] - qpy["cpu_s"]) / overhead.N_CIRCUITS * 1_000
            for ours, direct, qpy in zip(
                rounds[which], rounds["direct"], rounds["qpy"], strict=True
            )
        )
        for which in ("managed", "alone")
    )
    medians = {which: _medians(figures) for which, figures in rounds.items()}
    sizes = medians["managed"]
    rows = [
        ("2,000 circuits on Aer alone, wall", f"{medians['direct']['wall_s']:.2f} s", ""),
        ("the same through the job manager", f"{sizes['wall_s']:.2f} s", ""),
        ("ratio of the two", f"{ratio:.3f}", "at most 1.05"),
        ("the same without worker processes", f"{ratio_alone:.3f}", ""),
        ("CPU a circuit beyond Aer and QPY, no workers", f"{extra_alone_ms:.3f} ms", "0.3 ms"),
        ("the same with the workers and their start", f"{extra_ms:.3f} ms", ""),
        ("CPU a circuit of QPY encoding", f"{_per_circuit_ms(medians['qpy']):.3f} ms", ""),
        ("CPU a circuit of Aer alone", f"{_per_circuit_ms(medians['direct']):.3f} ms", ""),
        ("bytes a result", f"{sizes['result_bytes']:.1f}", "at most 80"),
        (
            "the same with the database's pages",
            f"{sizes['result_bytes_on_pages']:.1f}",
            "at most 80",
        ),
        ("the whole store, bytes an experiment", f"{sizes['store_bytes']:.0f}", ""),
    ]
    figures = {
        "rounds": rounds,
        "wall_ratio": ratio,
        "wall_ratio_alone": ratio_alone,
        "extra_cpu_ms": extra_ms,
        "extra_cpu_alone_ms": extra_alone_ms,
    }
    return figures, rows


def _per_circuit_ms(figures: dict[str, float]) -> float:
    return figures["cpu_s"] / overhead.N_CIRCUITS * 1_000


def _medians(rounds: list[dict[str, Any]]) -> dict[str, float]:
    return {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}


def measure_large() -> tuple[dict[str, Any], list[Row]]:
    """Look up and reopen at 100,000 experiments."""
    with tempfile.TemporaryDirectory() as folder:
        built = step("large.py", "build", folder)
        openings = _reopen("large.py", folder)
        looks = [step("large.py", "look", folder) for _ in range(5)]
    looked = _medians(looks)
    by_index, by_name = looked["by_index_us"], looked["by_name_us"]
    ratio = max(by_index, by_name) / min(by_index, by_name)
    reopen_ms = statistics.median(openings)
    rows = [
        ("get_counts by index, of 100,000", f"{by_index:.0f} µs", "at most 100 µs"),
        ("get_counts by name, of 100,000", f"{by_name:.0f} µs", "at most 100 µs"),
        ("the slower over the quicker", f"{ratio:.2f}", "at most 2"),
        ("reopening 100,000 and reading one", f"{reopen_ms:.0f} ms", "at most 50 ms"),
        ("running 100,000, instant backend", f"{built['build_s']:.0f} s", ""),
    ]
    figures = {"openings_ms": openings, "looks": looks, "build_s": built["build_s"]}
    return figures, rows


def _reopen(script: str, folder: str, *arguments: str) -> list[float]:
    """Open a job set in new processes; return the milliseconds that each took beyond imports."""
    # The first opening says which modules it imports; the next ones import them beforehand.
    first = step(script, "reopen", folder, *arguments)
    (Path(folder) / large.MODULES).write_text(json.dumps(first["modules"]))
    again = (step(script, "reopen", folder, *arguments) for _ in range(REOPENINGS))
    return [each["reopen_ms"] for each in again]


def measure_growth() -> tuple[dict[str, Any], list[Row]]:
    """Add 100 circuits to a job set of 10,000, beside running the 100 alone."""
    rounds: dict[str, list[float]] = {"alone": [], "extend": []}
    with tempfile.TemporaryDirectory() as built:
        step("growth.py", "build", built)
        for _ in range(GROWTHS):
            for which, taken in rounds.items():
                with tempfile.TemporaryDirectory() as folder:
                    shutil.copytree(built, folder, dirs_exist_ok=True)
                    taken.append(step("growth.py", which, folder)[f"{which}_s"])
    alone_s, extend_s = (statistics.median(taken) for taken in rounds.values())
    rows = [
        ("running 100 circuits on Aer", f"{alone_s:.2f} s", ""),
        (
            "adding them to 10,000 others, which are handed over too",
            f"{extend_s:.2f} s",
            f"at most {1.1 * alone_s + 2:.2f} s",
        ),
    ]
    return {"rounds": rounds}, rows


def measure_wide() -> tuple[dict[str, Any], list[Row]]:
    """Store results beside Arrow columns under zstd."""
    figures = step("wide.py", "--json")
    rows = []
    for name, f in figures.items():
        sizes = f"{f['ours_bytes']:,.0f} B, Arrow {f['arrow_bytes']:,.0f} B"
        ratio = f["ours_bytes"] / f["arrow_bytes"]
        goal = "at most 70 B" if name == "small" else "at most 1.0"
        rows.append((f"bytes over Arrow and zstd-3, {name}", f"{ratio:.2f} ({sizes})", goal))
    return figures, rows


def measure_million() -> tuple[dict[str, Any], list[Row]]:
    """Run and look up a million experiments, beside job sets that are small."""
    figures: dict[str, Any] = {}
    for n in (1_000, 10_000, 1_000_000, 10_000):  # the small one on both sides of the large one
        with tempfile.TemporaryDirectory() as folder:
            ran = step("million.py", "run", folder, str(n))
            looked = _look(folder, n) if n >= 1_000_000 else {}
        figures.setdefault(str(n), []).append(ran | looked)
    small, some, all_of_it = (figures[str(n)] for n in (1_000, 10_000, 1_000_000))
    before, after = _medians(some), all_of_it[0]
    more_mb = after["peak_mb"] - small[0]["peak_mb"]
    rows = [
        (f"{what} a circuit, 1,000,000 over 10,000", f"{after[key] / before[key]:.2f}", "1.1")
        for what, key in (("wall time", "wall_us_each"), ("CPU time", "cpu_us_each"))
    ]
    rows += [
        ("CPU a circuit at 1,000,000, instant backend", f"{after['cpu_us_each']:.0f} µs", ""),
        ("peak memory over that of 1,000 circuits", f"{more_mb:.0f} MB", "at most 150 MB"),
        ("get_counts in a job that was not read yet", f"{after['cold_us']:.0f} µs", "2 ms"),
        ("get_counts by index, job read before", f"{after['warm_by_index_us']:.0f} µs", "60 µs"),
        ("get_counts by name, job read before", f"{after['warm_by_name_us']:.0f} µs", "60 µs"),
        ("progress of 10,000 jobs", f"{after['progress_us']:.0f} µs", ""),
        ("reopening and reading one result", f"{after['reopen_ms']:.1f} ms", "at most 20 ms"),
        *_command_rows(after["commands"]),
    ]
    return figures, rows


def _command_rows(took: dict[str, float]) -> list[Row]:
    beside = [
        (f"`qjm {what}`, over `qjm list` of an empty store", f"{ratio:.2f}", goal)
        for what, goal in (("list", "at most 1.2"), ("show", "at most 1.2"), ("log", ""))
        for ratio in (took[f"{what}_over_empty"],)
    ]
    return [
        *beside,
        ("deleting 1,000,000 experiments", f"{took['delete_s']:.1f} s", ""),
        ("longest that another writer waited for it", f"{took['longest_wait_ms']:.0f} ms", ""),
    ]


def _look(folder: str, n: int) -> dict[str, float]:
    """Look up, reopen, and run commands, each in several new processes."""
    looks = [step("million.py", "look", folder, str(n)) for _ in range(LOOKS)]
    openings = _reopen("million.py", folder, str(n))
    commands = step("commands.py", folder)
    return _medians(looks) | {"reopen_ms": statistics.median(openings), "commands": commands}


def measure_makespan() -> tuple[list[dict[str, Any]], list[Row]]:
    """Run what takes seconds of the table of makespans, beside what users do otherwise."""
    done = []
    for row in [*makespan.chosen_rows(quick=True), makespan.IN_FLIGHT]:
        done.append(makespan.measure(row, makespan.ROUNDS, makespan.clients_of(row)))
        makespan.keep(done[-1])
    goals = [goal for measured in done for goal in makespan.goals(measured)]
    return [makespan.kept_of(measured) for measured in done], goals


def measure_snapshots() -> tuple[dict[str, Any], list[Row]]:
    """Measure what is recorded of devices and of processes."""
    found = step("snapshots.py")
    rows = [
        (f"stored bytes of a calibration, {name}", f"{each['bytes']:,}", "at most 40,000")
        for name, each in found.items()
        if name != "environment"
    ]
    own = found["environment"]
    rows.append(("reading what a process runs in", f"{own['read_ms']:.0f} ms", ""))
    return found, rows


def main(*chosen: str) -> None:
    """Run what was chosen, or all."""
    usual = {
        "overhead": measure_overhead,
        "large": measure_large,
        "growth": measure_growth,
        "wide": measure_wide,
        "snapshots": measure_snapshots,
    }
    parts = {**usual, "million": measure_million, "makespan": measure_makespan}
    figures: dict[str, Any] = {"cpus": os.cpu_count(), "python": sys.version.split()[0]}
    print("| what | measured | goal |\n| --- | --- | --- |")
    for name in chosen or usual:
        figures[name], rows = parts[name]()
        for row in rows:
            print("|", " | ".join(row), "|", flush=True)
    (HERE / "results.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
