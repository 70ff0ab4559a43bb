"""Whatever a file holds: it is taken in as a whole, or refused in words, and nothing is stored."""

from __future__ import annotations

import hashlib
import json
import random
import zipfile

import pytest
from qiskit.exceptions import QiskitError

from qiskit_job_manager.codec.circuits import frames_in, pack_frames
from qiskit_job_manager.errors import ArchiveError, JobManagerError
from qiskit_job_manager.exchange import archives, documents
from qiskit_job_manager.model import Blob


@pytest.fixture
def file(exported):
    return exported["archive"]


def rewrite(file, target, *, change=None, leave_out=(), add=(), sums=True):
    """Copy an archive with some parts changed; their checksums are those of the changed parts."""
    with zipfile.ZipFile(file) as old:
        parts = {name: old.read(name) for name in old.namelist() if name not in leave_out}
    manifest = json.loads(parts.pop("manifest.json", b"{}"))
    if change is not None:
        change(parts, manifest)
    for name, data in parts.items() if sums else ():
        told = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        manifest.get("parts", {})[name] = told
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in parts.items():
            new.writestr(name, data)
        if "manifest.json" not in leave_out:
            new.writestr("manifest.json", json.dumps(manifest))
        for name, data in add:
            new.writestr(name, data)
    return target


def refused(manager, path):
    """Return why a file is refused, having seen that nothing of it was stored."""
    before = len(manager.job_sets())
    with pytest.raises(JobManagerError) as caught:
        manager.import_job_set(path)
    assert len(manager.job_sets()) == before
    return str(caught.value)


def lines(change):
    """Return a change of the values of each line of a part."""

    def of(name):
        def edit(parts, _manifest):
            values = [json.loads(line) for line in parts[name].splitlines()]
            changed = change(values) or values
            parts[name] = b"".join(json.dumps(each).encode() + b"\n" for each in changed)

        return edit

    return of


def test_an_archive_that_was_packed_again_is_the_same(
    file, manager, elsewhere, everything, tmp_path
):
    taken = elsewhere.import_job_set(rewrite(file, tmp_path / "again.zip"))
    assert everything(taken) == everything(manager.import_job_set(file))


