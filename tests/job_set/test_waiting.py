"""Waiting: shown where the user is, awaited, and called back from."""

from __future__ import annotations

import asyncio
import logging
import os
import pty
import struct
import sys
import threading
from fcntl import ioctl
from itertools import pairwise
from termios import TIOCSWINSZ

import pytest

from qiskit_job_manager import InvalidArgumentError, JobManager, JobManagerError, ManagedJobSet
from qiskit_job_manager.job_set import wait_for_requests, waiting
from qiskit_job_manager.job_set.waiting import Callbacks, awaited
from qiskit_job_manager.model import JobState, RemoteState
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing import JobStory
from qiskit_job_manager.testing.scripts import Call, Hang, LoseAnswer
from qiskit_job_manager.testing.store_samples import (
    hand_over,
    must_claim,
    step,
    submission,
    the_set,
)

NASTY = "<b>\x1b[31mred\n=1+1\u202e\U0001f600" + "y" * 10_000


@pytest.fixture
def under_way(manager, backend, circuits):
    """A set of three jobs, whose last one does not end before it is told to."""
    gate = Hang()
    backend.script(Call.STATUSES, Hang(gate=_open()), Hang(gate=_open()), gate)
    job_set = manager.run(circuits(3), backend, name=NASTY, max_experiments_per_job=1)
    yield job_set, gate
    gate.release()


def _open():
    gate = threading.Event()
    gate.set()
    return gate


def test_what_is_heeded_while_one_looks_is_waited_for(manager, remote, circuits, monkeypatch):
    remote.script(Call.SUBMIT, LoseAnswer())
    job_set = manager.run(circuits(1), remote)
    assert job_set.wait(60)
    assert job_set.progress().jobs == {JobState.IN_DOUBT: 1}
    look = job_set.progress

    def slow_look():
        seen = look()
        if seen.jobs.get(JobState.IN_DOUBT):
            job_set.resubmit()
            assert wait_for_requests(job_set, 10)
        return seen

    monkeypatch.setattr(job_set, "progress", slow_look)
    assert job_set.results(timeout=60).success


# -- shown ----------------------------------------------------------------------------------------


