"""Groups of job sets: what is placed where, in one transaction with its storage."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest

from qiskit_job_manager.errors import NameInUseError
from qiskit_job_manager.model.groups import (
    GroupDraft,
    GroupMember,
    Place,
    Placement,
    labels_of,
    remainders,
    runs_of,
)
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.stores.groups import PlacedBlocks
from qiskit_job_manager.testing.store_samples import NOON, draft, encoded_block


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return tmp_path / "store.db"
    return request.getfixturevalue("postgresql_url")


@pytest.fixture
def store(url):
    store = open_store(url)
    yield store
    store.close()


def begin(store, name="g", place=Place.QUEUE):
    drafts = [draft(f"{name}/{label}") for label in "ab"]
    members = tuple(
        GroupMember(label=label, job_set_id=each.job_set_id, backend_uri=None)
        for label, each in zip("ab", drafts, strict=True)
    )
    group = GroupDraft(group_id=name, name=name, created_at=NOON, place=place, members=members)
    store.begin_group(group, drafts, None)
    return store.groups.named(name)


def part(store, member, start, names, first=0, job=0):
    key = store.job_set_named(f"g/{'ab'[member]}").key
    placed = [Placement(member, first, start, len(names))]
    return PlacedBlocks(key, placed, [encoded_block(names, first, job)])


def sizes(store):
    return [store.job_set_named(f"g/{label}").n_experiments for label in "ab"]


def test_a_group_begins_with_empty_complete_job_sets(store):
    group = begin(store)
    assert (group.n_experiments, group.complete, group.cancelled) == (0, False, False)
    found = store.job_set_named("g/a")
    assert (found.n_experiments, found.complete) == (0, True)
    assert store.unfinished() == []
    assert store.groups.group("g") == group
    assert store.groups.all() == [group]


def test_a_group_whose_name_or_whose_job_sets_are_there_begins_not_at_all(store):
    begin(store)
    with pytest.raises(NameInUseError, match="g/a"):
        begin(store)
    with pytest.raises(NameInUseError, match="'g' is in use by a group"):
        store.begin_group(
            GroupDraft(group_id="x", name="g", created_at=NOON, place=Place.ALL, members=()),
            [draft("other")],
            None,
        )
    assert store.job_set_named("other") is None


def test_what_is_placed_is_stored_and_what_is_stored_is_placed(store):
    group = begin(store)
    assert store.groups.place(group, 3, [part(store, 1, 0, ["x", "y", "z"])], NOON)
    assert sizes(store) == [0, 3]
    assert store.groups.placements(group.key) == [Placement(1, 0, 0, 3)]
    assert store.groups.group("g").n_experiments == 3


@pytest.mark.parametrize("change", ["stale", "complete", "cancel", "extended"])
def test_nothing_is_placed_where_the_group_is_another_than_it_was(store, change):
    group = begin(store)
    mine = part(store, 1, 0, ["x"])
    if change == "stale":
        assert store.groups.place(group, 1, [part(store, 0, 0, ["x"])], NOON)
    elif change == "extended":
        assert store.extend_job_set(mine.job_set_key, mine.blocks, NOON)
    else:
        getattr(store.groups, change)(group.key)
    before = sizes(store), store.groups.placements(group.key)
    assert not store.groups.place(group, 1, [mine], NOON)
    assert (sizes(store), store.groups.placements(group.key)) == before


def test_of_two_that_place_the_same_at_once_one_does(store, url):
    group, stores = begin(store), [open_store(url) for _ in range(2)]
    parts = [part(store, number, 0, ["x"]) for number in range(2)]
    together, landed = Barrier(2), []

    def place(own, mine):
        together.wait()
        landed.append(own.groups.place(group, 1, [mine], NOON))

    threads = [Thread(target=place, args=each) for each in zip(stores, parts, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for own in stores:
        own.close()
    assert sorted(landed) == [False, True]
    assert sum(sizes(store)) == len(store.groups.placements(group.key)) == 1


def test_the_placements_of_a_job_are_found_by_its_experiments(store):
    group = begin(store)
    assert store.groups.place(group, 3, [part(store, 1, 0, ["x", "y", "z"])], NOON)
    group = store.groups.group("g")
    second = part(store, 1, 5, ["u", "v"], first=3, job=1)
    assert store.groups.place(group, 7, [part(store, 0, 3, ["s", "t"]), second], NOON)
    found = {
        (first, stop): [each.start for each in store.groups.placed_on(group.key, 1, first, stop)]
        for first, stop in [(0, 1), (2, 3), (2, 4), (3, 5), (5, 9)]
    }
    assert found == {(0, 1): [0], (2, 3): [0], (2, 4): [0, 5], (3, 5): [5], (5, 9): []}


def test_a_part_of_a_placement_is_moved_once(store):
    group = begin(store)
    names = [f"c{i}" for i in range(5)]
    assert store.groups.place(group, 5, [part(store, 0, 0, names)], NOON)
    (whole,) = store.groups.placements(group.key)
    middle = whole.part(1, 3)
    to = part(store, 1, 1, ["c1", "c2"])
    assert store.groups.move(group, whole, middle, to, NOON)
    assert store.groups.placements(group.key) == [
        Placement(0, 0, 0, 1),
        Placement(1, 0, 1, 2),
        Placement(0, 3, 3, 2),
    ]
    assert not store.groups.move(group, whole, middle, to, NOON)
    assert sizes(store) == [5, 2]


def test_nothing_of_a_cancelled_group_is_moved(store):
    group = begin(store)
    assert store.groups.place(group, 1, [part(store, 0, 0, ["x"])], NOON)
    (whole,) = store.groups.placements(group.key)
    store.groups.cancel(group.key)
    assert not store.groups.move(group, whole, whole, part(store, 1, 0, ["x"]), NOON)
    assert sizes(store) == [1, 0]


def test_an_empty_group_is_deleted_whole_and_one_with_experiments_stays(store):
    group = begin(store)
    store.groups.delete_empty(group)
    assert (store.groups.all(), store.job_set_named("g/a")) == ([], None)
    group = begin(store)
    assert store.groups.place(group, 1, [part(store, 0, 0, ["x"])], NOON)
    store.groups.delete_empty(group)
    assert sizes(store) == [1, 0]
    store.groups.delete(group.key)
    assert store.groups.placements(group.key) == []
    assert sizes(store) == [1, 0]


def test_placements_are_cut_and_joined():
    whole = Placement(0, 10, 100, 5)
    assert whole.part(0, 12) == Placement(0, 10, 100, 2)
    assert remainders(whole, whole.part(10, 12)) == [Placement(0, 12, 102, 3)]
    assert remainders(whole, whole) == []
    assert runs_of([4, 5, 9], 1, 7) == [Placement(1, 7, 4, 2), Placement(1, 9, 9, 1)]


def test_backends_of_one_name_are_numbered():
    assert labels_of(["a", "a-2", "a", "a"]) == ["a", "a-2", "a-3", "a-4"]
    assert labels_of(["cloud", "cloud"]) == ["cloud", "cloud-2"]
