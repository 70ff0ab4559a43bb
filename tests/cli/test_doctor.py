"""``qjm doctor`` and ``qjm backends``: what is there, and what is wrong with it."""

from __future__ import annotations

import json
import shutil
import sqlite3

import pytest

from qiskit_job_manager import JobManager, checkup
from qiskit_job_manager.stores import health, open_store

RUN = ("--backend", "basic", "--shots", "10")


@pytest.fixture
def examined(qjm):
    """The exit code, and what was found by what it is about."""

    def examine(*before: object):
        outcome = qjm(*before, "doctor", "--json")
        findings = json.loads(outcome.out)["findings"]
        return outcome.code, {each["what"]: each for each in findings}

    return examine


def test_a_store_that_is_not_made_is_well_and_stays_unmade(examined, store):
    code, found = examined()
    assert code == 0
    assert "does not exist yet" in found["store file"]["value"]
    assert not store.exists()


def test_a_sound_store_is_well(qjm, examined, folder):
    qjm("run", folder, *RUN)
    code, found = examined()
    assert code == 0
    assert found["integrity"]["value"] == "no defects found"
    assert found["readable by"]["value"] == "its owner only"
    assert sqlite3.sqlite_version in found["journal"]["value"]
    assert found["job sets"]["value"] == "1"
    assert {"python", "qiskit", "sqlite", "free disk", "size", "schema"} <= found.keys()


def test_a_set_that_nobody_drives_needs_the_user(qjm, examined, folder):
    qjm("run", folder, *RUN, "--name", "later", "--no-wait")
    code, found = examined()
    assert code == 5
    (told,) = (each for what, each in found.items() if what.startswith("job set "))
    assert told["value"] == "later: nobody drives it"
    assert told["advice"].startswith("qjm resume ")


@pytest.mark.parametrize(
    ("names", "verdict"),
    [
        ([], "All is well."),
        (["one"], "1 thing needs you: see the line marked with ! above."),
        (["one", "two"], "2 things need you: see the lines marked with ! above."),
    ],
)
def test_the_last_line_says_whether_all_is_well(qjm, folder, names, verdict):
    for name in names:
        qjm("run", folder, *RUN, "--name", name, "--no-wait")
    shown = qjm("doctor").out
    assert shown.splitlines()[-1] == verdict
    assert shown.count("\n! ") == len(names)


def test_the_last_line_says_that_a_store_cannot_be_used(qjm, store):
    store.write_text("no database")
    shown = qjm("doctor")
    assert shown.out.splitlines()[-1].startswith("The store cannot be used: see the line")
    assert shown.code == 1


def test_a_copy_with_unfinished_sets_needs_the_user(qjm, examined, folder, store, tmp_path):
    qjm("run", folder, *RUN, "--no-wait")
    copy = tmp_path / "copy.db"
    shutil.copy(store, copy)
    copy.chmod(0o644)
    code, found = examined("--store", copy)
    assert code == 5
    assert "qjm adopt" in found["place"]["advice"]
    assert "chmod 600" in found["readable by"]["advice"]


@pytest.mark.parametrize("content", [b"no database", b"no database" * 1000])
def test_a_file_that_is_no_store_is_broken_and_left_as_it_is(examined, store, content):
    store.write_bytes(content)
    code, _ = examined()
    assert code == 1
    assert store.read_bytes() == content


def test_a_database_of_another_program_is_broken(examined, store):
    with sqlite3.connect(store) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    code, found = examined()
    assert code == 1
    assert "not marked" in found["kind"]["value"]


