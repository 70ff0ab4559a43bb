"""Where numbers come from: in the store, in results, in exports, and read back elsewhere."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2

from qiskit_job_manager import JobManager
from qiskit_job_manager.errors import (
    ArchiveError,
    ManagedResultDataNotAvailable,
    StoreCorruptError,
)
from qiskit_job_manager.exchange.archives import NAME_IN_CRATE

GOLDEN = Path(__file__).parents[1] / "stores" / "golden" / "0.1.0.db"


def circuit(name="bell"):
    made = QuantumCircuit(2, name=name)
    made.h(0)
    made.cx(0, 1)
    made.measure_all()
    return made


@pytest.fixture
def backend():
    return GenericBackendV2(3, seed=5, coupling_map=[[0, 1], [1, 2]])


@pytest.fixture
def job_set(manager, backend, wait_until):
    made = manager.run(
        [circuit("a"), circuit("b")],
        backend,
        name="sweep",
        max_experiments_per_job=1,
        shots=50,
        seed_simulator=11,
        optimization_level=1,
        seed_transpiler=7,
        job_tags=["thesis"],
    )
    made.results(timeout=120)
    wait_until(lambda: made.provenance()["calibrations"])
    return made


def only_attempt(provenance):
    [job] = provenance["jobs"]
    [attempt] = job["attempts"]
    return attempt


def test_an_experiment_tells_all_that_its_numbers_come_from(job_set, backend):
    told = job_set.results().provenance("b")
    json.dumps(told, allow_nan=False)
    assert told["experiment"]["index"] == 1
    assert told["job_set"]["backend_name"] == backend.name
    assert told["job_set"]["transpile"]["seed_transpiler"] == 7
    assert told["layout"] == {
        "initial": job_set.circuit(1).layout.initial_index_layout(filter_ancillas=True),
        "final": job_set.circuit(1).layout.final_index_layout(filter_ancillas=True),
    }
    [job] = told["jobs"]
    assert (job["shots"], job["seeds"].keys()) == (50, {"seed_simulator"})
    attempt = only_attempt(told)
    assert attempt["environment"]["packages"]["qiskit"] == version("qiskit")
    for when in ("calibration", "calibration_at_end"):
        known = backend.target.qubit_properties[1].t1
        assert attempt[when]["qubits"][1][0] == {"name": "T1", "unit": "s", "value": known}


def test_each_job_tells_the_seed_that_it_was_run_with(job_set):
    results = job_set.results()
    seeds = [results.provenance(i)["jobs"][0]["seeds"]["seed_simulator"] for i in (0, 1)]
    assert seeds[0] == 11
    assert seeds[1] != 11


def test_a_circuit_that_was_not_transpiled_has_no_layout(manager):
    made = manager.run([circuit()], "aer", shots=10)
    told = made.results(timeout=60).provenance(0)
    assert (told["layout"], told["job_set"]["transpile"]) == (None, None)
    attempt = only_attempt(told)
    assert (attempt["calibration"], attempt["calibration_at_end"]) == (None, None)
    assert attempt["environment"]["python"]


def test_nothing_is_recorded_where_it_is_off(store_path, backend):
    with JobManager(store_path, provenance="off") as manager:
        made = manager.run([circuit()], backend, shots=10, transpile=True)
        attempt = only_attempt(made.results(timeout=120).provenance(0))
        assert (attempt["environment"], attempt["calibration"]) == (None, None)
        assert made.provenance()["environments"] == []


def test_names_are_left_out_on_request(store_path):
    with JobManager(store_path, provenance="anonymous") as manager:
        made = manager.run([circuit()], "aer", shots=10)
        [own] = made.provenance()["environments"]
        assert "host" not in own
        assert own["packages"]


def test_job_sets_share_what_is_the_same(manager, job_set, backend, store_path, wait_until):
    other = manager.run([circuit("c")], backend, shots=10, transpile=True)
    other.results(timeout=120)
    wait_until(lambda: other.provenance()["calibrations"])
    known = [each["sha256"] for each in job_set.provenance()["calibrations"]]
    assert [each["sha256"] for each in other.provenance()["calibrations"]] == known
    with sqlite3.connect(store_path) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM snapshot")
    connection.close()
    assert count == 2


def test_a_store_of_an_older_version_has_nothing_and_says_so(tmp_path):
    shutil.copy(GOLDEN, tmp_path / "store.db")
    with JobManager(tmp_path / "store.db") as manager:
        [old] = manager.job_sets()
        told = old.provenance()
        assert (told["environments"], told["calibrations"]) == ([], [])


def test_a_store_without_the_snapshot_that_it_names_says_so(job_set, store_path):
    with sqlite3.connect(store_path) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM snapshot")
    connection.close()
    results = job_set.results()
    with pytest.raises(StoreCorruptError, match=r"names the snapshot [0-9a-f]{12} and does not"):
        results.provenance(0)
    assert results.get_counts(0).shots() == 50
    with pytest.raises(StoreCorruptError, match="restore the store from a backup"):
        job_set.export(store_path.parent)


def test_a_damaged_snapshot_is_noticed(job_set, store_path):
    with sqlite3.connect(store_path) as connection:
        connection.execute("UPDATE snapshot SET data = substr(data, 1, length(data) - 3)")
    connection.close()
    with pytest.raises(ManagedResultDataNotAvailable, match="what job set 'sweep' ran on cannot"):
        job_set.results().provenance(0)


# -- exports ---------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path):
    with JobManager(tmp_path / "there.db") as manager:
        yield manager


@pytest.mark.parametrize("kind", ["archive", "json"])
def test_an_export_takes_it_along(job_set, elsewhere, tmp_path, kind):
    file = job_set.export(tmp_path / "out", kind)
    there = elsewhere.import_job_set(file)
    assert there.provenance() == job_set.provenance()
    assert there.results().provenance(1) == job_set.results().provenance(1)
    again = there.export(tmp_path / "again", kind)
    with JobManager(tmp_path / "third.db") as third:
        assert third.import_job_set(again).provenance() == job_set.provenance()


@pytest.mark.parametrize("kind", ["archive", "json"])
def test_an_export_without_it_is_read(manager, elsewhere, tmp_path, kind):
    with JobManager(tmp_path / "old.db", provenance="off") as old:
        made = old.run([circuit()], "aer", name="old", shots=10)
        made.results(timeout=60)
        file = made.export(tmp_path / "out", kind)
    there = elsewhere.import_job_set(file)
    assert there.provenance()["environments"] == []
    assert there.results().get_counts(0).shots() == 10


def changed(whole, change):
    change(whole)
    return json.dumps(whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w["snapshots"].pop(), "names the snapshot [0-9a-f]{12}, which is not there"),
        (lambda w: w.pop("snapshots"), "which is not there"),
        (lambda w: w["snapshots"][0].update(content="0" * 64), "does not match its hash"),
        (lambda w: w["snapshots"][0].update(format="pickle/1"), "format 'pickle/1'"),
        (lambda w: w["snapshots"][0].update(base64="AAAA"), "does not match its checksum"),
        (lambda w: w["observations"][0].update(kind="sight"), "one of 'environment'"),
        (lambda w: w["observations"][0].update(note="x"), "both or neither"),
        (lambda w: w["observations"][0].pop("sha256"), "both or neither"),
        (
            lambda w: w["observations"][0].update(last_at="1999-01-01T00:00:00+00:00"),
            "ends before it begins",
        ),
        (lambda w: w["observations"][0].update(first_at="12:00"), "must be a time"),
    ],
)
def test_a_hostile_document_is_refused_whole(job_set, elsewhere, tmp_path, change, message):
    whole = json.loads(job_set.export(tmp_path / "out", "json").read_text())
    file = tmp_path / "hostile.json"
    file.write_text(changed(whole, change))
    with pytest.raises(ArchiveError, match=message):
        elsewhere.import_job_set(file)
    assert elsewhere.job_sets() == []


def test_an_archive_that_lost_a_part_is_refused(job_set, elsewhere, tmp_path):
    file = job_set.export(tmp_path / "out")
    for part in ("snapshots.bin", "observations.jsonl"):
        poorer = tmp_path / f"without-{part}"
        with zipfile.ZipFile(file) as whole, zipfile.ZipFile(poorer, "w") as less:
            for name in whole.namelist():
                if name != part:
                    less.writestr(name, whole.read(name))
        with pytest.raises(ArchiveError, match="an archive has"):
            elsewhere.import_job_set(poorer)
    both = tmp_path / "without-both"
    with zipfile.ZipFile(file) as whole, zipfile.ZipFile(both, "w") as less:
        for name in whole.namelist():
            if name not in ("snapshots.bin", "observations.jsonl"):
                less.writestr(name, whole.read(name))
    with pytest.raises(ArchiveError, match="in the manifest or in the zip, and not in both"):
        elsewhere.import_job_set(both)


# -- RO-Crate --------------------------------------------------------------------------------------


@pytest.fixture
def crate(job_set, tmp_path):
    rocrate = pytest.importorskip("rocrate.rocrate")
    file = job_set.export(tmp_path, "ro-crate")
    assert file.name == "sweep.crate.zip"
    return rocrate.ROCrate(file)


def test_a_crate_says_what_is_in_it_and_how_it_was_made(crate, job_set, backend):
    assert crate.name == "sweep"
    assert crate.root_dataset["identifier"] == job_set.job_set_id()
    assert crate.root_dataset["keywords"] == "thesis"
    action = crate.dereference("#run")
    assert action.type == "CreateAction"
    assert action["actionStatus"] == "http://schema.org/CompletedActionStatus"
    assert action["startTime"] < action["endTime"]
    assert [each.id for each in action["object"]] == ["circuits.qpy"]
    made_by = {each["name"]: each.get("softwareVersion") for each in action["instrument"]}
    assert made_by[backend.name] is None
    assert made_by["qiskit"] == version("qiskit")


def test_each_file_of_a_crate_is_described_and_there(crate, job_set, tmp_path):
    crate.write(tmp_path / "unpacked")
    for entity in crate.data_entities:
        assert (tmp_path / "unpacked" / entity.id).stat().st_size == int(entity["contentSize"])
    names = {entity.id.split("/")[0] for entity in crate.data_entities}
    assert names == {"job-set.qjmz", "results.csv", "circuits.qpy", "environments", "calibrations"}
    [seen] = (tmp_path / "unpacked" / "calibrations").iterdir()
    known = job_set.provenance()["calibrations"][0]
    assert json.loads(seen.read_text())["qubits"] == known["qubits"]


def test_the_archive_of_a_crate_is_imported(crate, job_set, elsewhere, tmp_path):
    crate.write(tmp_path / "unpacked")
    there = elsewhere.import_job_set(tmp_path / "unpacked" / NAME_IN_CRATE)
    assert there.provenance() == job_set.provenance()


def test_a_crate_itself_is_refused_with_the_way_out(job_set, elsewhere, tmp_path):
    pytest.importorskip("rocrate")
    file = job_set.export(tmp_path, "ro-crate")
    with pytest.raises(ArchiveError, match=r"an RO-Crate; import the archive in it, job-set.qjmz"):
        elsewhere.import_job_set(file)


def test_a_crate_of_pubs_has_no_circuits_file(manager, tmp_path):
    rocrate = pytest.importorskip("rocrate.rocrate")
    made = manager.run([(circuit(),)], "sampler:statevector", name="pubs", shots=10)
    made.results(timeout=60)
    crate = rocrate.ROCrate(made.export(tmp_path, "ro-crate"))
    assert {entity.id for entity in crate.data_entities} >= {"job-set.qjmz", "results.csv"}
    assert crate.dereference("circuits.qpy") is None


def test_a_crate_without_the_package_says_what_to_install(job_set, tmp_path, monkeypatch):
    import sys

    from qiskit_job_manager.errors import InvalidArgumentError

    for name in ("rocrate", "rocrate.rocrate"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InvalidArgumentError, match=r"qiskit-job-manager\[rocrate\]"):
        job_set.export(tmp_path, "ro-crate")
    assert not list(tmp_path.glob("*.crate.zip"))
