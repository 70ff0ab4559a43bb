"""Finding circuit files and naming them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiskit_job_manager.cli.circuit_files import find_circuit_files, label_files
from qiskit_job_manager.errors import CircuitFileError


def touch(root: Path, *names: str) -> list[Path]:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return [root / name for name in names]


def test_a_folder_gives_all_circuit_files_below_it_in_order(tmp_path):
    touch(tmp_path, "b.qasm", "a/z.QASM", "a/y.qpy", "c.qasm3", "d.qasm2")
    touch(tmp_path, "notes.txt", ".ipynb_checkpoints/b.qasm", ".hidden.qasm")
    found = find_circuit_files([str(tmp_path)])
    assert [str(f.relative_to(tmp_path)) for f in found] == [
        "a/y.qpy",
        "a/z.QASM",
        "b.qasm",
        "c.qasm3",
        "d.qasm2",
    ]


def test_a_file_named_outright_may_have_any_suffix(tmp_path):
    (file,) = touch(tmp_path, "circuit.txt")
    assert find_circuit_files([str(file)]) == [file]


def test_a_pattern_that_the_shell_left_alone_is_expanded(tmp_path):
    files = touch(tmp_path, "a/1.qasm", "b/2.qasm", "b/c/3.qasm")
    assert find_circuit_files([str(tmp_path / "**" / "*.qasm")]) == files
    assert find_circuit_files([str(tmp_path / "?")]) == files  # folders match too


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    (file,) = touch(tmp_path, "rb[1].qasm")
    assert find_circuit_files([str(file)]) == [file]


def test_a_file_named_twice_is_read_once(tmp_path):
    (file,) = touch(tmp_path, "a.qasm")
    (tmp_path / "link.qasm").symlink_to(file)
    assert find_circuit_files([str(file), str(tmp_path)]) == [file]


def test_order_is_that_of_the_command_line(tmp_path):
    a, b = touch(tmp_path, "a.qasm", "b.qasm")
    assert find_circuit_files([str(b), str(a)]) == [b, a]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing.qasm", "no such file or folder"),
        ("*.qasm", "matches this pattern"),
        ("empty", "has no circuit files"),
        ("pipe", "neither a file nor a folder"),
    ],
)
def test_a_path_without_circuits_is_named(tmp_path, path, reason):
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CircuitFileError, match=reason) as caught:
        find_circuit_files([str(tmp_path / path)])
    assert str(tmp_path / path) in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0)
    with pytest.raises(CircuitFileError, match="locked: cannot be searched"):
        find_circuit_files([str(tmp_path)])


@pytest.mark.parametrize(
    ("files", "labels"),
    [
        (["a/ghz.qasm", "b/qft.qasm"], ["ghz", "qft"]),
        (["a/ghz.qasm", "b/ghz.qasm", "b/qft.qasm"], ["a/ghz", "b/ghz", "qft"]),
        (["x/a/ghz.qasm", "y/a/ghz.qasm"], ["x/a/ghz", "y/a/ghz"]),
        (["a/ghz.qasm", "a/ghz.qpy"], ["ghz.qasm", "ghz.qpy"]),
        (["ghz_5.v2.qasm"], ["ghz_5.v2"]),
    ],
)
def test_a_label_is_the_stem_and_what_tells_it_apart(files, labels):
    assert label_files([Path(file) for file in files]) == labels


part = st.sampled_from(["a", "b", "c", "a.b"])
paths = st.builds(
    lambda folders, stem, suffix: Path("/", *folders, stem + suffix),
    st.lists(part, max_size=3),
    part,
    st.sampled_from([".qasm", ".qpy", ""]),
)


@given(st.lists(paths, unique=True, max_size=12))
def test_labels_of_different_files_within_one_stem_differ(files):
    labels = label_files(files)
    by_stem = {}
    for file, label in zip(files, labels, strict=True):
        by_stem.setdefault(file.stem, []).append(label)
    assert all(len(set(group)) == len(group) for group in by_stem.values())


def test_a_file_name_that_is_no_text_gives_a_name_that_is():
    (label,) = label_files([Path(os.fsdecode(b"ghz_\xff.qasm"))])
    label.encode("utf-8")
    assert label.startswith("ghz_")
