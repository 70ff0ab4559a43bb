"""Bytes of stored results beside Arrow columns under zstd: `python benchmarks/wide.py`.

| result | what it is |
| --- | --- |
| wide | 20 qubits, depth 12, 4,000 different outcomes, in the order in which Aer gives them |
| sorted | the same, in the order of the outcomes |
| peaked | 20 qubits with one certain outcome and readout errors, in Aer's order |
| small | 100 circuits of 5 qubits, 1,024 shots each, in one job |

Ours is the whole result of a job, encoded as it is stored: shots, headers, metadata, times and the
order of the outcomes too. Arrow has the counts and nothing else: an outcome and a count to a row,
in the same order, and of the small ones the index of the circuit. Each of Arrow's ways is tried,
and the smallest is taken: the narrowest whole numbers or 64 bits, zstd at level 3 for each buffer
or over the whole stream. What comes back is checked to be the same on both sides. Times are of CPU.

The last line is what no form that keeps the order can be below: 20 bits an outcome.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from itertools import chain, product
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from qiskit import QuantumCircuit
from qiskit.result import Result
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError

import circuits as measured
from qiskit_job_manager.codec.results import encode_result, open_result

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Counts = dict[str, int]

N_QUBITS = 20
N_OUTCOMES = 4_000
N_SMALL = 100
ROUNDS = 15
LEVEL = 3


def results() -> dict[str, Result]:
    wide = _wide()
    return {
        "wide": wide,
        "sorted": _in_order(wide),
        "peaked": _peaked(),
        "small": _simulator().run(measured.make(N_SMALL), shots=1_024).result(),
    }


def _simulator(**options: Any) -> AerSimulator:
    return AerSimulator(max_parallel_threads=1, seed_simulator=7, **options)


def _wide() -> Result:
    """Return a result with so many different outcomes, trying numbers of shots."""
    circuit = QuantumCircuit(N_QUBITS, name="wide")
    chance = np.random.default_rng(20)
    for layer in range(6):
        for qubit in range(N_QUBITS):
            circuit.u(*chance.uniform(0, 3, 3), qubit)
        for qubit in range(layer % 2, N_QUBITS - 1, 2):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    shots = N_OUTCOMES
    while True:
        result = _simulator().run(circuit, shots=shots).result()
        missing = N_OUTCOMES - len(_counts(result)[0])
        if missing <= 0:
            return result
        shots += missing


def _in_order(result: Result) -> Result:
    form = result.to_dict()
    [experiment] = form["results"]
    counts = experiment["data"]["counts"]
    ordered = {outcome: counts[outcome] for outcome in sorted(counts, key=lambda o: int(o, 16))}
    experiment["data"] = {**experiment["data"], "counts": ordered}
    return Result.from_dict(form)


def _peaked() -> Result:
    circuit = QuantumCircuit(N_QUBITS, name="peaked")
    circuit.x(range(0, N_QUBITS, 2))
    circuit.measure_all()
    noise = NoiseModel()
    noise.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.15, 0.85]]))
    return _simulator(noise_model=noise).run(circuit, shots=16_384).result()


def _counts(result: Result) -> list[Counts]:
    return [each.data.counts for each in result.results]


# -- Arrow ---------------------------------------------------------------------------------------

Write = tuple[bool, bool]  # narrow whole numbers; zstd over the whole stream


def arrow(every: Sequence[Counts], narrow: bool, whole: bool) -> bytes:
    """Write counts as Arrow columns, compressed."""
    columns = {
        "outcome": [int(outcome, 16) for outcome in chain.from_iterable(every)],
        "count": list(chain.from_iterable(counts.values() for counts in every)),
    }
    if len(every) > 1:
        columns["circuit"] = [index for index, counts in enumerate(every) for _ in counts]
    arrays = {name: pa.array(v, _narrowest(v) if narrow else None) for name, v in columns.items()}
    batch = pa.record_batch(arrays)
    codec = None if whole else pa.Codec("zstd", compression_level=LEVEL)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    data = sink.getvalue().to_pybytes()
    return zstd.compress(data, LEVEL) if whole else data


def _narrowest(values: Sequence[int]) -> pa.DataType:
    return next(t for t in (pa.uint8(), pa.uint16(), pa.uint32()) if max(values) < 2**t.bit_width)


def arrow_back(data: bytes, whole: bool) -> list[Counts]:
    table = pa.ipc.open_stream(zstd.decompress(data) if whole else data).read_all().to_pydict()
    circuits = table.get("circuit", [0] * len(table["count"]))
    every: list[Counts] = [{} for _ in range(circuits[-1] + 1)]
    for circuit, outcome, count in zip(circuits, table["outcome"], table["count"], strict=True):
        every[circuit][hex(outcome)] = count
    return every


# -- both ----------------------------------------------------------------------------------------


def measure(result: Result) -> dict[str, float]:
    every = _counts(result)
    ways: list[Write] = list(product((True, False), repeat=2))
    narrow, whole = min(ways, key=lambda way: len(arrow(every, *way)))
    raw, data = encode_result(result), arrow(every, narrow, whole)
    # Dicts are equal in any order; lists of their items are not.
    for back in (_ours_back(raw, len(every)), arrow_back(data, whole)):
        assert [list(counts.items()) for counts in back] == [list(c.items()) for c in every]
    times = _in_turns(
        ours_write=lambda: encode_result(result),
        arrow_write=lambda: arrow(every, narrow, whole),
        ours_read=lambda: _ours_back(raw, len(every)),
        arrow_read=lambda: arrow_back(data, whole),
    )
    return {
        "experiments": len(every),
        "outcomes": sum(map(len, every)),
        "ours_bytes": len(raw.data) / len(every),
        "arrow_bytes": len(data) / len(every),
        **{f"{name}_us": taken / len(every) for name, taken in times.items()},
    }


def _ours_back(raw: Any, n: int) -> list[Counts | None]:
    reader = open_result(raw)
    return [reader.counts(offset) for offset in range(n)]


def _in_turns(**works: Callable[[], object]) -> dict[str, float]:
    """Return the median microseconds of CPU of each, all taking turns."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            begin = time.process_time_ns()
            work()
            taken[name].append((time.process_time_ns() - begin) / 1_000)
    return {name: statistics.median(each) for name, each in taken.items()}


def lines(figures: dict[str, dict[str, float]]) -> Iterator[str]:
    yield "| result | outcomes | ours | Arrow, zstd-3 | ratio | write, ours / Arrow | read |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name, f in figures.items():
        times = [f"{f[f'ours_{what}_us']:.0f} / {f[f'arrow_{what}_us']:.0f} µs" for what in _WHAT]
        ratio = f["ours_bytes"] / f["arrow_bytes"]
        sizes = f"{f['ours_bytes']:,.0f} B | {f['arrow_bytes']:,.0f} B | {ratio:.2f}"
        yield f"| {name} | {f['outcomes']:,.0f} | {sizes} | {' | '.join(times)} |"
    yield f"| wide, bound | | {figures['wide']['outcomes'] * N_QUBITS / 8:,.0f} B | | | | |"


_WHAT = ("write", "read")


if __name__ == "__main__":
    found = {name: measure(result) for name, result in results().items()}
    print(json.dumps(found) if "--json" in sys.argv else "\n".join(lines(found)))
