"""Tries the job manager on the packages of other people, each in an environment of its own.

    python tests/providers/run.py            all of them; ``make providers`` does this
    python tests/providers/run.py aqt qdd    these alone
    python tests/providers/run.py --table    only write the tables again

A probe in ``probes/`` says which packages it needs, in the form that PEP 723 gives to scripts, and
how to get a backend. The packages are installed once, into ``.providers/`` at the top of the
project, with ``uv`` where it is found. Results are kept in ``results/``, and written as tables into
``docs/providers.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".providers"
RESULTS = HERE / "results"
DOCS = ROOT / "docs" / "providers.md"
INSTALL_S, RUN_S = 1800, 1200

_HEADER = re.compile(r"^# /// script\n(?P<toml>(?:#.*\n)*?)# ///$", re.MULTILINE)
COLUMNS = {
    "counts": "counts",
    "memory": "memory",
    "registers": "registers",
    "bits": "bits",
    "middle": "mid-circuit",
    "options": "options",
    "pubs": "PUBs",
    "sampler": "sampler",
    "estimator": "estimator",
    "backend": "backend",
    "together": "at once",
    "reopened": "re-opened",
    "attached": "by id",
    "errors": "errors",
}


def probes():
    """Return the probes by name."""
    return {path.stem: path for path in sorted((HERE / "probes").glob("*.py"))}


def kept_results():
    """Return what was found at the last try of each probe, by name."""
    files = {name: RESULTS / f"{name}.json" for name in probes()}
    return {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}


def header(path):
    """Return what a probe says that it needs."""
    found = _HEADER.search(path.read_text())
    if found is None:
        raise SystemExit(f"{path} has no header of the form that PEP 723 describes")
    return tomllib.loads("\n".join(line[2:] for line in found["toml"].splitlines()))


def install(name, needs):
    """Install the packages of a probe, unless they are; return why that failed, or ``None``."""
    place = CACHE / name
    wanted = json.dumps(needs, sort_keys=True)
    stamp = place / "installed.json"
    if stamp.exists() and stamp.read_text() == wanted:
        return None
    shutil.rmtree(place, ignore_errors=True)
    own = needs.get("tool", {}).get("probe", {})
    steps = [["install", "-e", str(ROOT), *needs["dependencies"]]]
    if own.get("last"):  # packages whose files must lie over those of others
        steps.append(["install", "--force-reinstall", "--no-deps", *own["last"]])
    uv = shutil.which("uv")
    if uv is None:
        if own.get("override"):
            return "installing against the packages' own limits needs uv"
        make, pip = [sys.executable, "-m", "venv", place], [place / "bin" / "python", "-m", "pip"]
    else:
        make, pip = [uv, "venv", "-q", "--python", sys.executable, place], [uv, "pip"]
        steps = [[*step, "--python", place / "bin" / "python"] for step in steps]
    subprocess.run(make, check=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as limits:
        limits.write("\n".join(own.get("override", ())))
        limits.flush()
        for step in steps:
            extra = ["--override", limits.name] if own.get("override") else []
            done = _said([*pip, *step, *extra], INSTALL_S)
            if done.returncode:
                return (done.stderr or done.stdout).strip()
    stamp.write_text(wanted)
    return None


def _said(command, within_s, **given):
    return subprocess.run(
        [str(part) for part in command],
        check=False,
        capture_output=True,
        text=True,
        timeout=within_s,
        **given,
    )


def tried(name, path):
    """Install and run one probe, and return what to keep of it."""
    needs = header(path)
    kept = {"packages": needs["dependencies"], "about": _about(path)}
    trouble = install(name, needs)
    if trouble is not None:
        return {**kept, "trouble": f"does not install: {_without_paths(trouble)[-1500:]}"}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = [CACHE / name / "bin" / "python", HERE / "checks.py", path, out]
        environment = {**os.environ, "HOME": folder, "OMP_NUM_THREADS": "1"}
        try:
            done = _said([*command, Path(folder) / "store.db"], RUN_S, env=environment)
        except subprocess.TimeoutExpired:
            return {**kept, "trouble": f"did not end in {RUN_S} s"}
        (CACHE / f"{name}.log").write_text(done.stdout + done.stderr)
        if not out.exists():
            return {
                **kept,
                "trouble": _without_paths("\n".join(done.stderr.strip().splitlines()[-3:])),
            }
        return {**kept, **json.loads(out.read_text())}


def _about(path):
    """Return the first sentence of a probe's docstring."""
    text = path.read_text().partition('"""')[2].partition('"""')[0]
    return " ".join(text.partition("\n\n")[0].split()).rstrip(".")


