"""Which experiment is meant by a name, and how often the store is asked."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from qiskit_job_manager.errors import JobManagerJobNotFound
from qiskit_job_manager.results.lookup import Experiments
from qiskit_job_manager.stores import open_store
from qiskit_job_manager.testing.store_samples import hand_over, must_claim, the_set

NAMES = [f"c{i}" for i in range(300)]
NAMES[7] = NAMES[290] = "twin"


@pytest.fixture
def store(tmp_path):
    """A store with a set of 300 experiments, two of one name; it tells how often it is asked."""
    store = open_store(tmp_path / "store.db")
    hand_over(store, [NAMES[:200], NAMES[200:]])
    yield Mock(wraps=store)
    store.close()


def complete(store):
    token = must_claim(store)
    store.complete_job_set(token)
    store.release(token)
    return Experiments(store, the_set(store))


def test_neighbours_of_what_was_asked_for_are_found_without_asking(store):
    experiments = complete(store)
    one_of_a_kind = [name for name in NAMES if name != "twin"]
    for _ in range(2):
        assert [NAMES[experiments.index(name)] for name in one_of_a_kind] == one_of_a_kind
    assert store.indices.call_count == 2 * 3
    assert store.unique_names.call_count == 3


def test_a_name_of_several_warns_each_time_whatever_is_remembered(store):
    experiments = complete(store)
    for name in ("c1", "c2", "c289", "c291"):
        experiments.index(name)
    for _ in range(2):
        with pytest.warns(UserWarning, match="several experiments named 'twin'"):
            assert experiments.index("twin") == 7


def test_nothing_is_remembered_while_more_may_come(store):
    experiments = Experiments(store, the_set(store))
    for _ in range(3):
        assert experiments.index("c1") == 1
    store.unique_names.assert_not_called()


def test_a_name_that_there_is_not_is_refused_whatever_is_remembered(store):
    experiments = complete(store)
    experiments.index("c1")
    experiments.index("c2")
    with pytest.raises(JobManagerJobNotFound, match="'nobody'"):
        experiments.index("nobody")


def test_what_is_remembered_is_bounded(store, monkeypatch):
    monkeypatch.setattr("qiskit_job_manager.results.lookup._NAMES_KEPT", 100)
    experiments = complete(store)
    for name in NAMES[8:290]:
        experiments.index(name)
    assert len(experiments._known) <= 100 + 128
