"""What only a process of its own can show: pipes, signals, terminals, and what it imports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from qiskit_job_manager.testing.cloud_service import Faults

PIPED = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
RUN = ("--backend", "basic", "--shots", "10", "--max-experiments-per-job", "1")


@pytest.fixture
def stored(qjm, folder):
    """A set ``four`` of four jobs, run to its end."""
    assert qjm("run", folder, *RUN, "--name", "four").code == 0


@pytest.fixture
def long(folder, cloud):
    """What runs a set ``long`` of four jobs, of which only two are taken before somebody looks."""
    cloud.faults = Faults(submissions_per_minute=2, retry_after_s=0.1)
    on = ("--backend", f"cloud:http://{cloud.address}?variant=findable", *RUN[2:])
    return ("run", folder, *on, "--name", "long")


def test_reading_commands_import_neither_qiskit_nor_numpy_nor_a_provider_nor_rich(store, stored):
    script = (
        "import sys\n"
        "from qiskit_job_manager.cli import main\n"
        "for words in (['list'], ['show', 'four'], ['log', 'four'], ['watch', 'four']):\n"
        "    sys.argv = ['qjm', *words]\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as ended:\n"
        "        assert not ended.code, words\n"
        "heavy = {'qiskit', 'qiskit_aer', 'qiskit_ibm_runtime', 'numpy', 'rich', 'alembic'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, **PIPED)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_goes_away_early_sees_no_traceback(qjm_process, stored):
    reading, writing = os.pipe()
    os.close(reading)
    process = qjm_process("results", "four", stdout=writing)
    os.close(writing)
    _, err = process.ended()
    assert (process.returncode, err) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is full")
def test_a_full_disk_for_the_output_is_an_error_and_no_traceback(qjm_process, stored):
    with Path("/dev/full").open("w") as full:
        process = qjm_process("list", stdout=full)
    _, err = process.ended()
    assert process.returncode == 1
    assert err.startswith("Error: ")
    assert err.count("\n") == 1


def test_output_that_cannot_show_a_name_shows_it_escaped(qjm, qjm_process, folder, flip):
    (folder / "überlagerung_量子.qasm").write_text(flip)
    qjm("run", folder, *RUN, "--name", "größe")
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    for words in (["list"], ["results", "größe"], ["results", "größe", "4"]):
        process = qjm_process(*words, env=environment, encoding="latin-1")
        out, err = process.ended()
        assert (process.returncode, err) == (0, "")
        assert ("größe" if words == ["list"] else r"überlagerung_\u91cf\u5b50") in out


def test_progress_is_plain_lines_without_a_terminal(qjm_process, folder):
    process = qjm_process("run", folder, *RUN, "--name", "four")
    out, err = process.ended()
    assert process.returncode == 0
    assert out == "four: 4 circuits in 4 jobs: 4 done\n"
    assert "\x1b" not in err
    assert "\r" not in err
    assert "four: 4 of 4 circuits \u00b7 4 of 4 jobs \u00b7 4 done" in err.splitlines()[-1]


def test_progress_is_a_live_bar_on_a_terminal(qjm_terminal, folder):
    terminal = qjm_terminal("run", folder, *RUN, "--name", "four")
    terminal.expect_exact("4 of 4 circuits")
    terminal.expect_exact("four: 4 circuits in 4 jobs: 4 done")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def test_no_color_is_honoured(qjm_terminal, stored):
    terminal = qjm_terminal("wait", "four", NO_COLOR="1")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert "4 of 4 circuits" in terminal.before
    assert not any(f"\x1b[{color}" in terminal.before for color in ("3", "9", "38"))


def test_ctrl_c_keeps_everything_and_the_command_that_is_told_goes_on(
    qjm, qjm_terminal, long, cloud
):
    terminal = qjm_terminal(*long)
    terminal.expect("2 done")
    terminal.sendintr()
    terminal.expect("Interrupted. Everything is kept; go on with:\\s+qjm wait ([0-9a-f]{32})")
    job_set_id = terminal.match.group(1)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 130
    assert "Traceback" not in terminal.before
    cloud.faults = Faults()
    assert qjm("wait", job_set_id).out == "long: 4 circuits in 4 jobs: 4 done\n"
    assert cloud.books().submissions_by_payload().total() == 4


def test_a_process_killed_outright_is_gone_on_with(qjm, qjm_process, long, cloud):
    process = qjm_process(*long)
    for line in process.stderr:
        if "2 of 4 jobs" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    cloud.faults = Faults()
    assert qjm("wait", "long").out == "long: 4 circuits in 4 jobs: 4 done\n"
    assert cloud.books().submissions_by_payload().total() == 4
