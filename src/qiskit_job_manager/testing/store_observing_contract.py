# ruff: noqa: D102 -- the name of a test is the sentence that it proves
"""The contract of a `Store` for what job sets run in and on; a part of `StoreContract`."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest

from qiskit_job_manager.errors import StoreCorruptError
from qiskit_job_manager.model import Blob, Observation, ObservationKind, Snapshot
from qiskit_job_manager.testing.store_moving_contract import ended, history_of
from qiskit_job_manager.testing.store_samples import NOON, create, draft, must_claim, the_set

if TYPE_CHECKING:
    from qiskit_job_manager.ports import Store
    from qiskit_job_manager.testing.store_samples import OpenAgain

_LATER = NOON + timedelta(hours=1)


def snapshot(text: str) -> Snapshot:
    """Return a snapshot with a content."""
    return Snapshot(hashlib.sha256(text.encode()).digest(), Blob("raw/1", text.encode()))


def seen(text: str, kind: ObservationKind = ObservationKind.CALIBRATION) -> Observation:
    """Return the observation at noon that names the snapshot with a content."""
    return Observation(kind, NOON, NOON, snapshot(text).sha256)


class ObservingContract:
    """What a job set runs in and on is recorded, once for each content."""

    def test_what_is_seen_reads_back(self, store: Store) -> None:
        create(store, draft())
        key = the_set(store).key
        assert store.observations(key) == []
        assert store.observe(key, seen("a"), snapshot("a"))
        assert store.observations(key) == [seen("a")]
        assert store.snapshot(snapshot("a").sha256) == snapshot("a")

    def test_what_is_seen_again_only_lasts_longer(self, store: Store) -> None:
        create(store, draft())
        key = the_set(store).key
        store.observe(key, seen("a"), snapshot("a"))
        store.observe(key, replace(seen("a"), first_at=_LATER, last_at=_LATER), snapshot("a"))
        store.observe(key, seen("a"), snapshot("a"))  # of a clock that is behind
        assert store.observations(key) == [replace(seen("a"), last_at=_LATER)]

    def test_what_changes_and_comes_back_is_told_in_order(self, store: Store) -> None:
        create(store, draft())
        key = the_set(store).key
        missing = Observation(ObservationKind.CALIBRATION, NOON, NOON, None, "no answer")
        own = seen("b", ObservationKind.ENVIRONMENT)
        for each in (seen("a"), own, missing, missing, seen("b"), seen("a")):
            store.observe(
                key, each, None if each.sha256 is None else snapshot("ab"[each != seen("a")])
            )
        assert store.observations(key) == [seen("a"), own, missing, seen("b"), seen("a")]

    def test_a_job_set_begins_with_what_hands_it_over(self, store: Store) -> None:
        made, _ = store.create_job_set(draft(), "me", environment=snapshot("a"))
        own = Observation(
            ObservationKind.ENVIRONMENT, made.created_at, made.created_at, snapshot("a").sha256
        )
        assert store.observations(made.key) == [own]

    def test_a_snapshot_goes_with_the_last_job_set_that_names_it(self, store: Store) -> None:
        first, first_token = store.create_job_set(draft("x"), "me", environment=snapshot("a"))
        second, second_token = store.create_job_set(draft("y"), "me", environment=snapshot("a"))
        store.observe(first.key, seen("b"), snapshot("b"))
        store.delete_job_set(first_token)
        assert store.snapshot(snapshot("a").sha256) == snapshot("a")
        with pytest.raises(StoreCorruptError, match="does not have it"):
            store.snapshot(snapshot("b").sha256)
        assert store.observations(second.key) != []
        store.delete_job_set(second_token)
        with pytest.raises(StoreCorruptError):
            store.snapshot(snapshot("a").sha256)

    def test_nothing_is_recorded_of_a_job_set_that_was_deleted(self, store: Store) -> None:
        create(store, draft())
        key = the_set(store).key
        store.delete_job_set(must_claim(store))
        assert not store.observe(key, seen("a"), snapshot("a"))
        with pytest.raises(StoreCorruptError):
            store.snapshot(snapshot("a").sha256)

    def test_secrets_are_redacted_in_notes(self, store: Store) -> None:
        create(store, draft())
        key = the_set(store).key
        words = "401 for https://x.org/?access_token=k9Qz77secret"
        note = Observation(ObservationKind.CALIBRATION, NOON, NOON, None, words)
        store.observe(key, note)
        assert "k9Qz77secret" not in str(store.observations(key)[0].note)

    def test_an_imported_job_set_brings_what_was_seen(self, store: Store) -> None:
        key = ended(store).key
        missing = Observation(ObservationKind.CALIBRATION, NOON, NOON, None, "no answer")
        history = replace(
            history_of(store, the_set(store), name="other", job_set_id="f" * 32),
            snapshots=[snapshot("a"), snapshot("b")],
            observations=[seen("a"), missing, seen("b")],
        )
        store.observe(key, seen("a"), snapshot("a"))  # it is there already
        imported = store.import_job_set(history)
        assert store.observations(imported.key) == [seen("a"), missing, seen("b")]
        assert store.snapshot(snapshot("b").sha256) == snapshot("b")

    def test_of_two_that_store_the_same_at_once_both_succeed(
        self, store: Store, open_again: OpenAgain
    ) -> None:
        others = [open_again() for _ in range(4)]
        keys = [other.create_job_set(draft(str(n)), "me")[0].key for n, other in enumerate(others)]
        for round_ in range(10):
            barrier = Barrier(len(others))
            done: list[bool] = []

            def record(other: Store, key: int, text: str, meet: Barrier, said: list[bool]) -> None:
                meet.wait()
                said.append(other.observe(key, seen(text), snapshot(text)))

            threads = [
                Thread(target=record, args=(other, key, str(round_), barrier, done))
                for other, key in zip(others, keys, strict=True)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert done == [True] * len(others)
        for other in others:
            other.close()
        assert [len(store.observations(key)) for key in keys] == [10] * len(keys)
