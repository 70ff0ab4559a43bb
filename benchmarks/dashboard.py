"""Measures the pages of the dashboard on large stores, and what an open page costs.

    python benchmarks/dashboard.py [FOLDER]

The stores are filled by direct inserts: 10,000 job sets; and one job set with 1,000,000 experiments
in 10,000 jobs. A page is asked for by a client in the process of the pages, so that a figure is the
time of the server alone. Prints a table; FOLDER keeps the stores for the next time.
"""

from __future__ import annotations

import hashlib
import json
import re
import statistics
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert
from starlette.testclient import TestClient

from qiskit_job_manager.dashboard.app import Dashboard
from qiskit_job_manager.dashboard.guard import Place, Sessions
from qiskit_job_manager.dashboard.opened_store import OpenedStore
from qiskit_job_manager.model import Blob, JobState
from qiskit_job_manager.stores import open_store, schema, store_exists
from qiskit_job_manager.stores.rows import blob_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SETS = 10_000
JOBS_OF_A_SET = 5
EXPERIMENTS, JOBS = 1_000_000, 10_000
ROUNDS = 15
NOW = datetime.now(UTC)
_AT_ONCE = 20_000
_PAYLOAD = Blob("circuits/1", b"")

Rows = list[dict[str, Any]]


def fill_many(path: Path) -> None:
    """Make a store with many job sets; the newest ten have not ended."""
    with closing(open_store(path)) as store, store._database.writing() as connection:
        for first in range(0, SETS, 500):
            sets = [_job_set(n + 1, JOBS_OF_A_SET, 50) for n in range(first, first + 500)]
            connection.execute(insert(schema.job_set), sets)
            for row in sets:
                moving = row["key"] > SETS - 10
                _jobs_of(connection, row["key"], JOBS_OF_A_SET, 10, done=2 if moving else 5)


