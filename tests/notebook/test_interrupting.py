"""A cell that is interrupted ends with one line, and its jobs go on."""

from __future__ import annotations

import signal

import pytest
from IPython.core.interactiveshell import InteractiveShell

from qiskit_job_manager import JobManager

WORDS = "Stopped waiting. The jobs of 'slow' go on"


@pytest.fixture
def job_set(tmp_path, named):
    with JobManager(tmp_path / "store.db") as manager:
        # Nobody drives it, so a wait goes on until it is interrupted.
        yield manager.run(named("one"), "aer", name="slow", shots=10, drive=False)


def interrupt(progress):
    signal.raise_signal(signal.SIGINT)


def test_what_is_raised_says_what_goes_on_and_how_to_look_and_stop(job_set):
    with pytest.raises(KeyboardInterrupt, match=WORDS) as raised:
        job_set.wait(progress=interrupt)
    assert all(call in str(raised.value) for call in ("wait()", "progress()", "cancel()"))
    assert len(job_set.results(timeout=60)) == 1


@pytest.mark.parametrize("call", ["wait", "results"])
def test_a_notebook_shows_one_line_and_no_traceback(job_set, capsys, call, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell()
    shell.user_ns.update(job_set=job_set, interrupt=interrupt)
    result = shell.run_cell(f"job_set.{call}(progress=interrupt)")
    assert isinstance(result.error_in_exec, KeyboardInterrupt)
    shown = capsys.readouterr().out.strip()
    assert shown.startswith(WORDS)
    assert "\n" not in shown
