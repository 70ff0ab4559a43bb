"""What the pages of the documentation show runs as it stands there, page by page, in order."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"^```\{code-block\} \w+\n:caption: (\S+)\n\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = sorted(
    str(page.relative_to(DOCS))
    for pages in ("start/*", "how-to/*", "coming-from/*", "reference/*", "scale")
    for page in DOCS.glob(f"{pages}.md")
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
            lines += ["cat >page_code.py <<'END_OF_PYTHON'", code, "END_OF_PYTHON"]
            lines += [f"{sys.executable} -W error::DeprecationWarning page_code.py"]
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
    for name, code in FILE.findall(text):
        (folder / name).write_text(code, encoding="utf-8")
    with subprocess.Popen(
        ["bash", "-c", script_of(text)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as script:
        try:
            output, _ = script.communicate(timeout=300)
        finally:  # what it has in the background, too
            with contextlib.suppress(ProcessLookupError):
                os.killpg(script.pid, signal.SIGKILL)
    assert script.returncode == 0, output


def test_how_many_pages_show_code():
    assert len(PAGES) >= 12
