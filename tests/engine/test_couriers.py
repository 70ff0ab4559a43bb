"""Results that can be read once are on disk before anything can go wrong with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from qiskit_job_manager.backends import open_backend
from qiskit_job_manager.engine import Spool
from qiskit_job_manager.engine.fetch_subprocess import fetch_into, fetch_once
from qiskit_job_manager.engine.spool import RESERVED_BYTES
from qiskit_job_manager.errors import ResultGoneError, TransientBackendError
from qiskit_job_manager.model import JobState, RawResult
from qiskit_job_manager.testing import Call, Raise

RESULT = RawResult("some/1", b"precious\nbytes" * 1000)


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


@pytest.fixture
def vault(tmp_path, monkeypatch):
    """A backend of another package: hands out a result once, byte by byte, from a real file."""
    site = tmp_path / "site"
    info = site / "vault-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vault\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[qiskit_job_manager.backends]\nvault = vault:Vault\n")
    (site / "vault.py").write_text(
        textwrap.dedent(
            """
            import os, pathlib, time
            from qiskit_job_manager.errors import ResultGoneError
            from qiskit_job_manager.model import RawResult
            from qiskit_job_manager.ports import Capabilities

            class Vault:
                name = "vault"
                capabilities = Capabilities(reads_once=True, findable=True)

                def __init__(self, folder):
                    self.folder = pathlib.Path(folder)
                    self.uri = f"vault:{folder}"

                def fetch(self, remote_id):
                    source = self.folder / remote_id
                    try:
                        data = source.read_bytes()
                        source.rename(source.with_suffix(".read"))
                    except FileNotFoundError:
                        raise ResultGoneError("it was read before") from None
                    (self.folder / "session").write_text(str(os.getsid(0)))
                    (self.folder / "reading").touch()
                    while (self.folder / "slow").exists():
                        time.sleep(0.005)
                    return RawResult("some/1", data)
            """
        )
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.syspath_prepend(str(site))
    folder = tmp_path / "vault"
    folder.mkdir()
    (folder / "job-1").write_bytes(RESULT.data)
    return open_backend(f"vault:{folder}")


def wait_until(condition, within_s=30.0):
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_courier_brings_the_result_from_a_process_of_its_own(spool, vault):
    assert fetch_once(spool, vault, "job-1", "tag-1") == RESULT
    assert spool.take("tag-1") == RESULT
    assert int((vault.folder / "session").read_text()) != os.getsid(0)  # Ctrl-C does not reach it
    with pytest.raises(ResultGoneError, match="read before"):
        fetch_once(spool, vault, "job-1", "tag-2")


def test_nothing_is_fetched_again_while_the_result_stands_in_the_spool(spool, vault):
    for _ in range(3):
        assert fetch_once(spool, vault, "job-1", "tag-1") == RESULT
    spool.forget("tag-1")
    assert list(spool.folder.iterdir()) == []


def test_killing_us_in_mid_download_loses_nothing(spool, vault):
    """The courier is detached: it goes on, and whoever comes next finds the result."""
    (vault.folder / "slow").touch()
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from qiskit_job_manager.backends import open_backend
        from qiskit_job_manager.engine import Spool
        from qiskit_job_manager.engine.fetch_subprocess import fetch_once
        fetch_once(Spool(Path(sys.argv[1])), open_backend(sys.argv[2]), "job-1", "tag-1")
        """
    )
    notebook = subprocess.Popen(
        [sys.executable, "-c", script, str(spool.folder), vault.uri], start_new_session=True
    )
    wait_until((vault.folder / "reading").exists)
    os.killpg(notebook.pid, signal.SIGKILL)
    notebook.wait()
    (vault.folder / "slow").unlink()
    assert fetch_once(spool, vault, "job-1", "tag-1") == RESULT


def test_a_courier_that_was_killed_leaves_a_loss_that_is_told(spool, vault):
    (vault.folder / "slow").touch()
    courier = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "qiskit_job_manager.fetch_process",
            vault.uri,
            "job-1",
            "tag-1",
            str(spool.folder),
        ]
    )
    wait_until((vault.folder / "reading").exists)
    courier.kill()
    courier.wait()
    with pytest.raises(ResultGoneError, match=r"cut off.*read before"):
        fetch_once(spool, vault, "job-1", "tag-1")


def test_only_one_courier_fetches_at_a_time(spool, vault):
    with spool.serving("tag-1") as ours:
        assert ours
        fetch_into(spool, vault, "job-1", "tag-1")
    assert (vault.folder / "job-1").exists()
    assert spool.take("tag-1") is None


