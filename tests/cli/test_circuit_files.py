"""Finding circuit files and naming them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiskit_job_manager.cli.circuits import CircuitFile, find_circuit_files, label_files
from qiskit_job_manager.errors import CircuitFileError


def touch(root: Path, *names: str) -> list[Path]:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return [root / name for name in names]


def found_at(*paths: Path) -> list[Path]:
    return [file.path for file in find_circuit_files([str(path) for path in paths])]


def test_a_folder_gives_all_circuit_files_below_it_in_order(tmp_path):
    touch(tmp_path, "b.qasm", "a/z.QASM", "a/y.qpy", "c.qasm3", "d.qasm2")
    touch(tmp_path, "notes.txt", ".ipynb_checkpoints/b.qasm", ".hidden.qasm")
    assert [str(file.relative_to(tmp_path)) for file in found_at(tmp_path)] == [
        "a/y.qpy",
        "a/z.QASM",
        "b.qasm",
        "c.qasm3",
        "d.qasm2",
    ]


def test_a_file_named_outright_may_have_any_suffix(tmp_path):
    (file,) = touch(tmp_path, "circuit.txt")
    assert found_at(file) == [file]


def test_a_pattern_that_the_shell_left_alone_is_expanded(tmp_path):
    files = touch(tmp_path, "a/1.qasm", "b/2.qasm", "b/c/3.qasm")
    assert found_at(tmp_path / "**" / "*.qasm") == files
    assert found_at(tmp_path / "?") == files  # folders match too


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    (file,) = touch(tmp_path, "rb[1].qasm")
    assert found_at(file) == [file]


def test_a_file_named_twice_is_read_once(tmp_path):
    (file,) = touch(tmp_path, "a.qasm")
    (tmp_path / "link.qasm").symlink_to(file)
    assert found_at(file, tmp_path) == [file]


def test_order_is_that_of_the_command_line(tmp_path):
    a, b = touch(tmp_path, "a.qasm", "b.qasm")
    assert found_at(b, a) == [b, a]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing.qasm", "no such file or folder"),
        ("*.qasm", "matches this pattern"),
        ("empty", "contains no circuit files"),
        ("pipe", "neither a file nor a folder"),
    ],
)
def test_a_path_without_circuits_is_named(tmp_path, path, reason):
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CircuitFileError, match=reason) as caught:
        found_at(tmp_path / path)
    assert str(tmp_path / path) in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0)
    with pytest.raises(CircuitFileError, match="locked: cannot be searched"):
        found_at(tmp_path)


@pytest.mark.parametrize(
    ("files", "named", "labels"),
    [
        (["x/bell.qasm", "x/deep/bell.qasm"], ["x"], ["bell", "deep/bell"]),
        (["x/deep/bell.qasm", "x/flip.qasm"], ["x"], ["bell", "flip"]),
        (["x/bell.qasm", "x/deep/bell.qasm"], ["x/deep", "x/bell.qasm"], ["deep/bell", "x/bell"]),
        (["x/flip.qasm", "y/flip.qasm"], ["x/flip.qasm", "y"], ["x/flip", "y/flip"]),
        (["y/flip.qasm", "y/flip.qpy"], ["y"], ["flip.qasm", "flip.qpy"]),
        (["v1.0.qasm"], ["v1.0.qasm"], ["v1.0"]),
    ],
)
def test_a_label_is_the_stem_and_what_tells_it_apart(tmp_path, monkeypatch, files, named, labels):
    touch(tmp_path, *files)
    monkeypatch.chdir(tmp_path)
    assert label_files(find_circuit_files(named)) == labels


part = st.sampled_from(["a", "b", "a.b"])
paths = st.builds(
    lambda folders, stem, suffix: Path("/", *folders, stem + suffix),
    st.lists(part, max_size=3),
    part,
    st.sampled_from([".qasm", ".qpy", ""]),
)


@given(st.lists(paths, unique=True, max_size=12), st.data())
def test_labels_of_different_files_with_one_stem_differ(files, data):
    found = [
        CircuitFile(file, Path(*file.parts[data.draw(st.integers(1, len(file.parts) - 1)) :]))
        for file in files
    ]
    by_stem: dict[str, list[str]] = {}
    for file, label in zip(files, label_files(found), strict=True):
        by_stem.setdefault(file.stem, []).append(label)
    assert all(len(set(labels)) == len(labels) for labels in by_stem.values())


def test_a_file_name_that_is_no_text_gives_a_name_that_is():
    path = Path(os.fsdecode(b"ghz_\xff.qasm"))
    (label,) = label_files([CircuitFile(path, path)])
    label.encode("utf-8")
    assert label.startswith("ghz_")