# -- the tables -------------------------------------------------------------------------------


def _without_paths(text):
    """Leave out the folders of this machine."""
    return re.sub(r"(?<![\w.])/(?:[^\s/\"]+/)+", "", text)


def tables(results):
    """Return the part of ``docs/providers.md`` that is written here, by the name of its mark."""
    backends = {n: each for n, each in results.items() if "counts" in each.get("checks", {})}
    others = {n: e for n, e in results.items() if n not in backends and "checks" in e}
    failed = {n: each for n, each in results.items() if "trouble" in each}
    return {
        "backends": _backends(backends),
        "libraries": _libraries(others),
        "troubles": "\n".join(f"- `{n}`: {_plain(e['trouble'])}" for n, e in failed.items())
        or "None.",
    }


def _backends(results):
    rows = [["what", "versions", *COLUMNS.values()]]
    notes = []
    for each in results.values():
        marks = []
        for column, title in COLUMNS.items():
            check = each["checks"].get(column, {"verdict": "-"})
            mark = check["verdict"]
            if mark in ("no", "wrong"):
                notes.append(f"{each['about']}, {title}: {_plain(check['note'])}")
                mark = f"{'**wrong**' if mark == 'wrong' else 'no'} ({len(notes)})"
            marks.append(mark)
        rows.append([each["about"], _versions(each), *marks])
    lines = [f"{number}. {note}" for number, note in enumerate(notes, 1)]
    return "\n".join([*_table(rows), "", *lines])


def _libraries(results):
    rows = [["library", "versions", "tried", "works"]]
    for each in results.values():
        for name, check in each["checks"].items():
            note = f": {_plain(check['note'])}" if check["verdict"] != "yes" else ""
            rows.append([each["about"], _versions(each), name, check["verdict"] + note])
    return "\n".join(_table(rows))


def _table(rows):
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "| --- " * len(rows[0]) + "|", *lines[1:]]


def _versions(each):
    return ", ".join(f"{name} {number}" for name, number in each["versions"].items())


def _plain(text):
    """Return a note in one line, without paths, which fits into a table."""
    line = " ".join(text.replace(str(ROOT), "").replace("|", "/").split())
    return line if len(line) <= 300 else line[:299] + "…"


def write_tables(results):
    """Write the tables between their marks."""
    text = DOCS.read_text()
    for mark, table in tables(results).items():
        begin, end = f"<!-- {mark}: written by make providers -->\n", f"<!-- end {mark} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}{table}\n{end}{rest.partition(end)[2]}"
    DOCS.write_text(text)


def main():
    """Run the probes that are named, or all; return 1 if something was silently wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="probes to run; none: all")
    parser.add_argument("--table", action="store_true", help="only write the tables again")
    given = parser.parse_args()
    known = probes()
    for name in () if given.table else given.names or known:
        print(f"{name}: ", end="", flush=True)
        found = tried(name, known[name])
        print(_short(found), flush=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    results = kept_results()
    write_tables(results)
    verdicts = [c["verdict"] for each in results.values() for c in each.get("checks", {}).values()]
    return "wrong" in verdicts


def _short(result):
    if "trouble" in result:
        return _plain(result["trouble"])
    return ", ".join(f"{name} {each['verdict']}" for name, each in result["checks"].items())


if __name__ == "__main__":
    sys.exit(main())