def test_plain_lines_tell_the_first_and_the_last_state_without_harm(
    manager, backend, circuits, capsys
):
    job_set = manager.run(circuits(4), backend, name=NASTY, max_experiments_per_job=1)
    assert job_set.wait(60, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert (
        err.splitlines()[-1]
        .split(": ")[1]
        .startswith("4 of 4 circuits \u00b7 4 of 4 jobs \u00b7 4 done")
    )
    assert err.replace("\n", "").isprintable()
    assert max(map(len, err.splitlines())) < 250


def test_results_show_progress_too(manager, backend, circuits, capsys):
    results = manager.run(circuits(1), backend).results(60, progress=True)
    assert results.success
    assert "1 of 1 circuit \u00b7 1 of 1 job \u00b7 1 done" in capsys.readouterr().err


def test_nothing_is_shown_unasked(manager, backend, circuits, capsys):
    manager.run(circuits(1), backend).results(60, progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_callable_is_called_at_first_and_after_each_change(manager, backend, circuits):
    seen = []
    job_set = manager.run(circuits(3), backend, max_experiments_per_job=1)
    assert job_set.wait(60, seen.append)
    assert seen[-1].success
    assert all(before != after for before, after in pairwise(seen))


def test_something_that_cannot_be_called_is_named(manager, backend, circuits):
    with pytest.raises(InvalidArgumentError, match="progress is 'yes'"):
        manager.run(circuits(1), backend).wait(0, progress="yes")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize(("columns", "rows"), [(20, 5), (80, 24), (200, 50)])
def test_a_terminal_shows_a_bar_in_place_without_harm(
    manager, backend, circuits, monkeypatch, columns, rows, encoding
):
    shown = on_terminal(
        monkeypatch,
        columns,
        rows,
        lambda: manager.run(
            circuits(4), backend, name=NASTY, shots=1, max_experiments_per_job=1
        ).wait(60, progress=True),
        encoding,
    )
    assert "\x1b[31m" not in shown
    assert "\u202e" not in shown
    assert "4 done" in shown
    if columns >= 80:
        assert "4 of 4 circuits" in shown


def on_terminal(monkeypatch, columns, rows, act, encoding="utf-8"):
    """Return what something writes to standard error where that is a terminal of a size."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    read: list[bytes] = []
    reader = threading.Thread(target=_read_all, args=(ours, read))
    reader.start()
    opened = os.fdopen(theirs, "w", encoding=encoding, errors="backslashreplace")
    with opened as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        act()
    reader.join(60)
    os.close(ours)
    return b"".join(read).decode()


def _read_all(descriptor, into):
    try:
        while part := os.read(descriptor, 65536):
            into.append(part)
    except OSError:  # Linux says so when the other end is closed
        return


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(manager, backend, circuits, monkeypatch):
    job_set = manager.run(circuits(1), backend, name="dumb")

    def wait():
        monkeypatch.setenv("TERM", "dumb")
        job_set.wait(60, progress=True)

    shown = on_terminal(monkeypatch, 80, 24, wait)
    assert "\x1b" not in shown
    assert "dumb: 1 of 1 circuit" in shown


@pytest.mark.parametrize("stream", ["closed", "none"])
def test_where_nothing_can_be_shown_waiting_goes_on(
    manager, backend, circuits, monkeypatch, tmp_path, stream
):
    job_set = manager.run(circuits(1), backend)
    closed = (tmp_path / "log").open("w")
    closed.close()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", None if stream == "none" else closed)
        assert job_set.wait(60, progress=True)


def test_running_queued_and_position_are_told_apart(manager, remote, circuits):
    remote.tell(
        JobStory.ending(RemoteState.DONE, queued=10_000),
        JobStory.ending(RemoteState.DONE, running=10_000),
    )
    job_set = manager.run(circuits(2), remote, max_experiments_per_job=1)
    for _ in range(500):
        if (now := job_set.activity()).running:
            break
        assert not job_set.wait(0.02)
    assert (now.running, now.queued) == (1, 1)
    assert 1 <= now.position <= 10_000


# -- awaited --------------------------------------------------------------------------------------


def test_a_job_set_can_be_awaited_and_gives_its_results(manager, backend, circuits):
    async def gathered():
        return await asyncio.gather(*(manager.run(circuits(1), backend) for _ in range(3)))

    results = asyncio.run(gathered())
    assert [each.success for each in results] == [True, True, True]
    assert len(results[0].get_counts("c0")) > 0


def test_awaiting_holds_up_nobody_and_ends_with_its_task(under_way):
    job_set, gate = under_way
    before = set(threading.enumerate())

    async def ticking():
        waiting = asyncio.ensure_future(job_set)
        for _ in range(5):
            await asyncio.sleep(0)
        assert gate.reached.wait(10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting, 0.01)
        assert waiting.cancelled()

    asyncio.run(ticking())
    for thread in set(threading.enumerate()) - before:
        if thread.name == "qjm-await":
            thread.join(60)
            assert not thread.is_alive()
    assert not job_set.in_final_state()


def test_what_goes_wrong_in_waiting_is_raised_to_who_awaits():
    def wait(_):
        raise JobManagerError("cannot go on")

    async def waiting():
        await awaited(wait, lambda: None)

    with pytest.raises(JobManagerError, match="cannot go on"):
        asyncio.run(waiting())


# -- called back ----------------------------------------------------------------------------------


def test_a_callback_is_called_once_with_the_job_set_after_its_end(under_way):
    job_set, gate = under_way
    called = []
    done = threading.Event()
    job_set.add_done_callback(lambda each: called.append((each, each.progress().ended)))
    job_set.add_done_callback(lambda _: done.set())
    assert gate.reached.wait(60)
    assert called == []
    gate.release()
    assert done.wait(60)
    assert called == [(job_set, True)]


def test_a_callback_of_what_has_ended_is_called_by_another_thread(manager, backend, circuits):
    job_set = manager.run(circuits(1), backend)
    assert job_set.wait(60)
    threads = []
    done = threading.Event()
    job_set.add_done_callback(lambda _: (threads.append(threading.current_thread()), done.set()))
    assert done.wait(60)
    assert threads[0] is not threading.current_thread()


def test_a_callback_that_raises_is_logged_and_hinders_no_other(manager, backend, circuits, caplog):
    job_set = manager.run(circuits(1), backend)
    done = threading.Event()
    with caplog.at_level(logging.ERROR, "qiskit_job_manager"):
        job_set.add_done_callback(lambda _: 1 / 0)
        job_set.add_done_callback(lambda _: done.set())
        assert done.wait(60)
    assert [record.event for record in caplog.records] == ["callback failed"]
    assert caplog.records[0].exc_info[0] is ZeroDivisionError


def test_a_manager_that_closes_right_after_the_end_calls_back_before(
    store_path, backend, circuits, monkeypatch
):
    """The thread that calls is slow to see the end, as on a busy machine."""
    called = []
    with JobManager(store_path) as manager:
        job_set = manager.run(circuits(1), backend)
        gate = threading.Event()
        wait = ManagedJobSet.wait

        def slow_wait(self, *args, **options):
            if threading.current_thread().name == "qjm-callbacks":
                gate.wait(60)
            return wait(self, *args, **options)

        monkeypatch.setattr(ManagedJobSet, "wait", slow_wait)
        job_set.add_done_callback(called.append)
        assert job_set.results(60).success
        finish = Callbacks.finish
        monkeypatch.setattr(
            Callbacks, "finish", lambda self, within_s: (gate.set(), finish(self, within_s))
        )
    assert called == [job_set]


def test_callbacks_of_what_cannot_be_waited_for_are_given_up_with_a_word(caplog):
    def wait():
        raise JobManagerError("nobody drives it")

    called = []
    callbacks = Callbacks("subject", wait, lambda: False)
    with caplog.at_level(logging.WARNING, "qiskit_job_manager"):
        callbacks.add(called.append)
        for thread in threading.enumerate():
            if thread.name == "qjm-callbacks":
                thread.join(60)
    assert called == []
    assert "nobody drives it" in caplog.text


def test_a_timeout_says_what_fails_also_where_the_first_missing_jobs_are_well(store_path):
    store = open_store(store_path)
    hand_over(store, [[f"c{i}"] for i in range(20)])
    token = must_claim(store)
    store.complete_job_set(token)
    store.advance(token, [submission(store, 19, "tag")])
    trouble = step(store, 19, JobState.SUBMITTING, JobState.ACTIVE, remote_id="r", error="no loop")
    assert store.advance(token, [trouble]) == [True]
    text = waiting.missing(store, the_set(store), 1.0, None)
    assert "What fails: no loop" in text
    store.close()