def test_a_damaged_page_is_found(qjm, examined, folder, store):
    qjm("run", folder, *RUN)
    with store.open("r+b") as file:
        file.seek(0, 2)
        for page in range(3, file.tell() // 2048):
            file.seek(page * 2048)
            file.write(b"\xff" * 64)
    code, found = examined()
    assert code == 1
    assert "broken" in {each["verdict"] for each in found.values()}


def test_a_store_of_a_newer_program_is_broken(qjm, examined, folder, store):
    qjm("run", folder, *RUN)
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    code, found = examined()
    assert code == 1
    assert "newer" in found["schema"]["advice"]


def test_a_result_beside_the_store_needs_the_user(qjm, examined, folder, store):
    qjm("run", folder, *RUN)
    spool = store.with_name("store.db.spool")
    spool.mkdir(exist_ok=True)
    (spool / "qjm-x.result").write_bytes(b"{}\n")
    code, found = examined()
    assert code == 5
    assert "1 result not in the store" in found["spool"]["value"]


def test_doctor_as_text_marks_what_needs_the_user(qjm, folder):
    qjm("run", folder, *RUN, "--name", "\x1b[31mlater", "--no-wait")
    outcome = qjm("doctor")
    assert outcome.code == 5
    assert "\x1b" not in outcome.out
    marked = [line for line in outcome.out.splitlines() if line.startswith("! ")]
    assert len(marked) == 1
    assert "later: nobody drives it" in marked[0]


def test_backends_tells_what_each_kind_needs_and_none_that_is_for_tests(qjm):
    registry = {each["kind"]: each for each in json.loads(qjm("backends", "--json").out)}
    assert registry.keys() >= {"aer", "basic", "estimator", "fake", "ibm", "sampler"}
    assert {name for name, each in registry.items() if each["network"]} == {"ibm", "qrmi"}
    assert not [name for name, each in registry.items() if each["network"] is None]
    assert "cloud" not in registry
    assert registry["aer"]["needs"] == "qiskit-job-manager[aer]"
    assert (registry["aer"]["installed"], registry["aer"]["network"]) == (True, False)
    lines = qjm("backends").out.splitlines()
    assert len(lines) == len(registry) + 1


def test_a_backend_of_the_tests_is_not_proposed(qjm, folder):
    told = qjm("run", folder, "--backend", "clou").err
    assert "Known are: aer, " in told
    assert "cloud" not in told


def test_a_kind_that_cannot_be_loaded_is_told_and_hides_no_other(qjm, monkeypatch):
    from importlib.metadata import EntryPoint, EntryPoints

    from qiskit_job_manager.backends import registry

    found = [
        EntryPoint("broken", "no_such_module:open", registry.GROUP),
        EntryPoint("fine", "qiskit_job_manager.backends.local.opening:open_basic", registry.GROUP),
    ]
    monkeypatch.setattr(registry, "_installed", lambda: EntryPoints(found))
    outcome = qjm("backends")
    assert outcome.code == 0
    _, broken, fine = outcome.out.splitlines()
    assert "cannot be loaded: ModuleNotFoundError" in broken
    assert "Qiskit alone" in fine


def test_a_store_that_another_process_holds_is_not_called_broken(qjm, store, monkeypatch):
    monkeypatch.setattr(health, "_PATIENCE_S", 0.01)
    open_store(store).close()
    shell = sqlite3.connect(store, isolation_level=None)
    shell.execute("BEGIN EXCLUSIVE")
    outcome = qjm("doctor")
    shell.close()
    assert outcome.code == 5
    assert "another process holds it" in outcome.out
    assert "broken" not in outcome.out
    assert "backup" not in outcome.out


# -- while other processes change the store --------------------------------------------------------


def about_sets(found):
    return [each for what, each in found.items() if what.startswith("job set ")]


def test_a_set_that_is_being_handed_over_needs_nobody(examined, store, on):
    seen = {}

    def circuits():
        yield on(0)
        seen["code"], seen["found"] = examined()
        yield on(0)

    with JobManager(store) as manager:
        manager.run(circuits(), "basic", name="streamed", shots=1).results()
    (told,) = about_sets(seen["found"])
    assert told["value"].startswith("streamed: driven by ")
    assert (told["verdict"], told["advice"], seen["code"]) == ("ok", None, 0)


def test_a_set_whose_hand_over_was_cut_off_needs_the_user(examined, die_in_hand_over, store, on):
    die_in_hand_over([on(0)], "basic", name="streamed", shots=1, drive=False)
    code, found = examined()
    (told,) = about_sets(found)
    assert told["value"] == "streamed: not handed over to its end"
    assert "or delete it" in told["advice"]
    assert code == 5


@pytest.mark.parametrize("end", ["results", "delete"])
def test_a_set_that_ends_between_two_looks_needs_nobody(examined, store, on, monkeypatch, end):
    with JobManager(store) as manager:
        job_set = manager.run([on(0)], "basic", name="late", shots=1, drive=False)

        def read_and_end(looked_at, read=checkup.read_overview):
            found = list(read(looked_at))
            job_set.results()
            if end == "delete":
                job_set.delete()
            return found

        monkeypatch.setattr(checkup, "read_overview", read_and_end)
        code, found = examined()
    assert about_sets(found) == []
    assert code == 0


@pytest.mark.parametrize("in_mode", ["delete", "wal"])
def test_a_file_of_which_a_process_is_about_to_make_a_store_is_well(examined, store, in_mode):
    store.touch(0o600)
    with sqlite3.connect(store) as connection:
        connection.execute(f"PRAGMA journal_mode={in_mode}")
    connection.close()
    code, found = examined()
    assert (code, [each for each in found.values() if each["verdict"] != "ok"]) == (0, [])
