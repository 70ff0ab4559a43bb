"""A real Slurm starts the workers, ends them in mid-run, and runs drivers on its nodes.

`scripts/with-slurm` starts it for all tests here.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from local_tasks import dynamic

from qiskit_job_manager import JobManager

dask = pytest.importorskip("dask")
on_interrupt = signal.getsignal(signal.SIGINT)
jobqueue = pytest.importorskip("dask_jobqueue")
signal.signal(signal.SIGINT, on_interrupt)  # its import replaces it, for the whole process
distributed = pytest.importorskip("distributed")

DEADLINE_S = 240.0
HERE = Path(__file__).parent
OPTIONS = {"seed_simulator": 3, "max_experiments_per_job": 1, "memory": True}
pytestmark = [
    pytest.mark.service,
    pytest.mark.filterwarnings("default"),  # Dask's own, of its closing
    pytest.mark.skipif(
        "QJM_TEST_SLURM" not in os.environ, reason="there is no Slurm: scripts/with-slurm COMMAND"
    ),
]


def circuits(n):
    return [dynamic(str(index)) for index in range(n)]


def digest(results, n):
    memory = [results.get_memory(index) for index in range(n)]
    return hashlib.sha256(json.dumps(memory).encode()).hexdigest()


def digest_here(n, shots, folder):
    """Return the digest of what one process gives that nobody disturbs."""
    with JobManager(folder / "here.db", workers=0) as manager:
        job_set = manager.run(circuits(n), "aer", shots=shots, **OPTIONS)
        return digest(job_set.results(DEADLINE_S), n)


@pytest.fixture
def cluster(tmp_path):
    """A Dask cluster whose workers are jobs of Slurm; none is started yet."""
    # Dask waits 15 s for a worker that was lost, before it has Slurm start another.
    quick = dask.config.set({"distributed.deploy.lost-worker-timeout": "2s"})
    with (
        quick,
        jobqueue.SLURMCluster(
            cores=1,
            processes=1,
            memory="2GB",
            queue=os.environ["QJM_TEST_SLURM"],
            interface="lo",
            walltime="00:10:00",
            job_script_prologue=["export OMP_NUM_THREADS=1"],
            log_directory=str(tmp_path / "logs"),
            local_directory=str(tmp_path / "local"),
            scheduler_options={"dashboard_address": None},
            job_name=tmp_path.name,
        ) as cluster,
    ):
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster, set_as_default=False) as client:
        yield client


def slurm_jobs(name, states="PENDING,RUNNING,COMPLETING"):
    """Return the ids of the jobs of a name, in Slurm's queue."""
    command = ["squeue", "-h", "-o", "%i", f"--name={name}", f"--states={states}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def test_workers_that_slurm_starts_give_the_results_of_one_process(client, cluster, tmp_path):
    cluster.scale(jobs=2)
    with JobManager(tmp_path / "store.db", executor=client) as manager:
        job_set = manager.run(circuits(6), "aer", shots=500, **OPTIONS)
        found = digest(job_set.results(DEADLINE_S), 6)
    assert found == digest_here(6, 500, tmp_path)
    assert not client.list_datasets(), "nothing is left on the scheduler"


def test_a_worker_that_scancel_ends_in_mid_run_costs_no_result(
    client, cluster, tmp_path, wait_until
):
    cluster.adapt(minimum_jobs=2, maximum_jobs=2)
    client.wait_for_workers(2, timeout=DEADLINE_S)
    with JobManager(tmp_path / "store.db", executor=client) as manager:
        job_set = manager.run(circuits(10), "aer", shots=20_000, **OPTIONS)
        wait_until(lambda: job_set.progress().n_ended, DEADLINE_S)
        before = slurm_jobs(tmp_path.name, "RUNNING")
        subprocess.run(["scancel", before[0]], check=True)
        results = job_set.results(DEADLINE_S)
        assert results.success
        assert digest(results, 10) == digest_here(10, 20_000, tmp_path)
    wait_until(lambda: set(slurm_jobs(tmp_path.name)) - set(before), DEADLINE_S)


def test_executorlib_gives_each_worker_a_job_of_slurm(tmp_path):
    executorlib = pytest.importorskip("executorlib")
    with (
        executorlib.SlurmJobExecutor(
            max_workers=2, block_allocation=True, hostname_localhost=True
        ) as executor,
        JobManager(tmp_path / "store.db", executor=executor) as manager,
    ):
        job_set = manager.run(circuits(6), "aer", shots=500, **OPTIONS)
        assert digest(job_set.results(DEADLINE_S), 6) == digest_here(6, 500, tmp_path)


DRIVER = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
from local_tasks import dynamic
from qiskit_job_manager import JobManager
circuits = [dynamic(str(index)) for index in range(4)]
with JobManager(sys.argv[1], executor="dask:" + sys.argv[2]) as manager:
    job_set = manager.run(circuits, "aer", name="taken up", shots=50_000, **{OPTIONS!r})
    job_set.results()
"""


def test_a_driver_that_is_opened_again_takes_up_what_slurm_computes(
    client, cluster, tmp_path, wait_until
):
    cluster.scale(jobs=2)
    store = tmp_path / "store.db"
    command = [sys.executable, "-c", DRIVER, str(store), cluster.scheduler_address]
    with subprocess.Popen(command) as driver:
        wait_until(lambda: len(client.list_datasets()) == 4, DEADLINE_S)
        driver.kill()
    tags = set(client.list_datasets())
    with JobManager(store, executor=client) as manager:
        job_set = manager.retrieve_job_set("taken up")
        assert digest(job_set.results(DEADLINE_S), 4) == digest_here(4, 50_000, tmp_path)
        attempts = [job.attempts() for job in job_set.managed_jobs()]
    assert [len(each) for each in attempts] == [1, 1, 1, 1], "nothing was computed twice"
    assert {each.tag for each, *_ in attempts} == tags


# -- the guide ------------------------------------------------------------------------------------

ROOT = HERE.parents[1]
FILE = re.compile(r"^```\{code-block\} \w+\n:caption: (\S+)\n\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder with the files of the guide, and circuits; fit for a small machine."""
    for name, code in FILE.findall((ROOT / "docs" / "scale.md").read_text("utf-8")):
        small = code.replace("ib0", "lo").replace("per-task=8", "per-task=1").replace("1-4", "1-2")
        (tmp_path / name).write_text(small, "utf-8")
    (tmp_path / "circuits").mkdir()
    for file in sorted((ROOT / "examples" / "circuits" / "qasm2").glob("*_3.qasm"))[:4]:
        shutil.copy(file, tmp_path / "circuits")
    programs = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sbatch(script, *options):
    """Submit a script of the guide, and return the id of its job."""
    command = ["sbatch", "--parsable", *options, script]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_batch_script_of_the_guide_runs_a_driver_on_a_node(home, wait_until):
    sbatch("sweep.sbatch", f"--job-name={home.name}")
    wait_until(lambda: not slurm_jobs(home.name), DEADLINE_S)
    assert_all_there(home / "sweep.db", "sweep", 4)


def test_a_batch_script_that_is_cut_off_goes_on(home, wait_until):
    """Its first driver has no time for anything."""
    script = home / "sweep.sbatch"
    whole = script.read_text("utf-8").replace("--job-name=sweep", f"--job-name={home.name}")
    script.write_text(
        whole.replace("--timeout 3300", '--timeout "$(cat seconds; echo 300 >seconds)"')
    )
    (home / "seconds").write_text("0")
    first = sbatch("sweep.sbatch")
    wait_until(lambda: not slurm_jobs(home.name), DEADLINE_S)
    assert len(list(home.glob("slurm-*.out"))) == 2, f"the job {first} was not followed by another"
    assert_all_there(home / "sweep.db", "sweep", 4)


def assert_all_there(store, name, n):
    with JobManager(store, workers=0) as manager:
        results = manager.retrieve_job_set(name).results(DEADLINE_S)
        assert results.success
        assert {sum(results.get_counts(index).values()) for index in range(n)} == {4096}


def test_the_script_of_the_guide_starts_its_workers_with_tls(home):
    done = subprocess.run(
        [sys.executable, "sweep.py"],
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr
    assert_all_there(home / "ghz.db", "ghz", 12)


def test_the_workers_of_the_guide_outlive_the_driver(home, wait_until):
    file = home / "scheduler.json"
    scheduler = ["dask", "scheduler", "--interface", "lo", "--port", "0", "--no-dashboard"]
    with subprocess.Popen([*scheduler, "--scheduler-file", str(file)]) as process:
        job = sbatch("workers.sbatch")
        command = ["qjm", "run", "circuits/", "--backend", "aer", "--shots", "4096"]
        command += ["--name", "far", "--if-exists", "resume", "--executor", f"dask:{file}"]
        environment = {**os.environ, "QISKIT_JOB_MANAGER_STORE": str(home / "far.db")}
        wait_until(file.exists, DEADLINE_S)
        subprocess.run(command, check=True, env=environment, timeout=DEADLINE_S)
        assert process.poll() is None
        subprocess.run(["scancel", job], check=True)
        process.terminate()
    assert_all_there(home / "far.db", "far", 4)
