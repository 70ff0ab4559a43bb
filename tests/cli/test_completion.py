"""What the shell offers: as the shells ask for it, and without what a shell would obey."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

RUN = ("--backend", "basic", "--shots", "10", "--no-wait")


@pytest.fixture
def offered(store):
    """What bash is offered after some words, the last of which is not finished."""

    def offered(*words: str) -> list[str]:
        asked = " ".join(["qjm", *words])
        environment = {
            **os.environ,
            "_QJM_COMPLETE": "complete_bash",
            "COMP_WORDS": asked,
            "COMP_CWORD": str(len(words)),
        }
        script = (
            "import atexit, sys\n"
            "from qiskit_job_manager.cli import main\n"
            "atexit.register(lambda: 'qiskit' in sys.modules and print('imported Qiskit'))\n"
            "main()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.stdout.split()

    return offered


def test_names_of_job_sets_are_offered_and_harmful_ones_by_their_id(qjm, folder, offered):
    for name in ("sweep-1", "sweep_2", "$(touch harm)", "two words", "--help"):
        assert qjm("run", folder / "flip.qasm", *RUN, f"--name={name}").code == 0
    assert offered("show", "sw") == ["sweep_2", "sweep-1"]
    all_of_them = offered("delete", "sweep-1", "")
    assert len(all_of_them) == 5
    assert {"sweep-1", "sweep_2"} < set(all_of_them)
    assert all(len(word) == 32 for word in set(all_of_them) - {"sweep-1", "sweep_2"})


def test_without_a_store_nothing_is_offered_and_none_is_made(store, offered):
    assert offered("show", "") == []
    assert not store.exists()


def test_a_store_that_cannot_be_read_offers_nothing(store, offered):
    store.write_bytes(b"no database" * 100)
    assert offered("show", "") == []


def test_the_store_that_the_line_names_is_the_one_that_is_read(qjm, folder, offered, tmp_path):
    other = tmp_path / "other.db"
    qjm("--store", other, "run", folder / "flip.qasm", *RUN, "--name", "elsewhere")
    assert offered("--store", str(other), "show", "e") == ["elsewhere"]