def fill_large(path: Path) -> None:
    """Make a store with one large job set, half of which is done."""
    with closing(open_store(path)) as store, store._database.writing() as connection:
        connection.execute(insert(schema.job_set), [_job_set(1, JOBS, EXPERIMENTS)])
        for some in _paged(range(EXPERIMENTS)):
            rows = [
                {"job_set": 1, "position": n, "name": f"rb_{n}", "content_hash": _hash(n)}
                for n in some
            ]
            connection.execute(insert(schema.experiment), rows)
        _jobs_of(connection, 1, JOBS, EXPERIMENTS // JOBS, done=JOBS // 2)


def _job_set(key: int, jobs: int, experiments: int) -> dict[str, Any]:
    return {
        "key": key,
        "job_set_id": hashlib.md5(str(key).encode(), usedforsecurity=False).hexdigest(),
        "name": f"sweep {key}",
        "created_at": NOW - timedelta(minutes=SETS - key),
        "backend_uri": None,
        "backend_name": f"device {key % 7}",
        "volatile": False,
        "blind": False,
        "options": "{}",
        "limits": "{}",
        "retry": "{}",
        "tags": json.dumps([f"tag {key % 100}"]),
        "complete": True,
        "n_experiments": experiments,
        "n_jobs": jobs,
        "fence": 0,
    }


def _jobs_of(connection: Any, key: int, jobs: int, size: int, *, done: int) -> None:
    """Insert the jobs of a set with all that belongs to them; the first ones are done."""
    base = key * JOBS_OF_A_SET if jobs == JOBS_OF_A_SET else 0
    numbers = range(jobs)
    payloads = [
        {"job_set": key, "start": n * size, **blob_values(_PAYLOAD, key, n * size)} for n in numbers
    ]
    connection.execute(insert(schema.payload), payloads)
    rows = [_job(base + n, key, n, size, JobState.DONE if n < done else _left(n)) for n in numbers]
    connection.execute(insert(schema.job), rows)
    connection.execute(insert(schema.attempt), [_attempt(row) for row in rows if row["attempts"]])
    connection.execute(insert(schema.event), [_event(row) for row in rows for _ in range(3)])
    counted = {state: sum(row["state"] == state.value for row in rows) for state in JobState}
    counts = [
        {"job_set": key, "state": state.value, "jobs": n, "experiments": n * size}
        for state, n in counted.items()
    ]
    connection.execute(insert(schema.job_count), counts)


def _left(number: int) -> JobState:
    return JobState.FAILED if number % 10 == 0 else JobState.PLANNED


def _job(key: int, job_set: int, number: int, size: int, state: JobState) -> dict[str, Any]:
    return {
        "key": key + 1,
        "job_set": job_set,
        "position": number,
        "start": number * size,
        "stop": (number + 1) * size,
        "shots": 1000,
        "share": 0,
        "shares": 1,
        "state": state.value,
        "attempts": int(state.is_final),
        "error": "Circuit does not fit" if state is JobState.FAILED else None,
        "has_result": False,
        "cancel_requested": False,
    }


def _attempt(row: dict[str, Any]) -> dict[str, Any]:
    moment = NOW - timedelta(seconds=row["key"] % 1_000_000)
    return {
        "job": row["key"],
        "number": 1,
        "tag": f"tag {row['key']}",
        "remote_id": f"remote {row['key']}",
        "intended_at": moment,
        "accepted_at": moment,
        "ended_at": moment,
        "error": row["error"],
        "usage_s": 1.5,
    }


def _event(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "job_set": row["job_set"],
        "at": NOW,
        "job_index": row["position"],
        "attempt": 1,
        "event": "understood",
        "before": "collecting",
        "after": row["state"],
        "cause": None,
    }


def _hash(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def _paged(numbers: range) -> Iterable[range]:
    return (numbers[at : at + _AT_ONCE] for at in range(0, len(numbers), _AT_ONCE))


# -- measuring ------------------------------------------------------------------------------------


def client_of(path: Path) -> TestClient:
    """Return a client of the pages of a store, and let it in."""
    store = OpenedStore(lambda: open_store(path), lambda: store_exists(path), str(path))
    sessions, place = Sessions(), Place(host="127.0.0.1", port=8642)
    dashboard = Dashboard(store=store, sessions=sessions, place=place)
    began_s = time.monotonic()
    dashboard.warm_up()
    print(f"{path.name:<9} before the address is printed: {time.monotonic() - began_s:.1f} s")
    client = TestClient(dashboard.asgi(), base_url="http://127.0.0.1:8642")
    client.get(f"/?token={sessions.token}")
    return client


def timed(client: TestClient, path: str) -> tuple[float, list[float]]:
    """Return how many milliseconds a page took at first, and then."""
    times = []
    for _ in range(ROUNDS + 1):
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        times.append(took_ms(answer, "total"))
    return times[0], times[1:]


def took_ms(answer: Any, what: str) -> float:
    """Return the milliseconds that the server took for an answer, in all or of a core."""
    return float(re.search(rf"{what};dur=([\d.]+)", answer.headers["Server-Timing"])[1])


def pages_of_many() -> Iterator[str]:
    """Yield what is asked of the store with many job sets."""
    yield from ("/", "/?page=150", "/?state=unfinished", "/?tag=tag+7", "/?name=99*", "/store")
    yield from ("/?sort=name&page=100", "/api/sets.json", "/mark.json")


def pages_of_large() -> Iterator[str]:
    """Yield what is asked of the store with one large job set."""
    one = "/sets/" + _job_set(1, 1, 1)["job_set_id"]
    yield from ("/", one, f"{one}/jobs", f"{one}/jobs?page=200", f"{one}/jobs?state=failed")
    yield from (f"{one}/jobs?error=not+fit", f"{one}/jobs/9999", f"{one}/log", f"{one}/log?job=77")
    yield from (f"{one}/results", f"{one}/results?page=20000", f"{one}/results?q=rb_99")
    yield from (f"{one}/results?q=rb_&page=1000", f"{one}/mark.json".replace(one, ""))


def cost_of_a_page(client: TestClient, path: str) -> tuple[float, float]:
    """Return the share of a core that an open page takes while something happens all the time.

    The script of a page looks each second, and refreshes after 60 times the time of a core that the
    last refresh took.

    Returns:
        The share, and the seconds between two refreshes.
    """
    looks, refreshes = _cpu_s(client, "/mark.json"), _cpu_s(client, path)
    pause_s = max(1.4, 60 * took_ms(client.get(path), "cpu") / 1000)
    return looks / 1.0 + refreshes / pause_s, pause_s


def _cpu_s(client: TestClient, path: str) -> float:
    """Return the seconds of a core that a request takes, those of the client included."""
    client.get(path)
    before = time.process_time()
    for _ in range(ROUNDS):
        client.get(path)
    return (time.process_time() - before) / ROUNDS


def main(folder: Path) -> None:
    """Fill the stores where they are missing, and print what the pages take."""
    for name, fill, pages in (
        ("many.db", fill_many, pages_of_many()),
        ("large.db", fill_large, pages_of_large()),
    ):
        path = folder / name
        if not path.exists():
            fill(path)
        client = client_of(path)
        for page in pages:
            first, times = timed(client, page)
            middle, worst = statistics.median(times), max(times)
            shown = page.replace(_job_set(1, 1, 1)["job_set_id"], "ID")
            times_ms = f"first {first:6.0f} ms  median {middle:5.0f}  max {worst:5.0f}"
            print(f"{name:<9} {shown:<34} {times_ms}")
    one = "/sets/" + _job_set(1, 1, 1)["job_set_id"]
    share, pause_s = cost_of_a_page(client, one)
    print(f"an open page: {100 * share:.1f} % of a core, refreshed after {pause_s:.1f} s")


if __name__ == "__main__":
    began = time.monotonic()
    if len(sys.argv) > 1:
        Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
    print(f"{time.monotonic() - began:.0f} s in all")