@pytest.mark.parametrize(
    ("part", "edit", "reason"),
    [
        ("jobs.jsonl", lambda v: v[:-1], "there are 5 jobs, where 6 should be"),
        ("jobs.jsonl", lambda v: v[0].update(state="done twice"), "job 0 has state 'done twice'"),
        ("jobs.jsonl", lambda v: v[0].update(state="active"), "job 0 is active"),
        ("jobs.jsonl", lambda v: v[0].update(has_result=False), "job 0 is done and has no result"),
        ("jobs.jsonl", lambda v: v[1].update(share=0), "does not fit the others"),
        ("jobs.jsonl", lambda v: v[0].update(shares=10**9), "does not fit the others"),
        ("jobs.jsonl", lambda v: v[0].update(stop=2), "does not fit the others"),
        ("jobs.jsonl", lambda v: v[0].update(index=1), "job 0 has index 1"),
        ("jobs.jsonl", lambda v: v[0].update(shots=2**63), "job 0 has shots"),
        ("jobs.jsonl", lambda v: v[0].update(failed_offsets=[3]), "failed_offsets"),
        ("jobs.jsonl", lambda v: v[0]["attempts"][0].update(tag=3), "tag 3"),
        ("jobs.jsonl", lambda v: v[0]["attempts"][0].update(intended_at="now"), "intended_at"),
        ("jobs.jsonl", lambda v: v[0]["attempts"][0].update(number=2), "an attempt 2"),
        ("experiments.jsonl", lambda v: v[:-1], "there are 7 experiments, where 8 should be"),
        ("experiments.jsonl", lambda v: v[0].update(name="\ud800"), "has name"),
        ("experiments.jsonl", lambda v: v[0].update(content_hash="00"), "content_hash"),
        ("experiments.jsonl", lambda v: [[1], *v[1:]], "experiment 0 is not a JSON object"),
        ("events.jsonl", lambda v: v[0].update(job=99), "job 99"),
        ("events.jsonl", lambda v: v[0].update(before="?"), "before '?'"),
    ],
)
def test_parts_that_make_no_sense_are_refused(file, elsewhere, tmp_path, part, edit, reason):
    assert reason in refused(elsewhere, rewrite(file, tmp_path / "x", change=lines(edit)(part)))


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda m: m.update(version=2), "version 2; it must be 1: this program is too old"),
        (lambda m: m.update(format="zip"), "format 'zip'"),
        (lambda m: m.update(ended="yes"), "ended 'yes'"),
        (lambda m: m.update(ended=False), "had not ended"),
        (lambda m: m["job_set"].update(id="../../etc"), "id '../../etc'"),
        (lambda m: m["job_set"].update(name=""), "name ''"),
        (lambda m: m["job_set"].update(n_jobs=7), "there are 6 jobs, where 7 should be"),
        (lambda m: m["job_set"].update(limits={"pending_jobs": 0}), "pending_jobs 0"),
        (lambda m: m["job_set"].update(max_usage_s=float("inf")), "max_usage_s"),
        (lambda m: m.pop("job_set"), "job_set None"),
        (lambda m: m["parts"].pop("jobs.jsonl"), "jobs.jsonl"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(file, elsewhere, tmp_path, edit, reason):
    def change(_parts, manifest):
        edit(manifest)

    copy = rewrite(file, tmp_path / "x", change=change, sums=False)
    assert reason in refused(elsewhere, copy)


ODD_TIMES = [
    "0001-01-01T00:00:00+00:00",
    "0001-01-01T00:00:00+23:59",
    "1969-12-31T23:59:59+00:00",
    "9999-12-31T23:59:59+00:00",
    "9999-12-31T23:59:59-23:59",
    "3000-01-01T00:00:00-01:00",
    "2026-01-01T00:00:00",
]


def _places_of_times(value, place=()):
    """Yield the path to each time in a value."""
    for key in value if isinstance(value, dict) else range(len(value)):
        if isinstance(value[key], (dict, list)):
            yield from _places_of_times(value[key], (*place, key))
        elif key == "at" or str(key).endswith("_at"):
            yield (*place, key)


def _with(whole, place, value):
    inner = whole
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return whole


def test_times_that_leave_the_calendar_in_some_time_zone_are_refused(exported, elsewhere, tmp_path):
    """Wherever a time may stand, and in words that name the file, the place, and a right time."""
    good, path = exported["json"].read_text(), tmp_path / "odd.json"
    whole = json.loads(good)
    whole["jobs"][0]["attempts"][0]["figures"] = dict.fromkeys(
        ("created_at", "started_at", "ended_at"), "2026-01-01T00:00:00+00:00"
    )
    good = json.dumps(whole)
    del whole["outcomes"]
    places = {tuple(0 if type(key) is int else key for key in p) for p in _places_of_times(whole)}
    assert len(places) == 11
    for number, place in enumerate(sorted(places, key=str)):
        time = ODD_TIMES[number % len(ODD_TIMES)]
        path.write_text(json.dumps(_with(json.loads(good), place, time)))
        why = refused(elsewhere, path)
        assert str(path) in why
        assert f"{place[-1]} '{time}'; it must be a time such as 2026-01-31T12:00:00" in why


@pytest.mark.parametrize("time", ODD_TIMES)
def test_every_odd_time_is_refused(exported, elsewhere, tmp_path, time):
    whole, path = json.loads(exported["json"].read_text()), tmp_path / "odd.json"
    path.write_text(json.dumps(_with(whole, ("job_set", "created_at"), time)))
    assert "the years 1970 to 2999" in refused(elsewhere, path)


_PLACES_OF_TEXTS = [
    ("job_set", "name"),
    ("job_set", "backend_name"),
    ("job_set", "backend_uri"),
    ("job_set", "tags", 0),
    ("job_set", "options", "note"),
    ("experiments", 0, "name"),
    ("jobs", 0, "error"),
    ("jobs", 0, "status", "message"),
    ("jobs", 0, "attempts", 0, "tag"),
    ("jobs", 0, "attempts", 0, "remote_id"),
    ("jobs", 0, "attempts", 0, "error"),
    ("events", 0, "event"),
    ("events", 0, "cause"),
]


@pytest.mark.parametrize("place", _PLACES_OF_TEXTS, ids=str)
def test_lone_surrogates_are_refused_and_what_no_terminal_shows_is_kept(
    exported, elsewhere, tmp_path, place
):
    path = tmp_path / "x.json"

    def write(text):
        whole = json.loads(exported["json"].read_text())
        whole["jobs"][0]["status"] = {"state": "done"}
        path.write_text(json.dumps(_with(whole, place, text)))

    write("a\ud800b")
    why = refused(elsewhere, path)
    assert str(path) in why
    assert "\\ud800" in why
    assert why.isprintable()
    write("a\0\x1b[31mb\u202e")
    taken = elsewhere.import_job_set(path)
    shown = json.dumps(_exported_again(taken, tmp_path), ensure_ascii=False)
    nul = "\\u0000" if "options" in place else "\\\\x00"  # options are stored as JSON
    assert f"a{nul}\\u001b[31mb\u202e" in shown


def _exported_again(job_set, tmp_path):
    return json.loads(job_set.export(tmp_path / "again.json", "json").read_text())


@pytest.mark.parametrize("part", archives._NAMES)
def test_each_part_must_be_there_and_match_its_checksum(file, elsewhere, tmp_path, part):
    assert "an archive has" in refused(elsewhere, rewrite(file, tmp_path / "a", leave_out=[part]))

    def damage(parts, _manifest):
        data = bytearray(parts[part])
        data[len(data) // 2] ^= 1
        parts[part] = bytes(data)

    why = refused(elsewhere, rewrite(file, tmp_path / "b", change=damage, sums=False))
    assert "checksum" in why or "damaged" in why or "is not" in why or "has" in why


@pytest.mark.parametrize("part", ["payloads.bin", "results.bin"])
def test_bytes_that_do_not_match_their_own_checksum_are_refused(file, elsewhere, tmp_path, part):
    def damage(parts, _manifest):
        parts[part] = parts[part][:-1] + bytes([parts[part][-1] ^ 1])

    copy = rewrite(file, tmp_path / "x", change=damage)
    assert "does not match its checksum" in refused(elsewhere, copy)


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "jobs.jsonl", "C:\\evil", "more"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_entries_that_lead_elsewhere_or_come_twice_are_refused(file, elsewhere, tmp_path, name):
    copy = rewrite(file, tmp_path / "x", add=[(name, b"evil")])
    assert "an archive has" in refused(elsewhere, copy)
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path.parent / "evil").exists()


def test_bombs_are_refused_before_they_go_off(file, elsewhere, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_ALWAYS_BELIEVED_BYTES", 1 << 16)

    def swell(parts, _manifest):
        parts["events.jsonl"] = b" " * (1 << 25)

    copy = rewrite(file, tmp_path / "x", change=swell)
    assert copy.stat().st_size < 1 << 17
    assert "unpacks to 33554432 bytes" in refused(elsewhere, copy)


def test_a_line_without_end_is_not_read_to_its_end(file, elsewhere, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_LONGEST_LINE_BYTES", 1 << 16)

    def swell(parts, _manifest):
        parts["events.jsonl"] = b"[" * (1 << 17) + b"\n"

    assert "far too long" in refused(elsewhere, rewrite(file, tmp_path / "x", change=swell))


def test_a_directory_of_far_too_many_entries_is_not_read(elsewhere, tmp_path):
    path = tmp_path / "x"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(2000):
            archive.writestr(f"entry-{number}", b"")
    assert "lists far more" in refused(elsewhere, path)


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (b"PAR1", "Parquet file, which holds counts"),
        (b"QISKIT\x12", "QPY file, which holds circuits and no results (qjm run runs it)"),
        (b"index,name\n", "CSV file"),
        (b"", "another file"),
        (b"PK\x03\x04", "no zip file"),
        (b"{", "is no JSON"),
        (b"[" * 10, "another file"),
        (b'{"a":' * 100_000, "is no JSON"),
        (b'{"format": "qiskit-job-manager/archive"}', "format"),
    ],
)
def test_other_files_are_refused_by_what_they_are(elsewhere, tmp_path, start, reason):
    path = tmp_path / "x"
    path.write_bytes(start)
    assert reason in refused(elsewhere, path)


def test_a_file_that_cannot_be_read_is_refused(elsewhere, tmp_path):
    assert "No such file" in refused(elsewhere, tmp_path / "nowhere")
    assert "cannot be read" in refused(elsewhere, tmp_path)


def test_a_document_that_is_too_large_is_refused(exported, elsewhere, monkeypatch):
    monkeypatch.setattr(documents, "_LARGEST_BYTES", 1000)
    assert "from an archive" in refused(elsewhere, exported["json"])


def test_circuits_that_would_harm_are_met_in_a_child(real_child, file, elsewhere, tmp_path):
    """The bytes of one circuit are damaged, and every checksum is right."""

    def harm(parts, _manifest):
        head, _, rest = parts["payloads.bin"].partition(b"\n")
        form = json.loads(head)
        data, more = rest[: form["bytes"]], rest[form["bytes"] :]
        frames = frames_in(Blob(form["format"], data))
        frames[1] = frames[1][:30] + b"\xff" * 60 + frames[1][90:]
        data = pack_frames(frames)
        form |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        parts["payloads.bin"] = json.dumps(form).encode() + b"\n" + data + more

    why = refused(elsewhere, rewrite(file, tmp_path / "x", change=harm))
    assert "the circuits from experiment 0 on: cannot be read as QPY" in why


def _is_whole_or_refused(manager, path):
    """Take a file in; return whether it was, with everything in it readable in words at least."""
    try:
        taken = manager.import_job_set(path, as_ended=True)
    except JobManagerError:
        assert manager.job_sets() == []
        return False
    results = taken.results_so_far()
    for index in range(len(results)):
        try:
            results.get_counts(index)
        except QiskitError:  # one that says why
            continue
    assert manager.unfinished() == []
    taken.delete()
    return True


def test_any_damage_to_an_archive_is_refused_or_does_no_harm(file, elsewhere, tmp_path):
    good, chance, path = file.read_bytes(), random.Random(20), tmp_path / "x"
    for _ in range(80):
        bad = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            at, size = chance.randrange(len(bad)), chance.randint(0, 8)
            bad[at : at + size] = chance.randbytes(chance.choice([size, size, 0, 3]))
        path.write_bytes(bad)
        _is_whole_or_refused(elsewhere, path)
    for cut in range(0, len(good), len(good) // 25):
        path.write_bytes(good[:cut])
        assert not _is_whole_or_refused(elsewhere, path)


_STRANGE = (None, True, -1, 0, 1, 2**70, 1.5, float("nan"), "", "x", "\ud800", [], [[]], {}, "done")


def test_any_change_of_a_document_is_refused_or_does_no_harm(exported, elsewhere, tmp_path):
    good = exported["json"].read_text()
    chance, path = random.Random(5), tmp_path / "x"
    for _ in range(100):
        whole = json.loads(good)
        for _ in range(chance.randint(1, 2)):
            _spoil(whole, chance)
        path.write_text(json.dumps(whole))
        _is_whole_or_refused(elsewhere, path)


def _spoil(value, chance):
    """Change one thing, anywhere inside."""
    while True:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = chance.choice(list(keys))
        inner = value[key]
        if not (isinstance(inner, (dict, list)) and inner) or chance.random() < 0.1:
            break
        value = inner
    if chance.random() < 0.2:
        del value[key]
    else:
        value[key] = chance.choice(_STRANGE)


def test_a_store_that_breaks_off_has_nothing(file, elsewhere, monkeypatch):
    from qiskit_job_manager.stores import imports

    def full(*_):
        raise ArchiveError("the file changed while it was read")

    monkeypatch.setattr(imports, "_event", full)
    assert "changed" in refused(elsewhere, file)