def test_a_fetch_here_that_brings_nothing_is_tried_again(spool, vault, monkeypatch):
    vault.uri = None
    monkeypatch.setattr(spool, "wait_until_served", lambda tag: None)
    words = "^the fetch ended without a result; it is tried again$"
    with spool.serving("tag-1"), pytest.raises(TransientBackendError, match=words):
        fetch_once(spool, vault, "job-1", "tag-1")


def test_whatever_an_adapter_raises_is_kept_as_the_reason(spool, vault, monkeypatch):
    def broken(remote_id):
        raise ValueError("odd bytes")

    vault.uri = None
    monkeypatch.setattr(vault, "fetch", broken)
    with pytest.raises(TransientBackendError, match=r"^ValueError: odd bytes$"):
        fetch_once(spool, vault, "job-1", "tag-1")
    assert spool.take("tag-1") is None


def test_without_room_on_the_disk_nothing_is_fetched(spool, vault, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    fetch_into(spool, vault, "job-1", "tag-1")
    with pytest.raises(TransientBackendError, match="no room"):
        spool.take("tag-1")
    assert (vault.folder / "job-1").exists()


@pytest.mark.parametrize("has_fallocate", [True, False])
def test_room_is_reserved_and_the_result_takes_no_more_than_it_needs(
    spool, monkeypatch, has_fallocate
):
    if not has_fallocate:  # as on macOS
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    elif not hasattr(os, "posix_fallocate"):
        pytest.skip("this system cannot reserve room")
    with spool.serving("tag-1"), spool.reserved("tag-1") as part:
        assert os.fstat(part.fileno()).st_size == RESERVED_BYTES
        assert os.fstat(part.fileno()).st_blocks * 512 >= RESERVED_BYTES
        spool.keep("tag-1", part, RawResult("some/1", b"data"))
    assert spool.take("tag-1") == RawResult("some/1", b"data")
    assert sum(path.stat().st_size for path in spool.folder.iterdir()) < 1000


def test_a_full_disk_is_noticed_where_room_cannot_be_reserved(spool, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    monkeypatch.setattr(os, "pwrite", full)
    with (
        spool.serving("tag-1"),
        pytest.raises(TransientBackendError, match="no room"),
        spool.reserved("tag-1"),
    ):
        pass


def test_a_backend_that_cannot_be_opened_by_the_courier_is_tried_again(spool, vault):
    vault.uri = "nowhere:1"
    with pytest.raises(TransientBackendError, match="nowhere"):
        fetch_once(spool, vault, "job-1", "tag-1")
    assert (vault.folder / "job-1").exists()


def test_the_engine_spools_before_it_stores_and_cleans_up_after(make_bench, circuits):
    bench = make_bench(findable=True, reads_once=True)
    record = bench.job_set(circuits(3))
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 3}
    assert len(bench.backend.ledger.handed_out) == 3
    assert list(bench.spool.folder.iterdir()) == []


@pytest.mark.parametrize("turns", range(1, 12))
def test_a_crash_loses_no_result_that_was_handed_over(make_bench, circuits, turns):
    bench = make_bench(findable=True, reads_once=True)
    record = bench.job_set(circuits(2))
    bench.drive(record)
    for _ in range(turns):
        bench.clock.advance(min(bench.engine.tick(), 60.0))
    bench.crash()
    bench.drive(record)
    bench.run(record)
    assert bench.states(record) == {"done": 2}
    assert len(bench.backend.ledger.handed_out) == 2


def test_a_full_store_keeps_the_result_in_the_spool_until_there_is_room(
    make_bench, circuits, monkeypatch
):
    from qiskit_job_manager.errors import StoreFullError

    bench = make_bench(findable=True, reads_once=True)
    record = bench.job_set(circuits(1))
    bench.drive(record)
    advance = bench.store.advance
    refused = []

    def full(token, steps):
        if any(step.result for step in steps) and len(refused) < 5:
            refused.append(steps)
            raise StoreFullError("no space left")
        return advance(token, steps)

    monkeypatch.setattr(bench.store, "advance", full)
    bench.run(record)
    assert len(refused) == 5
    assert bench.states(record) == {"done": 1}
    assert len(bench.backend.ledger.handed_out) == 1


def test_a_result_that_was_deleted_is_lost_and_said_so(make_bench, circuits):
    bench = make_bench(findable=True, reads_once=True)
    bench.backend.script(Call.FETCH, Raise(ResultGoneError("deleted")))
    record = bench.job_set(circuits(1))
    bench.drive(record)
    bench.run(record)
    job = bench.jobs(record)[0]
    assert (job.state, job.error) == (JobState.LOST, "deleted")
