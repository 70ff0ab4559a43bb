"""What the pages of the documentation show runs as it stands there, page by page, in order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = sorted(
    str(page.relative_to(DOCS))
    for folder in ("start", "how-to", "coming-from", "reference")
    for page in (DOCS / folder).glob("*.md")
    if BLOCK.search(page.read_text(encoding="utf-8"))
)


def script_of(text):
    """The blocks of a page as one shell script; Python blocks that follow each other are one."""
    parts = []
    for language, code in BLOCK.findall(text):
        if language == "python" and parts and parts[-1][0] == "python":
            parts[-1] = ("python", parts[-1][1] + "\n" + code)
        else:
            parts.append((language, code))
    lines = ["set -e"]
    for language, code in parts:
        if language == "python":
            lines += [f"{sys.executable} -W error::DeprecationWarning - <<'END_OF_PYTHON'", code]
            lines += ["END_OF_PYTHON"]
        else:
            lines += [line[2:] for line in code.splitlines() if line.startswith("$ ")]
    return "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    circuits = tmp_path / "circuits"
    circuits.mkdir()
    for file in sorted((ROOT / "examples" / "circuits" / "qasm2").glob("*_3.qasm"))[:4]:
        shutil.copy(file, circuits)
    monkeypatch.setenv("QISKIT_JOB_MANAGER_STORE", str(tmp_path / "store.db"))
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page, folder):
    text = (DOCS / page).read_text(encoding="utf-8")
    done = subprocess.run(
        ["bash", "-c", script_of(text)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_how_many_pages_show_code():
    assert len(PAGES) >= 12
