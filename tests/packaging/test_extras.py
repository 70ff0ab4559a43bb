"""Whatever needs an extra says so in an error of ours, with the line that installs it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

EXTRAS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]

SCRIPT = """
import sys
from pathlib import Path

for hidden in {hidden!r}:
    sys.modules[hidden] = None
from qiskit import QuantumCircuit
from typer.testing import CliRunner

from qiskit_job_manager import JobManager, JobManagerError
from qiskit_job_manager.cli.app import app
from qiskit_job_manager.codec.openqasm import read_openqasm

store, file = Path("store.db"), Path("three.qasm")
file.write_text('OPENQASM 3.0; include "stdgates.inc"; qubit q; bit c; c = measure q;')
circuit = QuantumCircuit(1, 1, metadata={{"x": 1}})
circuit.measure(0, 0)

def qjm(*words):
    outcome = CliRunner().invoke(app, ["--store", str(store), *words])
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
    if outcome.exit_code == 1:
        raise JobManagerError(outcome.stderr)

with JobManager(store, workers=0) as manager:
    job_set = manager.run(circuit, "basic", name="set", shots=5)
    results = job_set.results(timeout=60)
    for call in {calls!r}:
        try:
            eval(call)
        except JobManagerError as error:
            print(call, "|", " ".join(str(error).split()))
        else:
            print(call, "|", "nothing was raised")
"""

_RUN = "qjm('run', 'three.qasm', '--backend', {}, {}, {})"

CASES = {
    "aer": (["qiskit_aer"], ["manager.run(circuit, 'aer')"]),
    "arrow": (
        ["pyarrow"],
        ["results.to_arrow()", "job_set.export('a.parquet', format='parquet')"],
    ),
    "dask": (
        ["distributed", "dask"],
        [
            "JobManager(store, executor='dask:tcp://127.0.0.1:1')",
            _RUN.format("'basic'", "'--executor'", "'dask:tcp://127.0.0.1:1'"),
        ],
    ),
    "dataframe": (
        ["pandas"],
        ["results.to_dataframe()", "manager.to_dataframe()", "results.drift().to_dataframe()"],
    ),
    "ibm": (
        ["qiskit_ibm_runtime"],
        ["manager.run(circuit, 'ibm:ibm_fez')", "manager.run(circuit, 'fake:torino')"],
    ),
    "mcp": (["mcp"], ["qjm('mcp')"]),
    "metrics": (["prometheus_client"], ["qjm('serve', '--metrics-port', '0')"]),
    "notify": (
        ["apprise"],
        [
            "JobManager(store, notify='json://127.0.0.1')",
            _RUN.format("'basic'", "'--notify'", "'json://127.0.0.1'"),
        ],
    ),
    "plot": (
        ["matplotlib"],
        [
            "job_set.plot_timeline()",
            "job_set.draw('mpl')",
            "results.plot_histogram(0)",
            "results.plot_sweep('0')",
        ],
    ),
    "postgres": (
        ["psycopg"],
        [
            "JobManager('postgresql://127.0.0.1/none')",
            "qjm('--store', 'postgresql://127.0.0.1/none', 'list')",
        ],
    ),
    # Another process reads the files of a run; it would find what is hidden here.
    "qasm3": (["qiskit_qasm3_import", "openqasm3"], ["read_openqasm(file)"]),
    "qrmi": (["qrmi"], ["manager.run(circuit, 'qrmi:machine')"]),
    "rocrate": (["rocrate"], ["job_set.export('a.zip', format='ro-crate')"]),
    "web": (
        ["starlette", "jinja2", "uvicorn"],
        ["manager.dashboard()", "qjm('dashboard', '--no-browser', '--port', '0')"],
    ),
    "xarray": (["xarray"], ["results.to_xarray()"]),
}


def test_each_extra_is_tried():
    assert CASES.keys() == EXTRAS.keys()


@pytest.mark.parametrize("extra", CASES)
def test_what_is_missing_is_named_with_the_line_that_installs_it(extra, tmp_path):
    hidden, calls = CASES[extra]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(hidden=hidden, calls=calls)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = dict(line.split(" | ", 1) for line in done.stdout.splitlines())
    assert list(said) == calls
    for words in said.values():
        assert f"qiskit-job-manager[{extra}]" in words.replace("- ", "-")
